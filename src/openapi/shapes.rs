//! The schemas of the document: what goes in as it is read, what comes out as it is written.

use schemars::generate::{SchemaGenerator, SchemaSettings};
use serde_json::{Map, Value, json};

use crate::identity::Route;

const COMPONENTS: &str = "#/components/schemas/";

pub struct Shapes {
    inputs: SchemaGenerator,
    outputs: SchemaGenerator,
}

/// A route's input, taken apart: one object holds what came by path, query and body.
pub struct Input {
    schema: Value,
    pub in_path: Vec<String>,
    pub members: Map<String, Value>,
    pub required: Vec<String>,
}

impl Shapes {
    pub fn new() -> Self {
        let mut settings = SchemaSettings::draft2020_12();
        settings.definitions_path = "/components/schemas".into();
        settings.meta_schema = None;
        Self {
            inputs: settings.clone().for_deserialize().into_generator(),
            outputs: settings.for_serialize().into_generator(),
        }
    }

    pub fn input(&mut self, route: &Route) -> Input {
        let schema = (route.input)(&mut self.inputs).map_or(json!({}), Value::from);
        let whole = self.resolve(&schema).clone();
        let list = |name: &str| whole.get(name).and_then(Value::as_array).cloned().unwrap_or_default();
        let required = list("required").iter().filter_map(|name| name.as_str().map(String::from)).collect();
        let members = whole.get("properties").and_then(Value::as_object).cloned().unwrap_or_default();
        Input { in_path: in_path(route.path), members, required, schema }
    }

    pub fn output(&mut self, route: &Route) -> Option<Value> {
        (route.output)(&mut self.outputs).map(Value::from)
    }

    /// What a reference stands for.
    pub fn resolve<'a>(&'a self, schema: &'a Value) -> &'a Value {
        let name = schema.get("$ref").and_then(Value::as_str).and_then(|at| at.strip_prefix(COMPONENTS));
        let Some(name) = name else { return schema };
        self.inputs.definitions().get(name).or_else(|| self.outputs.definitions().get(name)).unwrap_or(schema)
    }

    /// Names that mean more than one shape: two types of one name, or one that is read otherwise than it is written.
    pub fn conflicts(&self) -> Vec<String> {
        let (inputs, outputs) = (self.inputs.definitions(), self.outputs.definitions());
        let differs =
            |name: &&String| outputs.get(*name).is_some_and(|other| inputs.get(*name) != Some(other));
        // The generator tells types of one name apart by a number, whose order nobody wants to depend on.
        let numbered = |name: &&String| {
            let bare = name.trim_end_matches(|letter: char| letter.is_ascii_digit());
            bare != name.as_str() && (inputs.contains_key(bare) || outputs.contains_key(bare))
        };
        let twice = inputs.keys().filter(differs);
        let mut all: Vec<String> =
            twice.chain(inputs.keys().chain(outputs.keys()).filter(numbered)).cloned().collect();
        all.sort();
        all.dedup();
        all
    }

    /// All that was referred to. A name means one shape, whichever way it goes.
    pub fn components(mut self) -> Map<String, Value> {
        let mut all = self.inputs.take_definitions(true);
        all.remove("Nothing");
        all.extend(self.outputs.take_definitions(true));
        all.insert("Problem".into(), problem());
        all.sort_keys();
        all
    }
}

impl Input {
    /// The members that do not stand in the path.
    pub fn elsewhere(&self) -> impl Iterator<Item = &String> {
        self.members.keys().filter(|name| !self.in_path.contains(name))
    }

    /// The schema of the body alone.
    pub fn body(&self) -> Value {
        if self.in_path.is_empty() {
            return self.schema.clone();
        }
        let properties: Map<String, Value> = self
            .elsewhere()
            .filter_map(|name| Some((name.clone(), self.members.get(name)?.clone())))
            .collect();
        let required: Vec<&String> =
            self.required.iter().filter(|name| !self.in_path.contains(name)).collect();
        json!({
            "type": "object", "properties": properties, "required": required, "additionalProperties": false,
        })
    }
}

/// The names between braces.
fn in_path(path: &str) -> Vec<String> {
    let names = path.split('{').skip(1).filter_map(|rest| rest.split(['}', ':']).next());
    names.map(String::from).collect()
}

/// The body of every refusal.
fn problem() -> Value {
    let text = |description: &str| json!({ "type": "string", "description": description });
    json!({
        "type": "object",
        "description": "RFC 9457, with the members that Feathers clients read.",
        "required": [
            "type", "title", "status", "detail", "instance", "key", "requestId", "errors", "name", "message", "code",
            "className",
        ],
        "properties": {
            "type": text("`urn:doorward:error:` and the key."),
            "title": text("The status in words."),
            "status": { "type": "integer" },
            "detail": text("For people. May change."),
            "instance": text("This very request."),
            "key": text("The contract: programs decide by it."),
            "requestId": text("Ask the operator about it: log and audit are found by it."),
            "errors": {
                "type": "object",
                "description": "What is wrong with which member of the input, by its path.",
                "additionalProperties": {
                    "type": "object",
                    "required": ["key", "detail"],
                    "properties": { "key": { "type": "string" }, "detail": { "type": "string" } },
                },
            },
            "name": text("As in Feathers."),
            "message": text("As in Feathers: `detail` once more."),
            "code": { "type": "integer", "description": "As in Feathers: `status` once more." },
            "className": text("As in Feathers."),
        },
    })
}
