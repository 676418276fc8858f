//! A tenant's own words, in which names stand for what is told of what happened.

use serde_json::Value;

/// `{{user.name}}` becomes what stands there, made harmless for where it is going; what is none becomes nothing.
pub fn filled(text: &str, envelope: &Value, tame: impl Fn(&str) -> String) -> String {
    let mut said = String::new();
    let mut rest = text;
    while let Some((before, behind)) = rest.split_once("{{") {
        said.push_str(before);
        let Some((path, after)) = behind.split_once("}}") else {
            said.push_str("{{");
            rest = behind;
            continue;
        };
        let found = path.trim().split('.').try_fold(envelope, |value, name| value.get(name));
        match found {
            Some(Value::String(text)) => said.push_str(&tame(text)),
            Some(value @ (Value::Number(_) | Value::Bool(_))) => said.push_str(&value.to_string()),
            _ => {}
        }
        rest = after;
    }
    said.push_str(rest);
    said
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn names_are_filled_in_once_and_as_they_are_tamed() {
        let envelope =
            json!({ "user": { "name": "Eve {{user.secret}}", "secret": "x" }, "data": { "count": 3 } });

        let text = "{{ user.name }}: {{data.count}} {{nobody.here}}{{user}}, {{ and";
        let said = filled(text, &envelope, |told| told.replace("Eve", "Adam"));

        assert_eq!(said, "Adam {{user.secret}}: 3 , {{ and");
    }
}
