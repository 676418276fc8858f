//! What is kept of an error: one line, cut, and without what must not lie about in a table.

use crate::components::line::Line;

const LONGEST: usize = 500;

/// Mail servers quote recipients, databases quote values, and either may quote a link with its token.
pub fn of_error(text: &str) -> String {
    let words = text.split_whitespace().map(|word| if is_telling(word) { "…" } else { word });
    let kept: Vec<String> = words.map(|word| Line::new(word).to_string()).collect();
    kept.join(" ").chars().take(LONGEST).collect()
}

fn is_telling(word: &str) -> bool {
    let core = word.trim_matches(|c: char| !c.is_alphanumeric());
    let digits = core.bytes().filter(u8::is_ascii_digit).count();
    let code = core.len() >= 6 && digits == core.len();
    // An id is 36 characters with its dashes, and is what an operator needs.
    let long = core.len() > 30 && uuid::Uuid::try_parse(core).is_err() && !core.contains("::");
    word.contains('@') || word.contains("://") || word.contains("dwr_") || code || long
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn addresses_links_codes_and_tokens_are_left_out() {
        let said = "550 5.1.1 <ada@example.com>: no such user, see https://mx.example/?u=ada code 12345678 \
                    dwr_1_AAAA eyJhbGciOiJFUzI1NiJ9.eyJzdWIiOiIxIn0.c2ln";

        assert_eq!(of_error(said), "550 5.1.1 … no such user, see … code … … …");
    }

    #[test]
    fn an_id_stays_and_the_rest_is_cut() {
        let id = uuid::Uuid::nil();

        assert_eq!(of_error(&format!("job {id} failed")), format!("job {id} failed"));
        assert_eq!(of_error(&"no ".repeat(1000)).chars().count(), 500);
    }
}
