//! When an action acts: a rule in JSON Logic, asked of what happened. No rule: always.
//!
//! Rules are other people's programs. So they are small, know no loop that could keep what it made, and what they cannot mean
//! is refused when they are written and not when they run.

use std::collections::BTreeSet;

use datalogic_rs::Engine;
use serde_json::Value;

use super::cost;
use crate::triggers::catalogue;

/// As text.
const LONGEST: usize = 8 * 1024;
const DEEPEST: usize = 16;
/// Values in one rule.
const MOST: usize = 300;
/// Loops within loops.
const LOOPS: usize = 2;

/// What a rule is made of. `reduce` is none of them: what it gathers may double at each step.
const OPERATORS: &[&str] = &[
    "var",
    "missing",
    "missing_some",
    "==",
    "===",
    "!=",
    "!==",
    "!",
    "!!",
    "or",
    "and",
    "if",
    "?:",
    ">",
    ">=",
    "<",
    "<=",
    "max",
    "min",
    "+",
    "-",
    "*",
    "/",
    "%",
    "map",
    "filter",
    "all",
    "none",
    "some",
    "merge",
    "in",
    "cat",
    "substr",
];
const LOOPING: &[&str] = &["map", "filter", "all", "none", "some"];
/// Bytes of what happens, as a rule.
const USUAL: usize = 2 * 1024;
/// Members of what a rule is asked of.
const KNOWN: &[&str] = &["event", "id", "time", "sequence", "tenant", "actor", "subject", "data", "user"];
/// Of some of them, what is in them.
const MEMBERS: &[(&str, &[&str])] = &[
    ("tenant", &["id", "name"]),
    ("actor", &["kind", "id"]),
    ("subject", &["kind", "id"]),
    ("user", &["id", "name", "email", "emailDomain", "active", "locale", "createdAt", "roles"]),
];
/// In words for the tenant.
const TOO_COSTLY: &str =
    "It would take too long: a loop within a loop, or over lists that are put together, over this much.";

pub fn is_always(rule: &Value) -> bool {
    match rule {
        Value::Null => true,
        Value::Object(members) => members.is_empty(),
        Value::Array(items) => items.is_empty(),
        _ => false,
    }
}

/// What is wrong with a rule, in words.
pub fn check(rule: &Value) -> Result<(), String> {
    if is_always(rule) {
        return Ok(());
    }
    if rule.to_string().len() > LONGEST {
        return Err(format!("A rule has at most {LONGEST} bytes."));
    }
    let mut left = MOST;
    walk(rule, 0, 0, &mut left)?;
    if !cost::is_bearable(rule, USUAL) {
        return Err(TOO_COSTLY.into());
    }
    let compiled = Engine::new().compile(rule.to_string().as_str());
    compiled.map(drop).map_err(|_| "This cannot be read as a rule of JSON Logic.".to_owned())
}

fn walk(rule: &Value, depth: usize, loops: usize, left: &mut usize) -> Result<(), String> {
    *left = left.checked_sub(1).ok_or_else(|| format!("A rule has at most {MOST} values."))?;
    if depth > DEEPEST {
        return Err(format!("A rule is at most {DEEPEST} deep."));
    }
    match rule {
        Value::Array(items) => items.iter().try_for_each(|item| walk(item, depth + 1, loops, left)),
        Value::Object(members) => {
            let Some((operator, operand)) = members.iter().next().filter(|_| members.len() == 1) else {
                return Err("An operation is an object with one member, such as {\"==\": [1, 1]}.".into());
            };
            if !OPERATORS.contains(&operator.as_str()) {
                return Err(format!("An operator is none of ours; there are {}.", OPERATORS.join(" ")));
            }
            let loops = loops + usize::from(LOOPING.contains(&operator.as_str()));
            if loops > LOOPS {
                return Err(format!("Loops stand at most {LOOPS} within each other."));
            }
            walk(operand, depth + 1, loops, left)
        }
        _ => Ok(()),
    }
}

/// Variables that nothing is ever found by: a misspelled one is null, and so its rule never holds, or always.
pub fn unknown(rule: &Value, trigger: &str) -> BTreeSet<String> {
    let mut found = BTreeSet::new();
    variables(rule, false, &mut found);
    found.retain(|name| !is_known(name, trigger));
    found
}

fn is_known(name: &str, trigger: &str) -> bool {
    let mut parts = name.split('.');
    let (first, second) = (parts.next().unwrap_or(name), parts.next());
    let Some(second) = second else { return KNOWN.contains(&first) };
    if first == "data" {
        // What a trigger of the tenant's own tells, nobody knows.
        let told = catalogue::find(trigger);
        return told.is_none_or(|told| told.data.iter().any(|(member, _)| *member == second));
    }
    MEMBERS.iter().any(|(known, members)| *known == first && members.contains(&second))
}

fn variables(rule: &Value, within_loop: bool, found: &mut BTreeSet<String>) {
    match rule {
        Value::Array(items) => items.iter().for_each(|item| variables(item, within_loop, found)),
        Value::Object(members) => {
            for (operator, operand) in members {
                let name = operand.as_str().or_else(|| operand.get(0).and_then(Value::as_str));
                if let Some(name) = name.filter(|name| operator == "var" && !within_loop && !name.is_empty())
                {
                    found.insert(name.to_owned());
                }
                // Within a loop names are those of the item.
                variables(operand, within_loop || LOOPING.contains(&operator.as_str()), found);
            }
        }
        _ => {}
    }
}

/// Whether it holds of what happened; or why it cannot be asked, in words for the tenant.
pub fn holds(rule: &Value, envelope: &Value) -> Result<bool, String> {
    if is_always(rule) {
        return Ok(true);
    }
    Ok(is_true(&evaluate(rule, envelope)?))
}

/// What it comes to; or why it cannot be asked.
pub fn evaluate(rule: &Value, envelope: &Value) -> Result<Value, String> {
    let happened = envelope.to_string();
    if !cost::is_bearable(rule, happened.len()) {
        return Err(TOO_COSTLY.into());
    }
    // The engine's words are about its own insides.
    let broken = "It ended in an error, such as counting with what is no number.";
    let found = Engine::new().eval_str(rule.to_string().as_str(), happened.as_str()).map_err(|_| broken)?;
    serde_json::from_str(&found).map_err(|_| broken.to_owned())
}

/// As JSON Logic says it: an empty list is false, an empty object is true.
fn is_true(value: &Value) -> bool {
    match value {
        Value::Null => false,
        Value::Bool(whether) => *whether,
        Value::Number(number) => number.as_f64().is_some_and(|number| number != 0.0),
        Value::String(text) => !text.is_empty(),
        Value::Array(items) => !items.is_empty(),
        Value::Object(_) => true,
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn happened() -> Value {
        json!({ "event": "doorward.user.post.create", "user": { "email": "eve@else.test", "emailDomain": "else.test", "roles": [] } })
    }

    #[test]
    fn no_rule_holds_always() {
        for rule in [json!(null), json!({}), json!([])] {
            assert_eq!((check(&rule), holds(&rule, &happened())), (Ok(()), Ok(true)));
        }
    }

    #[test]
    fn a_rule_asks_what_happened() {
        let from_outside = json!({ "!=": [{ "var": "user.emailDomain" }, "acme.test"] });
        assert_eq!(check(&from_outside), Ok(()));
        assert_eq!(holds(&from_outside, &happened()), Ok(true));
        let from_inside = json!({ "in": [{ "var": "user.emailDomain" }, ["acme.test", "acme.example"]] });
        assert_eq!(holds(&from_inside, &happened()), Ok(false));
        assert_eq!(holds(&json!({ "var": "user.roles" }), &happened()), Ok(false), "an empty list is false");
    }

    #[test]
    fn what_a_rule_cannot_mean_is_said_when_it_is_written() {
        let mut deep = json!(1);
        for _ in 0..40 {
            deep = json!({ "!": [deep] });
        }
        let doubling = json!({ "reduce": [[1, 2], { "cat": [{ "var": "accumulator" }, { "var": "accumulator" }] }, "x"] });
        let loops = json!({ "map": [[1], { "map": [[1], { "map": [[1], 1] }] }] });
        let wide = json!({ "or": vec![1; 400] });
        let long = json!({ "==": ["a".repeat(9000), 1] });
        for wrong in [
            deep,
            doubling,
            loops,
            wide,
            long,
            json!({ "==": [1, 1], "!=": [1, 2] }),
            json!({ "system": "ls" }),
        ] {
            assert!(check(&wrong).is_err(), "{wrong}");
        }
    }

    #[test]
    fn a_misspelled_variable_is_found() {
        let rule = json!({ "and": [{ "var": "usr.email" }, { "some": [{ "var": "user.roles" }, { "==": [{ "var": "" }, "x"] }] }] });
        assert_eq!(unknown(&rule, "x.any"), BTreeSet::from(["usr.email".to_owned()]));
        let inside = json!({ "and": [{ "var": "user.emial" }, { "var": "data.emailDomian" }, { "var": "data.emailDomain" }, { "var": "user" }] });
        let found = unknown(&inside, "doorward.user.pre.create");
        assert_eq!(found, BTreeSet::from(["data.emailDomian".to_owned(), "user.emial".to_owned()]));
        assert_eq!(unknown(&inside, "x.own"), BTreeSet::from(["user.emial".to_owned()]));
    }
}
