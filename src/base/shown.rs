//! Text that is shown to people: what of it nobody would see, and what would turn or bury the text around it.

use unicode_normalization::char::is_combining_mark;

/// Marks on one letter. Vietnamese needs two, a scholar's Hebrew or Tibetan five; a pile of them covers other lines.
const MARKS: usize = 8;

const JOINERS: [char; 2] = ['\u{200c}', '\u{200d}'];

/// Whether something in it is not seen: controls, the marks that hide or reverse text ("Trojan Source"), blanks of no
/// width, joiners where nothing joins, piles of marks. Names are compared by eye, so what the eye misses is refused.
pub fn hides_something(text: &str) -> bool {
    let chars: Vec<char> = text.chars().collect();
    let unseen = chars.iter().enumerate().any(|(at, c)| match c {
        c if JOINERS.contains(c) => {
            let before = at.checked_sub(1).and_then(|before| chars.get(before));
            !before.zip(chars.get(at + 1)).is_some_and(|(before, after)| join(*before, *after))
        }
        c => is_unseen(*c),
    });
    unseen || chars.chunk_by(|a, b| is_combining_mark(*a) && is_combining_mark(*b)).any(is_pile)
}

fn is_pile(run: &[char]) -> bool {
    run.len() > MARKS && run.first().is_some_and(|c| is_combining_mark(*c))
}

/// Controls, separators of lines, format characters (Unicode's Cf, but for the joiners), and fillers that are letters
/// by name only.
pub fn is_unseen(c: char) -> bool {
    c.is_control()
        || matches!(
            c,
            '\u{ad}' | '\u{34f}' | '\u{600}'..='\u{605}' | '\u{61c}' | '\u{6dd}' | '\u{70f}' | '\u{890}'..='\u{891}'
                | '\u{8e2}' | '\u{115f}'..='\u{1160}' | '\u{17b4}'..='\u{17b5}' | '\u{180e}' | '\u{200b}'
                | '\u{200e}'..='\u{200f}' | '\u{2028}'..='\u{202e}' | '\u{2060}'..='\u{206f}' | '\u{2800}'
                | '\u{3164}' | '\u{feff}' | '\u{ffa0}' | '\u{fff9}'..='\u{fffb}' | '\u{110bd}' | '\u{110cd}'
                | '\u{13430}'..='\u{1343f}' | '\u{1bca0}'..='\u{1bca3}' | '\u{1d173}'..='\u{1d17a}'
                | '\u{e0000}'..='\u{e007f}'
        )
}

/// Persian, the scripts of India and others write with joiners; so do families of emoji. Latin, Greek and Cyrillic
/// need none: there one only makes two names that look like one.
fn join(before: char, after: char) -> bool {
    let of_such_a_script = |c: char| c >= '\u{590}' && !('\u{1e00}'..='\u{1fff}').contains(&c);
    let written = |c: char| of_such_a_script(c) && (c.is_alphabetic() || is_combining_mark(c));
    let drawn = |c: char| matches!(c, '\u{2190}'..='\u{2bff}' | '\u{fe0f}' | '\u{1f000}'..='\u{1faff}');
    (written(before) && written(after)) || (drawn(before) && drawn(after))
}

/// For a terminal: what would not be seen stands there as its number.
pub fn escaped(text: &str) -> String {
    let each = text.chars().map(|c| {
        if is_unseen(c) || JOINERS.contains(&c) { c.escape_unicode().to_string() } else { c.to_string() }
    });
    each.collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_nobody_sees_is_found_wherever_it_stands() {
        let piled = format!("e{}", "\u{301}".repeat(9));
        for text in
            ["\u{202e}evil", "a\u{200b}", "\u{feff}a", "A\u{200d}da", "\u{200d}", "\u{3164}", "a\nb", &piled]
        {
            assert!(hides_something(text), "{text:?}");
        }
    }

    #[test]
    fn what_scripts_need_is_seen() {
        let marked = format!("e{}a", "\u{301}".repeat(8));
        for text in [
            "",
            "Zoë",
            "नक्\u{200d}ष",
            "می\u{200c}خ",
            "👩\u{200d}💻",
            "❤\u{fe0f}\u{200d}🔥",
            "Nguyễn",
            &marked,
        ] {
            assert!(!hides_something(text), "{text:?}");
        }
    }

    #[test]
    fn a_terminal_is_given_numbers_for_what_it_would_obey() {
        assert_eq!(escaped("a\u{1b}[31m\u{202e}é"), "a\\u{1b}[31m\\u{202e}é");
    }
}
