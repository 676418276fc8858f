//! Claims that actions add to tokens: below `ext`, so that none of ours is touched, and by no name that a reader may take for
//! one of ours (PRIV-10).

use serde_json::{Map, Value};

use super::conditions;
use crate::identity::asking::Added;

/// Of one action.
const MOST: usize = 20;
/// Bytes of all that is added to a token: it travels with each request, in a header.
const LONGEST: usize = 1024;
const NAME: usize = 64;
const ITEMS: usize = 50;

/// What tokens say of rights and of people by other standards and ours. Backends that lift what is below `ext` to the top must
/// not be misled.
const RESERVED: &[&str] = &[
    "acr",
    "act",
    "amr",
    "aud",
    "auth_time",
    "azp",
    "client_id",
    "cnf",
    "email",
    "email_verified",
    "exp",
    "ext",
    "iat",
    "iss",
    "jti",
    "kid",
    "may_act",
    "nbf",
    "nonce",
    "pending",
    "permissions",
    "roles",
    "scope",
    "scp",
    "session",
    "sid",
    "sub",
    "tenant",
    "typ",
];

/// What is wrong with these names, in words.
pub fn are_names<'a>(names: impl ExactSizeIterator<Item = &'a String>) -> Result<(), String> {
    if names.len() > MOST {
        return Err(format!("At most {MOST} claims."));
    }
    for name in names {
        let letter = |byte: u8| byte.is_ascii_alphanumeric() || b"_-.:/".contains(&byte);
        if name.len() > NAME
            || !name.starts_with(|first: char| first.is_ascii_alphabetic())
            || !name.bytes().all(letter)
        {
            return Err(format!(
                "A claim's name is a letter and up to {NAME} of a-z, A-Z, 0-9, _, -, ., : and /."
            ));
        }
        if RESERVED.contains(&name.to_ascii_lowercase().as_str()) {
            return Err(format!("No claim of yours is called one of {}.", RESERVED.join(" ")));
        }
    }
    Ok(())
}

/// The same, of claims with what each is to say.
pub fn are_rules(claims: &Map<String, Value>) -> Result<(), String> {
    if claims.is_empty() {
        return Err("It adds at least one claim.".into());
    }
    are_names(claims.keys().collect::<Vec<_>>().into_iter())?;
    claims.values().try_for_each(conditions::check)
}

/// What they say of what happens. Null is left out.
pub fn told(rules: &Map<String, Value>, envelope: &Value) -> Result<Added, String> {
    let mut told = Added::new();
    for (name, rule) in rules {
        told.insert(name.clone(), conditions::evaluate(rule, envelope)?);
    }
    plain(told)
}

/// Of what a webhook would add, what it may.
pub fn among(claims: Map<String, Value>, names: &[String]) -> Result<Added, String> {
    plain(claims.into_iter().filter(|(name, _)| names.contains(name)).collect())
}

fn plain(mut claims: Added) -> Result<Added, String> {
    claims.retain(|_, value| !value.is_null());
    let is_one = |value: &Value| value.is_string() || value.is_number() || value.is_boolean();
    let is_plain = |value: &Value| match value {
        Value::Array(items) => items.len() <= ITEMS && items.iter().all(is_one),
        value => is_one(value),
    };
    if claims.values().all(is_plain) {
        return Ok(claims);
    }
    Err(format!("A claim says a text, a number, true or false, or a list of up to {ITEMS} of them."))
}

/// Whoever was asked first has said it.
pub fn join(added: &mut Added, more: Added) -> Result<(), String> {
    for (name, value) in more {
        added.entry(name).or_insert(value);
    }
    let bytes = serde_json::to_vec(added).map_or(usize::MAX, |text| text.len());
    if bytes <= LONGEST {
        Ok(())
    } else {
        Err(format!("A token's claims have at most {LONGEST} bytes together."))
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn map(value: Value) -> Map<String, Value> {
        serde_json::from_value(value).unwrap()
    }

    #[test]
    fn priv_10_no_claim_is_called_like_one_of_ours() {
        for name in RESERVED.iter().copied().chain(["Sub", "ROLES", "", "1st", "a b", "é", "__proto__"]) {
            assert!(are_rules(&map(json!({ name: 1 }))).is_err(), "{name}");
        }
        assert!(are_rules(&map(json!({ "department": 1, "urn:x/y": { "var": "user.name" } }))).is_ok());
        assert!(are_rules(&map(json!({ "department": { "eval": 1 } }))).is_err());
        assert!(are_rules(&Map::new()).is_err());
    }

    #[test]
    fn a_claim_is_a_plain_value_or_what_a_rule_comes_to() {
        let rules = map(json!({
            "plan": "gold", "level": 3, "tags": ["a", "b"], "domain": { "var": "user.emailDomain" }, "none": { "var": "nothing" },
        }));
        let added = told(&rules, &json!({ "user": { "emailDomain": "a.example" } })).unwrap();
        assert_eq!(
            Value::Object(added),
            json!({ "plan": "gold", "level": 3, "tags": ["a", "b"], "domain": "a.example" })
        );
        assert!(told(&map(json!({ "all": { "var": "user" } })), &json!({ "user": { "id": 1 } })).is_err());
    }

    #[test]
    fn what_was_said_first_stays_and_all_has_an_end() {
        let mut added = map(json!({ "plan": "gold" }));
        join(&mut added, map(json!({ "plan": "free", "more": 1 }))).unwrap();
        assert_eq!(Value::Object(added.clone()), json!({ "plan": "gold", "more": 1 }));
        assert!(join(&mut added, map(json!({ "long": "x".repeat(LONGEST) }))).is_err());
        let other = among(map(json!({ "plan": 1, "sub": "eve" })), &["plan".into()]).unwrap();
        assert_eq!(Value::Object(other), json!({ "plan": 1 }));
    }
}
