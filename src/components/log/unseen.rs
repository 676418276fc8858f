//! Characters that must not reach a reader as they are: they end lines, colour terminals, or turn the order of text.

use std::fmt::Write;

/// Controls of both sets, line separators, and the marks that hide or reverse text ("Trojan Source").
fn is_unseen(c: char) -> bool {
    c.is_control()
        || matches!(c, '\u{ad}' | '\u{61c}' | '\u{180e}' | '\u{200b}'..='\u{200f}' | '\u{2028}'..='\u{202e}'
            | '\u{2060}'..='\u{206f}' | '\u{feff}' | '\u{fff9}'..='\u{fffb}')
}

/// As a JSON string with its quotes. All of the above have escapes of four digits.
pub fn quoted(text: &str, out: &mut String) {
    out.push('"');
    // Almost everything is plain, and then it is copied.
    match text.bytes().all(|byte| (b' '..=b'~').contains(&byte) && byte != b'"' && byte != b'\\') {
        true => out.push_str(text),
        false => text.chars().for_each(|c| quote(c, out)),
    }
    out.push('"');
}

fn quote(c: char, out: &mut String) {
    match c {
        '"' => out.push_str("\\\""),
        '\\' => out.push_str("\\\\"),
        '\n' => out.push_str("\\n"),
        '\r' => out.push_str("\\r"),
        '\t' => out.push_str("\\t"),
        c if is_unseen(c) => escape(c, out),
        c => out.push(c),
    }
}

/// As a word if it is one, else quoted.
pub fn plain(text: &str, out: &mut String) {
    let is_word = |c: char| c.is_alphanumeric() || "._-:/{}@,+".contains(c);
    if !text.is_empty() && text.chars().all(is_word) { out.push_str(text) } else { quoted(text, out) }
}

fn escape(c: char, out: &mut String) {
    // Writing to a string does not fail.
    let _ = write!(out, "\\u{:04x}", u32::from(c));
}
