//! The embedded list of common passwords, and what is one of them with little added.
//!
//! A list of its own would miss nearly every password of 15 characters or more: what people do is
//! lengthen a short one. So a repetition, a padding, a leet spelling or a pair of common passwords counts as common.

use zeroize::Zeroizing;

/// Sorted by bytes, lower-case ASCII; where it comes from stands in `assets/common-passwords.LICENSE`.
static LIST: &str = include_str!("../../assets/common-passwords.txt");

/// Beyond this the pairs are not tried: no two entries and their padding are longer.
const LONGEST_PAIR: usize = 64;

pub fn covers(password: &str) -> bool {
    let plain = Zeroizing::new(password.to_lowercase());
    let unleeted = Zeroizing::new(plain.chars().map(unleet).collect::<String>());
    super::common_phrases::covers(&unleeted)
        || is_padded(&plain)
        || is_padded(&unleeted)
        || is_pair(&plain)
        || is_pair(&unleeted)
}

fn is_pair(text: &str) -> bool {
    text.chars().count() <= LONGEST_PAIR
        && text.char_indices().skip(1).any(|(at, _)| {
            text.split_at_checked(at).is_some_and(|(left, right)| is_padded(left) && is_padded(right))
        })
}

/// Whether a listed password, once or repeated, is all there is but for digits and signs around it.
fn is_padded(text: &str) -> bool {
    let trimmed = text.trim_matches(|c: char| !c.is_alphabetic());
    let joined = || Zeroizing::new(text.chars().filter(|c| c.is_alphanumeric()).collect::<String>());
    is_listed(text) || is_listed(trimmed) || is_listed(&joined())
}

fn is_listed(text: &str) -> bool {
    // Four characters or fewer, again and again, are no password of any length.
    find(text) || unit(text).is_some_and(|unit| unit.chars().count() <= 4 || find(unit))
}

/// The shortest piece whose repetition, the last one perhaps cut short, makes the whole.
fn unit(text: &str) -> Option<&str> {
    let bytes = text.as_bytes();
    let same = |period: usize| bytes.iter().zip(bytes.iter().skip(period)).all(|(a, b)| a == b);
    // A listed entry has at most 21 bytes, so a longer unit is of no use.
    let period = (1..22).find(|&period| period * 2 <= bytes.len() && same(period))?;
    text.get(..period)
}

/// Binary search over the bytes of the list; lines are found from wherever the middle falls.
fn find(word: &str) -> bool {
    let mut rest = LIST;
    while !rest.is_empty() {
        let middle = rest.len() / 2;
        let start = rest.get(..middle).and_then(|head| head.rfind('\n')).map_or(0, |at| at + 1);
        let end = rest.get(start..).and_then(|tail| tail.find('\n')).map_or(rest.len(), |at| start + at);
        let line = rest.get(start..end).unwrap_or_default();
        rest = match word.cmp(line) {
            std::cmp::Ordering::Equal => return true,
            std::cmp::Ordering::Less => rest.get(..start).unwrap_or_default(),
            std::cmp::Ordering::Greater => rest.get(end + 1..).unwrap_or_default(),
        };
    }
    false
}

fn unleet(c: char) -> char {
    match c {
        '0' => 'o',
        '1' | '!' | '|' => 'i',
        '3' => 'e',
        '4' | '@' => 'a',
        '5' | '$' => 's',
        '7' | '+' => 't',
        other => other,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_list_is_sorted_lower_case_and_large_enough() {
        let lines: Vec<&str> = LIST.lines().collect();

        assert!(lines.is_sorted_by(|a, b| a < b));
        assert!(lines.iter().all(|line| line.is_ascii() && *line == line.to_lowercase()));
        assert!(lines.iter().filter(|line| line.len() >= 8).count() >= 20_000);
        assert!(lines.iter().all(|line| line.len() <= 21));
    }

    #[test]
    fn every_entry_is_found_in_any_case() {
        let missed: Vec<&str> =
            LIST.lines().filter(|line| !find(line) || !covers(&line.to_uppercase())).collect();

        assert!(missed.is_empty(), "{missed:?}");
    }

    #[test]
    fn trivial_extensions_are_covered() {
        let common = [
            "password12345678",
            "Password!Password!",
            "P@ssw0rd2026!!!!!",
            "123456789123456789",
            "aaaaaaaaaaaaaaaa",
            "abababababababab",
            "qwertyuiop123456",
            "***iloveyou***2026",
            "Sunshine2024Princess",
            "passwordpasswordpa",
        ];

        let missed: Vec<&&str> = common.iter().filter(|text| !covers(text)).collect();

        assert!(missed.is_empty(), "{missed:?}");
    }

    #[test]
    fn uncommon_ones_are_not_covered() {
        assert!(!covers("aaaa bbbb cccc dddd"));
        assert!(!covers("correct lamp battery meadow"));
        assert!(!covers("grüne Kähne im Nebel"));
        assert!(!covers(""));
    }
}
