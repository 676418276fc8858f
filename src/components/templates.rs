//! The template engine: the house's own templates, embedded, and a tenant's, in a sandbox.

use std::sync::Arc;

use minijinja::syntax::SyntaxConfig;
use minijinja::value::{Kwargs, Serde, Value};
use minijinja::{AutoEscape, Environment, ErrorKind, Output, State, UndefinedBehavior};

use serde::Serialize;

use super::sandbox::{self, Capped};
use super::words::{Locale, Words};
use crate::base::{Error, Result, Timestamp};

/// Pages of the development tools list hundreds of rows; mails and pages for people stay far below.
const HOUSE_LIMIT: usize = 4 * 1024 * 1024;
const HOUSE_FUEL: u64 = 5_000_000;

pub struct Templates {
    house: Environment<'static>,
    tenants: Environment<'static>,
    words: Arc<Words>,
}

/// What a template writes decides how the values in it are escaped.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Form {
    Text,
    Html,
}

impl Templates {
    pub fn embedded() -> Result<Self> {
        let words = Arc::new(Words::embedded()?);
        let mut house = Environment::new();
        house.set_undefined_behavior(UndefinedBehavior::Strict);
        house.set_fuel(Some(HOUSE_FUEL));
        house.set_syntax(syntax());
        house.set_auto_escape_callback(escaping);
        house.set_formatter(escape);
        for (name, source) in super::embedded::TEMPLATES {
            house.add_template(name, source).map_err(Error::internal)?;
        }
        lend(&mut house, &words);
        let mut tenants = sandbox::environment();
        tenants.set_auto_escape_callback(escaping);
        tenants.set_formatter(escape);
        lend(&mut tenants, &words);
        Ok(Self { house, tenants, words })
    }

    pub fn words(&self) -> &Words {
        &self.words
    }

    pub fn house(&self, name: &str, values: Value) -> Result<String> {
        let template = self.house.get_template(name).map_err(Error::internal)?;
        let mut page = Capped::at(HOUSE_LIMIT);
        template.render_captured_to(values, &mut page).map_err(Error::internal)?;
        page.text()
    }

    /// Whatever a tenant wrote sees the given values and nothing else, and comes to an end.
    pub fn tenants(&self, source: &str, form: Form, values: Value) -> Result<String> {
        sandbox::admit(source)?;
        let name = match form {
            Form::Text => "tenant.txt",
            Form::Html => "tenant.html",
        };
        let template = self.tenants.template_from_named_str(name, source).map_err(invalid)?;
        let mut written = Capped::at(sandbox::OUTPUT_LIMIT);
        template.render_captured_to(values, &mut written).map_err(invalid)?;
        written.text()
    }
}

/// What a template sees of one of our types.
pub fn value(of: &impl Serialize) -> Value {
    Value::from(Serde(of))
}

/// A tag on a line of its own leaves no empty line behind: the text parts of mails are read as they stand.
pub(super) fn syntax() -> SyntaxConfig {
    SyntaxConfig::builder().trim_blocks(true).lstrip_blocks(true).build().unwrap_or_default()
}

/// The author is told where the template is wrong; the engine's message holds the author's own text only.
fn invalid(error: minijinja::Error) -> Error {
    let detail = match error.line() {
        Some(line) => format!("line {line}: {error}"),
        None => error.to_string(),
    };
    sandbox::TEMPLATE_INVALID.with(vec![crate::base::FieldError::new(
        "template",
        "mail.template.invalid",
        detail,
    )])
}

/// The engine would also write every `/` as an entity: a third more bytes in each link, and filters that read mails
/// without decoding them distrust it. Between double quotes these five are enough.
fn escape(out: &mut Output, state: &mut State, value: &Value) -> Result<(), minijinja::Error> {
    match value.as_str() {
        Some(text) if *state.auto_escape() == AutoEscape::Html && !value.is_safe() => {
            let mut rest = text;
            while let Some(at) = rest.find(['&', '<', '>', '"', '\'']) {
                let (plain, special) = rest.split_at(at);
                let entity = match special.as_bytes().first() {
                    Some(b'&') => "&amp;",
                    Some(b'<') => "&lt;",
                    Some(b'>') => "&gt;",
                    Some(b'"') => "&quot;",
                    _ => "&#39;",
                };
                out.write_str(plain)?;
                out.write_str(entity)?;
                rest = special.get(1..).unwrap_or_default();
            }
            out.write_str(rest).map_err(Into::into)
        }
        _ => minijinja::escape_formatter(out, state, value),
    }
}

fn escaping(name: &str) -> AutoEscape {
    if name.ends_with(".txt") { AutoEscape::None } else { AutoEscape::Html }
}

/// `say(key, name=value)`, `moment(time)` and `lasting(duration)`, in the language of the page.
fn lend(environment: &mut Environment<'static>, words: &Arc<Words>) {
    let lent = words.clone();
    environment
        .add_function("say", move |state: &State, key: &str, args: Kwargs| say(&lent, state, key, &args));
    let lent = words.clone();
    environment.add_function("moment", move |state: &State, at: &str| {
        let at = Timestamp::parse(at).ok_or_else(|| fault("not a time"))?;
        lent.moment(locale(state)?, at).map_err(|e| fault(e.to_string()))
    });
    let lent = words.clone();
    environment.add_function("lasting", move |state: &State, duration: Value| {
        let seconds = duration.get_attr("secs")?.as_i64().and_then(|s| u64::try_from(s).ok());
        let seconds = seconds.ok_or_else(|| fault("not a duration"))?;
        lent.lasting(locale(state)?, seconds).map_err(|e| fault(e.to_string()))
    });
}

fn say(words: &Words, state: &State, key: &str, args: &Kwargs) -> Result<String, minijinja::Error> {
    let mut given = Vec::new();
    for name in args.args() {
        let value: Value = args.get(name)?;
        if value.is_undefined() {
            return Err(fault(format!("`{key}` got no value for {{{name}}}")));
        }
        given.push((name, value.to_string()));
    }
    let given: Vec<_> = given.iter().map(|(name, value)| (*name, value.as_str())).collect();
    words.say(locale(state)?, key, &given).map_err(|e| fault(e.to_string()))
}

fn locale(state: &State) -> Result<Locale, minijinja::Error> {
    state
        .lookup("locale")
        .and_then(|value| value.as_str().and_then(Locale::parse))
        .ok_or_else(|| fault("the values hold no locale"))
}

fn fault(why: impl Into<String>) -> minijinja::Error {
    minijinja::Error::new(ErrorKind::InvalidOperation, why.into())
}

#[cfg(test)]
mod tests {
    use minijinja::context;

    use super::*;

    fn values() -> Value {
        context! { locale => "en", name => "{{7*7}}<script>", many => (0..1000).collect::<Vec<_>>() }
    }

    #[test]
    fn what_a_value_holds_is_never_run_and_never_markup() {
        let templates = Templates::embedded().unwrap();

        let html = templates.tenants("<b>{{ name }}</b>", Form::Html, values()).unwrap();
        let text = templates.tenants("{{ name }}", Form::Text, values()).unwrap();

        assert_eq!(html, "<b>{{7*7}}&lt;script&gt;</b>");
        assert_eq!(text, "{{7*7}}<script>");
    }

    #[test]
    fn a_loop_within_loops_runs_out_of_fuel() {
        let templates = Templates::embedded().unwrap();
        let bomb =
            "{% for a in many %}{% for b in many %}{% for c in many %}{% endfor %}{% endfor %}{% endfor %}";

        let stopped = templates.tenants(bomb, Form::Html, values()).unwrap_err();

        assert!(stopped.is(&sandbox::TEMPLATE_INVALID));
    }

    #[test]
    fn a_template_that_writes_without_end_is_cut_off() {
        let templates = Templates::embedded().unwrap();
        let flood = format!("{{% for a in many %}}{}{{% endfor %}}", "x".repeat(1000));

        assert!(templates.tenants(&flood, Form::Html, values()).is_err());
    }

    #[test]
    fn a_value_that_is_not_there_is_an_error_and_not_a_gap() {
        let templates = Templates::embedded().unwrap();

        assert!(templates.tenants("{{ nobody }}", Form::Html, values()).is_err());
    }

    #[test]
    fn a_tenants_template_reaches_neither_files_nor_the_houses_templates() {
        let templates = Templates::embedded().unwrap();

        assert!(templates.tenants("{% include 'mail/layout.html' %}", Form::Html, values()).is_err());
        assert!(templates.tenants("{{ range(9) }}", Form::Html, values()).is_err());
        assert!(templates.tenants("{{ name.__class__.x }}", Form::Html, values()).is_err());
    }
}
