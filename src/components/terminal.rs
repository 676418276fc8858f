//! What people read on stdout: plain text, with colours in a terminal alone.

use std::io::{IsTerminal, Write};

use crate::base::shown::escaped;

#[derive(Debug, Clone, Copy)]
pub enum Ink {
    Bold,
    Dim,
    Green,
    Yellow,
    Red,
    Link,
}

/// Coloured if stdout is a terminal and nobody asked for none (<https://no-color.org>).
pub fn paint(ink: Ink, text: &str) -> String {
    let wanted = std::env::var_os("NO_COLOR").is_none_or(|said| said.is_empty());
    if wanted && std::io::stdout().is_terminal() { coloured(ink, text) } else { text.to_owned() }
}

fn coloured(ink: Ink, text: &str) -> String {
    let code = match ink {
        Ink::Bold => "1",
        Ink::Dim => "2",
        Ink::Green => "32",
        Ink::Yellow => "33",
        Ink::Red => "31",
        Ink::Link => "4;36",
    };
    format!("\u{1b}[{code}m{text}\u{1b}[0m")
}

/// One or more lines. Whoever closed the pipe has read enough.
pub fn say(text: &str) {
    let mut out = std::io::stdout().lock();
    drop(writeln!(out, "{text}").and_then(|()| out.flush()));
}

/// False when nobody reads any more: who follows something then has no reason to go on.
pub fn tell(text: &str) -> bool {
    let mut out = std::io::stdout().lock();
    writeln!(out, "{text}").and_then(|()| out.flush()).is_ok()
}

/// As wide as a terminal always is.
const COLUMNS: usize = 80;

/// A sentence in lines that fit, each behind the margin given.
pub fn folded(text: &str, margin: &str) -> String {
    let mut lines = vec![margin.to_owned()];
    for word in text.split_whitespace() {
        let line = lines.last().map_or(0, |line| line.chars().count());
        if line > margin.len() && line + 1 + word.chars().count() > COLUMNS {
            lines.push(margin.to_owned());
        }
        if let Some(line) = lines.last_mut() {
            if line.len() > margin.len() {
                line.push(' ');
            }
            line.push_str(word);
        }
    }
    lines.join("\n")
}

/// Columns that line up, each as wide as its widest cell; the first row is the head.
/// Cells hold what people call themselves: nothing in them speaks to the terminal.
pub fn table(rows: &[Vec<String>]) -> String {
    let rows: Vec<Vec<String>> =
        rows.iter().map(|row| row.iter().map(|cell| escaped(cell)).collect()).collect();
    let columns = rows.iter().map(Vec::len).max().unwrap_or(0);
    let width = |at: usize| rows.iter().filter_map(|row| row.get(at)).map(|cell| cell.chars().count()).max();
    let widths: Vec<usize> = (0..columns).map(|at| width(at).unwrap_or(0)).collect();
    let lines = rows.iter().enumerate().map(|(at, row)| {
        let cells = row.iter().zip(&widths).map(|(cell, width)| format!("{cell:<width$}"));
        let line = cells.collect::<Vec<_>>().join("  ");
        let line = line.trim_end();
        if at == 0 { paint(Ink::Dim, line) } else { line.to_owned() }
    });
    lines.collect::<Vec<_>>().join("\n")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn columns_line_up_and_nothing_trails() {
        let rows = [["NAME", "STATE"], ["library", "open"]].map(|row| row.map(String::from).to_vec());

        assert_eq!(table(&rows), "NAME     STATE\nlibrary  open");
    }

    #[test]
    fn a_cell_gives_a_terminal_no_orders() {
        assert_eq!(
            table(&[vec!["NAME".into()], vec!["\u{1b}[2J\u{202e}eve".into()]]),
            "NAME\n\\u{1b}[2J\\u{202e}eve"
        );
    }

    #[test]
    fn a_sentence_is_folded_between_words_and_stays_behind_its_margin() {
        let text = "word ".repeat(40);

        let lines = folded(&text, "   ");

        assert!(
            lines.lines().all(|line| line.starts_with("   word") && line.chars().count() <= 80),
            "{lines}"
        );
        assert_eq!(lines.split_whitespace().count(), 40);
    }

    #[test]
    fn outside_a_terminal_nothing_is_coloured() {
        assert_eq!(coloured(Ink::Red, "no"), "\u{1b}[31mno\u{1b}[0m");
        assert!(std::io::stdout().is_terminal() || paint(Ink::Red, "no") == "no");
    }
}
