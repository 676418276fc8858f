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

#[cfg(test)]
mod tests {
    use super::*;
    use crate::components::brand::Colour;
    use crate::components::mail::samples;

    fn written(changed: Override) -> Written {
        let to = Recipient {
            address: Line::new("ada@example.com"),
            name: Some(Line::new("Ada <b>")),
            locale: Locale::Nl,
        };
        let head = Letterhead { tenant: Brand::new("Acme", Colour::HOUSE), changed };
        let message = samples::named("sessions/login_code").unwrap();
        write(&Templates::embedded().unwrap(), &message, &to, &head).unwrap()
    }

    #[test]
    fn a_tenants_words_stand_within_the_houses_layout() {
        let mail = written(Override {
            subject: Some("Code {{ mail.code }}\nBcc: x".into()),
            text: Some("Tik {{ mail.code }} over.".into()),
            html: Some("<p>{{ person.name }}: {{ mail.code }}</p>".into()),
        });

        assert_eq!(mail.subject.as_str(), "Code 40718263 Bcc: x");
        assert!(mail.text.starts_with("Hallo Ada <b>,\n\nTik 40718263 over.\n\nWas jij dit niet?\n"));
        assert!(
            mail.html.contains("<p>Ada &lt;b&gt;: 40718263</p>") && mail.html.contains("Was jij dit niet?")
        );
    }

    #[test]
    fn a_tenants_template_that_fails_does_not_stop_the_mail() {
        let broken = Some("{% for a in mail.code %}{{ nobody }}{% endfor %}".to_owned());

        let mail = written(Override { subject: None, text: broken.clone(), html: broken });

        assert!(mail.text.contains("    4071 8263\n"));
        assert!(mail.html.contains("4071</span>"));
    }

    #[test]
    fn a_template_is_tried_on_a_sample_before_it_is_saved() {
        let (templates, tenant) = (Templates::embedded().unwrap(), Brand::house());
        let sample = samples::named("sessions/login_code").unwrap();
        let text = |source: &str| Override { text: Some(source.to_owned()), ..Override::default() };

        assert!(text("{{ mail.code }}").check(&templates, &sample, &tenant).is_ok());
        let refused = text("{{ mail.link }}").check(&templates, &sample, &tenant).unwrap_err();
        assert!(refused.is(&crate::components::sandbox::TEMPLATE_INVALID));
    }
}
