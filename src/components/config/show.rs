//! The whole effective configuration as TOML, each value with where it came from, secrets left out.

use std::fmt::Write;

use toml::{Table, Value};

use super::{Loaded, Source};

pub fn show(loaded: &Loaded) -> String {
    let table = Table::try_from(&loaded.config).unwrap_or_default();
    let (sections, plain): (Vec<_>, Vec<_>) = table.iter().partition(|(_, value)| value.is_table());
    let mut text = String::new();
    for (key, value) in plain {
        line(&mut text, loaded, (key, key), value);
    }
    for (name, section) in sections {
        _ = writeln!(text, "\n[{name}]");
        for (key, value) in section.as_table().into_iter().flatten() {
            line(&mut text, loaded, (&format!("{name}.{key}"), key), value);
        }
    }
    text
}

fn line(text: &mut String, loaded: &Loaded, (path, key): (&str, &str), value: &Value) {
    let source = loaded.sources.get(path).unwrap_or(&Source::Default).to_string();
    // A variable's name or a path with a line break in it must not end the comment.
    _ = writeln!(text, "{key} = {value} # {}", source.replace(char::is_control, "?"));
}
