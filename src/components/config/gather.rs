//! Turns a table into its type and gathers every complaint on the way instead of stopping at the first.

use std::fmt;
use std::path::PathBuf;

use serde::de::DeserializeOwned;
use serde_path_to_error::Segment;
use toml::{Table, Value};

/// What is wrong with one setting, and where it was set. Never holds the value of a secret.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Problem {
    pub key: String,
    pub reason: String,
    pub source: Source,
}

#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub enum Source {
    #[default]
    Default,
    File(PathBuf),
    Variable(String),
    /// The variable that named the file, and the file.
    VariableFile(String, PathBuf),
    Flag(&'static str),
}

/// The value, if the table could be made to hold one, and a path and reason for all that had to be left out.
pub struct Shaped<T> {
    pub value: Option<T>,
    pub complaints: Vec<(String, String)>,
}

/// What does not fit is put back to what `fallback` says, or taken out, and the rest is tried again.
pub fn shape<T: DeserializeOwned>(mut table: Table, fallback: &Table) -> Shaped<T> {
    let mut complaints = Vec::new();
    loop {
        let refused = match serde_path_to_error::deserialize(Value::Table(table.clone())) {
            Ok(value) => return Shaped { value: Some(value), complaints },
            Err(refused) => refused,
        };
        let keys = keys(refused.path());
        complaints.push((refused.path().to_string(), reason(refused.inner())));
        if !restore(&mut table, fallback, &keys) {
            return Shaped { value: None, complaints };
        }
    }
}

fn reason(error: &toml::de::Error) -> String {
    error.message().trim().to_owned()
}

/// The path up to its first list: a list is taken out whole.
fn keys(path: &serde_path_to_error::Path) -> Vec<String> {
    path.iter()
        .map_while(|segment| match segment {
            Segment::Map { key } => Some(key.clone()),
            _ => None,
        })
        .collect()
}

fn restore(table: &mut Table, fallback: &Table, keys: &[String]) -> bool {
    let Some((key, rest)) = keys.split_first() else {
        return false;
    };
    let wanted = fallback.get(key);
    if let (false, Some(Value::Table(inner))) = (rest.is_empty(), table.get_mut(key)) {
        return restore(inner, wanted.and_then(Value::as_table).unwrap_or(&Table::new()), rest);
    }
    match wanted {
        Some(value) if table.get(key) == Some(value) => false,
        Some(value) => table.insert(key.clone(), value.clone()).is_some(),
        None => table.remove(key).is_some(),
    }
}

impl fmt::Display for Problem {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} ({}): {}", self.key, self.source, self.reason)
    }
}

impl fmt::Display for Source {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Default => f.write_str("default"),
            Self::File(path) => write!(f, "file {}", path.display()),
            Self::Variable(name) => write!(f, "environment {name}"),
            Self::VariableFile(name, path) => write!(f, "environment {name}, file {}", path.display()),
            Self::Flag(name) => write!(f, "flag {name}"),
        }
    }
}
