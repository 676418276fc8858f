//! A message becomes a mail: subject, hand-written text, and HTML in the one layout.

use minijinja::{Value, context};
use serde::Serialize;

use super::messages::Message;
use crate::base::Result;
use crate::components::brand::Brand;
use crate::components::line::Line;
use crate::components::templates::{Form, Templates, value};
use crate::components::words::Locale;

/// To whom, in which language.
#[derive(Debug, Clone, Serialize)]
pub struct Recipient {
    pub address: Line,
    pub name: Option<Line>,
    pub locale: Locale,
}

/// From whom, and what that tenant changed in this mail.
#[derive(Debug, Clone)]
pub struct Letterhead {
    pub tenant: Brand,
    pub changed: Override,
}

/// A tenant's own words for one mail: any of its three parts. Layout, greeting, reason and advice stay the house's,
/// so that no tenant can write a mail that does not say why it came.
#[derive(Debug, Clone, Default)]
pub struct Override {
    pub subject: Option<String>,
    pub text: Option<String>,
    pub html: Option<String>,
}

#[derive(Clone, PartialEq, Eq)]
pub struct Written {
    pub subject: Line,
    pub text: String,
    pub html: String,
}

pub fn write(templates: &Templates, message: &Message, to: &Recipient, head: &Letterhead) -> Result<Written> {
    let letter = Letter { templates, message, values: values(message, to, &head.tenant) };
    let subject = letter.part("subject.txt", head.changed.subject.as_deref(), Form::Text)?;
    let subject = Line::new(&subject);
    Ok(Written {
        text: letter.wrapped("text.txt", &subject, head.changed.text.as_deref())?,
        html: letter.wrapped("html.html", &subject, head.changed.html.as_deref())?,
        subject,
    })
}

impl Override {
    /// Tries the tenant's templates on the mail's sample, as at the moment they are saved. Refuses with
    /// `mail.template.invalid`.
    pub fn check(&self, templates: &Templates, sample: &Message, tenant: &Brand) -> Result<()> {
        let to = Recipient { address: Line::new("ada@example.com"), name: None, locale: Locale::En };
        let values = values(sample, &to, tenant);
        let parts = [(&self.subject, Form::Text), (&self.text, Form::Text), (&self.html, Form::Html)];
        for (source, form) in parts {
            if let Some(source) = source {
                templates.tenants(source, form, values.clone())?;
            }
        }
        Ok(())
    }
}

struct Letter<'a> {
    templates: &'a Templates,
    message: &'a Message,
    values: Value,
}

impl Letter<'_> {
    fn wrapped(&self, file: &str, subject: &Line, changed: Option<&str>) -> Result<String> {
        let form = if file.ends_with(".txt") { Form::Text } else { Form::Html };
        let content = self.part(file, changed, form)?;
        let layout = if form == Form::Text { "mail/layout.txt" } else { "mail/layout.html" };
        let content = Value::from_safe_string(content.trim_end().to_owned());
        self.templates.house(layout, context! { content, subject => subject.as_str(), ..self.values.clone() })
    }

    /// A reset mail has to leave even if the tenant's template fails on this one person's values.
    fn part(&self, file: &str, changed: Option<&str>, form: Form) -> Result<String> {
        if let Some(source) = changed {
            match self.templates.tenants(source, form, self.values.clone()) {
                Ok(content) => return Ok(content),
                Err(error) => {
                    tracing::warn!(mail = self.message.name(), file, %error, "mail.template.failed")
                }
            }
        }
        self.templates.house(&format!("mail/{}/{file}", self.message.name()), self.values.clone())
    }
}

fn values(message: &Message, to: &Recipient, tenant: &Brand) -> Value {
    context! {
        key => format!("mail.{}", message.name().replace('/', ".")),
        locale => to.locale.code(),
        person => value(to),
        tenant => value(tenant),
        mail => message.values(),
    }
}
