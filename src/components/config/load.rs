//! Reads the settings: defaults, then `doorward.toml`, then the environment, then flags.

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};

use toml::{Table, Value};

use super::{
    Config, Environment, Problem, Reason, Source, Surroundings, check, database_url, insecure_reasons, shape,
};

/// The process's environment, handed in so that nothing below reads it.
pub type Variables = BTreeMap<String, String>;

/// What was said on the command line. No secret is among them: a process list shows its arguments.
#[derive(Clone, Debug, Default)]
pub struct Overrides {
    pub config: Option<PathBuf>,
    pub environment: Option<String>,
    pub listen: Option<String>,
    pub metrics_listen: Option<String>,
    pub public_url: Option<String>,
    pub serve: Option<bool>,
    pub work: Option<bool>,
    pub log_format: Option<String>,
}

#[derive(Clone, Debug)]
pub struct Loaded {
    pub config: Config,
    /// Where each setting came from, by its dotted key; what is not in it is a default.
    pub sources: BTreeMap<String, Source>,
    /// Files that held a secret.
    pub secret_files: Vec<PathBuf>,
}

/// The variables with names of their own, and the setting that each is.
const SHORT: [(&str, &str); 3] = [
    ("DATABASE_URL", "database.url"),
    ("DOORWARD_ENV", "environment"),
    ("DOORWARD_MASTER_KEY", "keys.master"),
];

/// `base` is the directory that relative paths start from. All problems are returned at once.
pub fn load(overrides: &Overrides, variables: &Variables, base: &Path) -> Result<Loaded, Vec<Problem>> {
    let mut layers = Layers::default();
    layers.file(overrides, base);
    layers.variables(variables, base);
    layers.flags(overrides);
    layers.finish()
}

#[derive(Default)]
struct Layers {
    table: Table,
    sources: BTreeMap<String, Source>,
    secret_files: Vec<PathBuf>,
    problems: Vec<Problem>,
}

impl Layers {
    fn file(&mut self, overrides: &Overrides, base: &Path) {
        let path = base.join(overrides.config.as_deref().unwrap_or(Path::new("doorward.toml")));
        let source = Source::File(path.clone());
        let text = match fs::read_to_string(&path) {
            Ok(text) => text,
            Err(error) if overrides.config.is_none() && error.kind() == std::io::ErrorKind::NotFound => {
                return;
            }
            Err(error) => return self.refuse("--config", format!("cannot be read: {error}"), source),
        };
        match text.parse::<Table>() {
            Ok(table) => self.merge_file(table, &source),
            Err(error) => {
                // The parser's full message quotes the line, which may hold a secret.
                let line = error
                    .span()
                    .map_or(1, |at| 1 + text.bytes().take(at.start).filter(|b| *b == b'\n').count());
                self.refuse("--config", format!("line {line}: {}", error.message()), source);
            }
        }
        let said = leaves(&self.table);
        if said.iter().any(|(key, value)| value.as_str().is_some_and(|text| is_secret(key, text))) {
            self.secret_files.push(path);
        }
    }

    fn merge_file(&mut self, table: Table, source: &Source) {
        for (name, value) in table {
            match value {
                Value::Table(section) if !section.is_empty() => {
                    for (key, value) in section {
                        self.set(&format!("{name}.{key}"), value, source.clone());
                    }
                }
                value => self.set(&name, value, source.clone()),
            }
        }
    }

    fn variables(&mut self, variables: &Variables, base: &Path) {
        let known = leaves(&defaults(Environment::Development));
        let mut said: BTreeMap<String, &str> = BTreeMap::new();
        for (name, value) in variables.iter().filter(|(name, _)| ours(name)) {
            let Some((key, from_file)) = setting(name, &known) else {
                let source = Source::Variable(name.clone());
                self.refuse(name, "is not a setting".to_owned(), source);
                continue;
            };
            if let Some(other) = said.insert(key.clone(), name) {
                let source = Source::Variable(name.clone());
                self.refuse(&key, format!("is also set by {other}; keep one of the two"), source);
                continue;
            }
            let read = if from_file { self.read(&key, name, &base.join(value)) } else { None };
            match (from_file, read) {
                (false, _) => self.say(&key, value, &known, Source::Variable(name.clone())),
                (true, Some((text, source))) => self.say(&key, &text, &known, source),
                (true, None) => {}
            }
        }
    }

    fn read(&mut self, key: &str, name: &str, path: &Path) -> Option<(String, Source)> {
        let source = Source::VariableFile(name.to_owned(), path.to_owned());
        match fs::read_to_string(path) {
            Ok(text) => {
                if is_secret(key, &text) {
                    self.secret_files.push(path.to_owned());
                }
                Some((text.trim_end_matches(['\r', '\n']).to_owned(), source))
            }
            Err(error) => {
                self.refuse(key, format!("cannot be read: {error}"), source);
                None
            }
        }
    }

    fn flags(&mut self, flags: &Overrides) {
        let known = leaves(&defaults(Environment::Development));
        let serve = flags.serve.map(|on| on.to_string());
        let work = flags.work.map(|on| on.to_string());
        let flags = [
            ("environment", "--environment", &flags.environment),
            ("server.listen", "--listen", &flags.listen),
            ("server.metrics_listen", "--metrics-listen", &flags.metrics_listen),
            ("server.public_url", "--public-url", &flags.public_url),
            ("roles.serve", "--serve", &serve),
            ("roles.work", "--work", &work),
            ("log.format", "--log-format", &flags.log_format),
        ];
        for (key, flag, value) in flags {
            if let Some(value) = value {
                self.say(key, value, &known, Source::Flag(flag));
            }
        }
    }

    /// A text takes the type that the setting's default has.
    fn say(&mut self, key: &str, text: &str, known: &BTreeMap<String, Value>, source: Source) {
        let value = match known.get(key) {
            Some(Value::Integer(_)) => {
                text.trim().parse().map(Value::Integer).map_err(|_| "must be a whole number")
            }
            Some(Value::Boolean(_)) => {
                text.trim().parse().map(Value::Boolean).map_err(|_| "must be true or false")
            }
            Some(Value::Array(_)) => Ok(Value::Array(items(text))),
            _ => Ok(Value::String(text.to_owned())),
        };
        match value {
            Ok(value) => self.set(key, value, source),
            Err(reason) => self.refuse(key, reason.to_owned(), source),
        }
    }

    fn set(&mut self, key: &str, value: Value, source: Source) {
        put(&mut self.table, key, value);
        self.sources.insert(key.to_owned(), source);
    }

    fn refuse(&mut self, key: &str, reason: String, source: Source) {
        self.problems.push(Problem { key: key.to_owned(), reason, source });
    }

    fn finish(mut self) -> Result<Loaded, Vec<Problem>> {
        let environment = self.table.get("environment").cloned().and_then(|value| value.try_into().ok());
        let defaults = defaults(environment.unwrap_or(Environment::Development));
        let mut table = defaults.clone();
        for (name, value) in std::mem::take(&mut self.table) {
            match (table.get_mut(&name), value) {
                (Some(Value::Table(below)), Value::Table(section)) => below.extend(section),
                (_, value) => _ = table.insert(name, value),
            }
        }
        let shaped = shape::<Config>(table, &defaults);
        for (key, reason) in shaped.complaints {
            let source = self.source(&key);
            self.refuse(&key, reason, source);
        }
        if let Some(config) = &shaped.value {
            let found = check::check(config);
            self.problems.extend(found.into_iter().map(|(key, reason)| Problem {
                key: key.to_owned(),
                reason,
                source: self.sources.get(key).cloned().unwrap_or_default(),
            }));
        }
        if let Some(config) = shaped.value.as_ref().filter(|_| !self.problems.is_empty()) {
            self.too_insecure(config);
        }
        match shaped.value {
            Some(config) if self.problems.is_empty() => {
                Ok(Loaded { config, sources: self.sources, secret_files: self.secret_files })
            }
            _ => Err(self.problems),
        }
    }

    /// Whoever mends what is wrong is told in the same breath what would be refused next. Not in development, which
    /// makes a key that is missing.
    fn too_insecure(&mut self, config: &Config) {
        if config.environment == Environment::Development {
            return;
        }
        let around = Surroundings { secret_files: &self.secret_files, origins: &[] };
        for Reason { setting, why } in insecure_reasons(config, &around) {
            let source = self.source(&setting);
            self.refuse(&setting, why, source);
        }
    }

    /// A complaint about a whole section, or about an item of a list, has the source of what is nearest.
    fn source(&self, key: &str) -> Source {
        let exact = self.sources.get(key);
        let near =
            |(known, _): &(&String, &Source)| known.starts_with(key) || key.starts_with(known.as_str());
        exact
            .or_else(|| self.sources.iter().find(near).map(|(_, source)| source))
            .cloned()
            .unwrap_or_default()
    }
}

fn ours(name: &str) -> bool {
    name.starts_with("DOORWARD_")
        || SHORT.iter().any(|(short, _)| name.strip_suffix("_FILE").unwrap_or(name) == *short)
}

fn is_secret(key: &str, text: &str) -> bool {
    match key {
        "keys.master" | "mail.password" => !text.is_empty(),
        "database.url" => database_url::password(text).is_some(),
        _ => false,
    }
}

/// The setting that a variable names, and whether its value is a path to the value.
fn setting(name: &str, known: &BTreeMap<String, Value>) -> Option<(String, bool)> {
    let key = |name: &str| {
        let short = SHORT.iter().find(|(short, _)| *short == name).map(|(_, key)| (*key).to_owned());
        let long = || {
            Some(name.strip_prefix("DOORWARD_")?.split_once("__")?)
                .map(|(s, k)| format!("{s}.{k}").to_lowercase())
        };
        short.or_else(long).filter(|key| known.contains_key(key))
    };
    key(name).map(|key| (key, false)).or_else(|| Some((key(name.strip_suffix("_FILE")?)?, true)))
}

fn items(text: &str) -> Vec<Value> {
    text.split(',')
        .map(str::trim)
        .filter(|item| !item.is_empty())
        .map(|item| Value::String(item.to_owned()))
        .collect()
}

fn put(table: &mut Table, key: &str, value: Value) {
    match key.split_once('.') {
        None => _ = table.insert(key.to_owned(), value),
        Some((section, key)) => {
            let section = table.entry(section).or_insert_with(|| Value::Table(Table::new()));
            if !section.is_table() {
                *section = Value::Table(Table::new());
            }
            if let Value::Table(section) = section {
                section.insert(key.to_owned(), value);
            }
        }
    }
}

pub(super) fn defaults(environment: Environment) -> Table {
    Table::try_from(Config::defaults(environment)).unwrap_or_default()
}

/// Every setting by its dotted key.
pub(super) fn leaves(table: &Table) -> BTreeMap<String, Value> {
    let mut leaves = BTreeMap::new();
    for (name, value) in table {
        match value {
            Value::Table(section) => {
                leaves.extend(section.iter().map(|(key, value)| (format!("{name}.{key}"), value.clone())))
            }
            value => _ = leaves.insert(name.clone(), value.clone()),
        }
    }
    leaves
}
