//! What a rule may cost, told before it is asked: rules are other people's programs, and a loop within a loop over a long list
//! would keep a thread busy for seconds.

use serde_json::Value;

/// Steps, and bytes of what is made on the way.
const STEPS: u64 = 2_000_000;
const BYTES: u64 = 16 << 20;

/// What a part of a rule comes to, at most.
#[derive(Debug, Clone, Copy, Default)]
struct Cost {
    steps: u64,
    bytes: u64,
    items: u64,
}

/// Whether a rule that is asked of this many bytes ends soon.
pub fn is_bearable(rule: &Value, of: usize) -> bool {
    let cost = cost(rule, u64::try_from(of).unwrap_or(u64::MAX));
    cost.steps <= STEPS && cost.bytes <= BYTES
}

fn cost(rule: &Value, of: u64) -> Cost {
    match rule {
        Value::Array(items) => {
            let all = sum(items.iter().map(|item| cost(item, of)));
            Cost { items: u64::try_from(items.len()).unwrap_or(u64::MAX), ..all }
        }
        Value::Object(members) => {
            members.iter().next().map_or_else(Cost::default, |(name, operand)| operation(name, operand, of))
        }
        Value::String(text) => {
            Cost { steps: 1, bytes: u64::try_from(text.len()).unwrap_or(u64::MAX), items: 1 }
        }
        _ => Cost { steps: 1, bytes: 8, items: 1 },
    }
}

fn operation(name: &str, operand: &Value, of: u64) -> Cost {
    let operands = operand.as_array().map_or(std::slice::from_ref(operand), Vec::as_slice);
    let costs: Vec<Cost> = operands.iter().map(|operand| cost(operand, of)).collect();
    let all = sum(costs.iter().copied());
    let steps = all.steps.saturating_add(1);
    let [first, second] = [0, 1].map(|at| costs.get(at).copied().unwrap_or_default());
    match name {
        // A list of numbers has an item for every second byte.
        "var" | "missing" | "missing_some" => {
            Cost { steps, bytes: of.max(all.bytes), items: (of / 2).max(1) }
        }
        "map" | "filter" | "all" | "none" | "some" => {
            let times = first.items;
            let steps = steps.saturating_add(times.saturating_mul(second.steps.saturating_add(1)));
            let bytes = if name == "map" { times.saturating_mul(second.bytes.max(8)) } else { first.bytes };
            // What is made on the way counts, also where nothing of it is kept.
            Cost { steps, bytes: bytes.max(times.saturating_mul(second.bytes / 64)), items: times }
        }
        "in" => Cost { steps: steps.saturating_add(all.bytes / 8), bytes: 8, items: 1 },
        "cat" | "merge" | "substr" => {
            Cost { steps: steps.saturating_add(all.bytes / 16), bytes: all.bytes, items: all.items }
        }
        _ => Cost { steps, ..all },
    }
}

fn sum(costs: impl Iterator<Item = Cost>) -> Cost {
    costs.fold(Cost::default(), |sum, cost| Cost {
        steps: sum.steps.saturating_add(cost.steps),
        bytes: sum.bytes.saturating_add(cost.bytes),
        items: sum.items.saturating_add(cost.items),
    })
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn what_people_write_is_bearable_of_what_happens() {
        let role =
            json!({ "some": [{ "var": "user.roles" }, { "in": [{ "var": "" }, ["guest", "visitor"]] }] });
        let pairs = json!({ "some": [{ "var": "user.roles" }, { "some": [["guest", "visitor"], { "==": [{ "var": "" }, "guest"] }] }] });
        let text =
            json!({ "in": [{ "cat": ["@", { "var": "user.emailDomain" }] }, "@acme.test @acme.example"] });
        let names =
            json!({ "in": ["guest", { "map": [{ "var": "data.roles" }, { "cat": [{ "var": "" }, ""] }] }] });
        for rule in [role, pairs, text, names] {
            assert!(is_bearable(&rule, 4_096), "{rule}");
        }
    }

    #[test]
    fn loops_over_much_and_what_grows_on_the_way_are_not() {
        let merged = |times: usize| json!({ "merge": vec![json!({ "var": "data.a" }); times] });
        let zeros = vec![0; 215];
        let loops = json!({ "some": [merged(35), { "some": [zeros, { "==": [{ "var": "" }, -1] }] }] });
        let grown = json!({ "some": [{ "map": [merged(4), { "cat": [{ "var": "" }, "z".repeat(6_000)] }] }, { "==": [1, 2] }] });
        let both =
            json!({ "some": [{ "var": "data.a" }, { "some": [{ "var": "data.a" }, { "==": [1, 2] }] }] });
        for rule in [loops, grown, both] {
            assert!(!is_bearable(&rule, 28_000), "{rule}");
        }
    }
}
