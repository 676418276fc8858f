//! What a tenant's own template may be: values, `if` and `for`, and an end to its patience.

use std::io;

use minijinja::{Environment, UndefinedBehavior};

use crate::base::{Error, FieldError, Result};
use crate::refusals;

refusals! {
    TEMPLATE_INVALID = 422 "mail.template.invalid" "The template cannot be used as it is; see `errors`.";
}

/// The largest source, and the largest thing that a mail may become.
pub const SOURCE_LIMIT: usize = 64 * 1024;
pub const OUTPUT_LIMIT: usize = 256 * 1024;
const FUEL: u64 = 50_000;
const WORDS: [&str; 6] = ["if", "elif", "else", "endif", "for", "endfor"];

/// An environment that knows no filter, test or function but what its maker adds.
pub fn environment() -> Environment<'static> {
    let mut environment = Environment::empty();
    environment.set_undefined_behavior(UndefinedBehavior::Strict);
    environment.set_fuel(Some(FUEL));
    environment.set_recursion_limit(20);
    environment.set_syntax(super::templates::syntax());
    environment
}

/// Fuel counts instructions, not bytes: `{% set a = a ~ a %}` forty times over, a captured block, or `"x" * 10^10`
/// would fill the memory on a spoonful of it. So what can store or multiply text is not in the language at all, and
/// all that is printed goes through a writer that counts.
pub fn admit(source: &str) -> Result<()> {
    if source.len() > SOURCE_LIMIT {
        return refuse(format!("longer than {SOURCE_LIMIT} bytes"));
    }
    let mut rest = source;
    while let Some(at) = rest.find('{') {
        let inside = rest.get(at + 1..).unwrap_or_default();
        rest = match inside.chars().next() {
            Some('#') => inside.split_once("#}").map(|(_, after)| after).unwrap_or_default(),
            Some('%') => tag(inside.get(1..).unwrap_or_default(), "%}", true)?,
            Some('{') => tag(inside.get(1..).unwrap_or_default(), "}}", false)?,
            _ => inside,
        };
    }
    Ok(())
}

/// Reads up to the end of one tag and gives what comes after it. It must see the same ends as the engine's own lexer,
/// or a tag could hide from it: hence no `raw`, no braces within a tag and no backslashes in a text.
fn tag<'a>(inside: &'a str, end: &str, statement: bool) -> Result<&'a str> {
    let start = inside.trim_start_matches(['-', '+']).trim_start();
    let word = start.split(|c: char| !c.is_ascii_alphabetic()).next().unwrap_or_default();
    if statement && !WORDS.contains(&word) {
        return refuse(format!("`{word}` is not one of {}", WORDS.join(", ")));
    }
    let mut quote = None;
    for (at, c) in inside.char_indices() {
        match (quote, c) {
            (Some(_), '\\') => return refuse("a backslash in a text".to_owned()),
            (Some(open), c) if c == open => quote = None,
            (None, '"' | '\'') => quote = Some(c),
            (None, '%' | '}') if inside.get(at..).unwrap_or_default().starts_with(end) => {
                return Ok(inside.get(at + end.len()..).unwrap_or_default());
            }
            (None, '*' | '~' | '%' | '|' | '{' | '}') => {
                return refuse(format!("`{c}` is not part of this language"));
            }
            _ => {}
        }
    }
    refuse("a tag that does not end".to_owned())
}

fn refuse<T>(why: String) -> Result<T> {
    Err(TEMPLATE_INVALID.with(vec![FieldError::new("template", "mail.template.invalid", why)]))
}

/// A writer that stops a template which says too much.
pub struct Capped {
    pub written: Vec<u8>,
    limit: usize,
}

impl Capped {
    pub fn at(limit: usize) -> Self {
        Self { written: Vec::new(), limit }
    }

    pub fn text(self) -> Result<String> {
        String::from_utf8(self.written).map_err(Error::internal)
    }
}

impl io::Write for Capped {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        if self.written.len().saturating_add(bytes.len()) > self.limit {
            return Err(io::Error::other("the template writes more than its limit"));
        }
        self.written.extend_from_slice(bytes);
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn values_conditions_and_loops_are_the_whole_language() {
        let plain =
            "{# why #}{% if mail.code %}{{ mail.code }}{%- else -%}{ {{ say(\"a.b*~|\", x=1) }} }{% endif %}";

        assert!(admit(plain).is_ok());
    }

    #[test]
    fn what_stores_calls_or_multiplies_text_is_not_admitted() {
        for hostile in [
            "{% set a = 'x' %}",
            "{%- include 'layout.html' %}",
            "{% macro m() %}{{ m() }}{% endmacro %}",
            "{% import 'parts.html' as p %}",
            "{% filter upper %}x{% endfilter %}",
            "{% call m() %}{% endcall %}",
            "{% with a = 1 %}{% endwith %}",
            "{% block a %}{% endblock %}",
            "{{ 'x' * 9999999999 }}",
            "{{ tenant.name ~ tenant.name }}",
            "{{ '%999999999s' | format('x') }}",
            "{% if 'a\\'' * 99 %}{% endif %}",
            "{{ 'never ends",
            "{# {{ ' #}{% set a = 1 %}{# ' }} #}",
            "{% raw %}{{ ' {% endraw %}{% set a = 1 %}{{ ' }}",
            "{{ {'a': {'b': 1}} * 99 }}",
        ] {
            assert!(admit(hostile).is_err(), "{hostile}");
        }
    }
}
