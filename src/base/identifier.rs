//! Names of rights, as people write them in files, requests and code.

/// The role that governs a tenant: it holds every permission, and nobody edits it.
pub const ADMIN: &str = "admin";

const ROLE: usize = 64;
const PART: usize = 32;

/// What a role may be called: 1 to 64 of `a-z`, `0-9`, `-`, `_`, `.` and `:`, a letter or digit first. Lower-case ASCII
/// alone: no two roles look alike to whoever gives them.
pub fn is_role(text: &str) -> bool {
    let within = text.bytes().all(|byte| is_plain(byte) || matches!(byte, b'-' | b'_' | b'.' | b':'));
    text.len() <= ROLE && within && text.bytes().next().is_some_and(is_plain)
}

/// `area:thing:verb`: two to four parts of 1 to 32 of `a-z`, `0-9`, `-` and `_`.
pub fn is_permission(text: &str) -> bool {
    let within = |part: &str| {
        (1..=PART).contains(&part.len())
            && part.bytes().all(|byte| is_plain(byte) || matches!(byte, b'-' | b'_'))
    };
    (2..=4).contains(&text.split(':').count()) && text.split(':').all(within)
}

fn is_plain(byte: u8) -> bool {
    matches!(byte, b'a'..=b'z' | b'0'..=b'9')
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_role_is_lower_case_ascii_of_64_at_most() {
        for good in ["admin", "help-desk", "2nd.line", "a:b_c", &"a".repeat(64)] {
            assert!(is_role(good), "{good}");
        }
        for bad in ["", "Admin", "-a", ".a", "a b", "é", "a\n", &"a".repeat(65)] {
            assert!(!is_role(bad), "{bad:?}");
        }
    }

    #[test]
    fn a_permission_has_two_to_four_parts() {
        for good in ["shop:order", "shop:order:refund", "a:b:c:d", "a-1:b_2"] {
            assert!(is_permission(good), "{good}");
        }
        for bad in ["", "shop", "shop:", ":order", "a:b:c:d:e", "Shop:order", "shop:order :x", "a:*"] {
            assert!(!is_permission(bad), "{bad:?}");
        }
        assert!(!is_permission(&format!("a:{}", "b".repeat(33))));
    }
}
