//! A request as a waterfall in text: each step under its parent, with when it ran and how long.

use super::told::{Told, millis};
use crate::components::terminal::{Ink, paint};

/// Two hundred milliseconds or two: the whole is always as wide.
const BAR: usize = 28;
const WIDEST_NAME: usize = 32;

/// The heading, and a line for each step.
pub fn tree(told: &Told<'_>) -> String {
    let tenant = told.says("tenant");
    let mut lines = vec![
        format!(
            "{}  {}  {}{}",
            paint(Ink::Bold, &told.route()),
            paint(told.ink(), &told.state()),
            millis(told.millis()),
            if tenant.is_empty() { String::new() } else { format!("  at {tenant}") },
        ),
        paint(Ink::Dim, &format!("{}  {}", told.says("id"), told.says("at"))),
    ];
    lines.extend(told.refusal().map(|refusal| format!("refused: {}", paint(told.ink(), &refusal))));
    lines.push(String::new());
    let whole = told.millis().max(f64::EPSILON);
    lines.push(line((told.says("kind"), 0), (0.0, told.millis()), whole, &[]));
    for step in told.steps() {
        let depth = step.number("depth") as usize;
        let span = (step.number("offset"), step.millis());
        lines.push(line((step.says("name"), depth), span, whole, &fields(&step)));
    }
    let left = told.number("leftOut");
    if left > 0.0 {
        lines.push(format!("({left} more steps were left out)"));
    }
    lines.join("\n")
}

fn fields(step: &Told<'_>) -> Vec<String> {
    let fields = step.0.get("fields").and_then(serde_json::Value::as_object);
    let pair = |(name, value): (&String, &serde_json::Value)| match value.as_str() {
        Some(text) => format!("{name}={text}"),
        None => format!("{name}={value}"),
    };
    fields.into_iter().flatten().map(pair).collect()
}

fn line((name, depth): (&str, usize), (offset, took): (f64, f64), whole: f64, fields: &[String]) -> String {
    let name = format!("{}{name}", "  ".repeat(depth));
    let columns = |share: f64| ((share / whole).clamp(0.0, 1.0) * BAR as f64).round() as usize;
    let start = columns(offset).min(BAR - 1);
    let width = columns(took).clamp(1, BAR - start);
    let bar = format!("{}{}", " ".repeat(start), "█".repeat(width));
    let told = format!("{name:<WIDEST_NAME$} ▕{bar:<BAR$}▏ {:>10}", millis(took));
    if fields.is_empty() { told } else { format!("{told}  {}", paint(Ink::Dim, &fields.join(" "))) }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn steps_stand_under_their_parents_and_bars_where_they_ran() {
        let event = json!({
            "kind": "request", "id": "0199", "at": "2026-11-22T14:03:22Z", "millis": 10.0, "tenant": "demo",
            "fields": { "method": "GET", "route": "/x", "status": 200, "outcome": "ok" }, "leftOut": 0,
            "steps": [ { "name": "gate", "depth": 1, "offset": 0.0, "millis": 5.0, "fields": {} },
                       { "name": "db.read", "depth": 2, "offset": 5.0, "millis": 5.0, "fields": { "count": 3 } } ],
        });

        let tree = tree(&Told(&event));

        let lines: Vec<&str> = tree.lines().collect();
        assert_eq!(lines[0], "GET /x  200  10.0 ms  at demo");
        assert!(lines[4].starts_with("  gate ") && lines[4].ends_with("5.00 ms"), "{tree}");
        let half = format!("▕{}{}▏", " ".repeat(14), "█".repeat(14));
        assert!(lines[5].starts_with("    db.read ") && lines[5].contains(&half), "{tree}");
        assert!(lines[5].ends_with("  count=3"), "{tree}");
    }
}
