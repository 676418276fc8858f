//! `mail.send`: a letter is opened, written in its reader's language under the tenant's head, and carried.

use crate::base::{DeliveryId, Error, Result};
use crate::components::brand::{Brand, Colour};
use crate::components::line::Line;
use crate::components::mail::{self, Letterhead, Override, Recipient};
use crate::components::mailer::{Envelope, Outcome as Sent, Sender};
use crate::components::post::{self, Letter};
use crate::identity::job::Outcome;
use crate::identity::{Claimed, Failure, Handler, Scope, Tenant};

/// Longer than the mailer's own patience, so that its words are what is kept.
const PATIENCE: std::time::Duration = std::time::Duration::from_secs(90);

pub fn handler() -> Handler {
    Handler::new(post::NAME, carry).within(PATIENCE)
}

async fn carry(scope: Scope, job: Claimed) -> Outcome {
    let envelope = write(&scope, &job).map_err(|error| Failure::Never(error.to_string()))?;
    match scope.house.mailer.send(envelope).await {
        Sent::Sent => Ok(()),
        Sent::Refused(why) => Err(Failure::Never(why)),
        Sent::Delayed(why) => Err(Failure::Again(why)),
    }
}

/// The delivery's id is the job's and its date the job's too: a second try is the same mail to whoever gets both.
fn write(scope: &Scope, job: &Claimed) -> Result<Envelope> {
    let sealed = job.sealed.as_deref().ok_or_else(|| Error::internal("the letter is gone"))?;
    let Letter { to, name, locale, message } = post::open(&scope.house.vault, job.tenant, job.id, sealed)?;
    let to = Recipient { address: Line::new(to.as_str()), name, locale };
    let tenant = scope.tenant.as_deref();
    let head = Letterhead { tenant: brand(tenant), changed: Override::default() };
    let written = mail::write(&scope.house.templates, &message, &to, &head)?;
    let from = sender(scope, &head.tenant)?;
    Ok(Envelope::new(DeliveryId::of(job.id.0), job.created_at, (&message, written), (from, to)))
}

fn brand(tenant: Option<&Tenant>) -> Brand {
    let Some(tenant) = tenant else { return Brand::house() };
    let settings = &tenant.settings.0;
    let accent = settings.accent.as_ref().or_else(|| settings.colours.get("brand"));
    let colour = accent.and_then(|accent| Colour::parse(accent));
    Brand::new(&tenant.display_name, colour.unwrap_or(Colour::HOUSE))
}

/// The tenant's address, else the installation's with the tenant's name before it.
fn sender(scope: &Scope, brand: &Brand) -> Result<Sender> {
    let own = scope.tenant.as_ref().and_then(|tenant| tenant.settings.0.sender.as_deref());
    let ours = scope.house.config.mail.from.as_deref();
    let (name, address) = match (own.map(parts), ours.map(parts)) {
        (Some((name, address)), _) => (name, address),
        (None, Some((_, address))) => (None, address),
        (None, None) => return Err(Error::internal("mail.from is missing")),
    };
    let name = name.map_or_else(|| brand.name.clone(), Line::new);
    Ok(Sender { name, address: address.to_owned(), reply_to: None })
}

/// `Name <address>`, or an address alone.
fn parts(text: &str) -> (Option<&str>, &str) {
    match text.trim().strip_suffix('>').and_then(|text| text.rsplit_once('<')) {
        Some((name, address)) => {
            let name = name.trim().trim_matches('"');
            ((!name.is_empty()).then_some(name), address.trim())
        }
        None => (None, text.trim()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_sender_is_a_name_and_an_address_or_an_address_alone() {
        assert_eq!(parts("Acme Support <help@acme.test>"), (Some("Acme Support"), "help@acme.test"));
        assert_eq!(parts("\"Acme\" <a@acme.test>"), (Some("Acme"), "a@acme.test"));
        assert_eq!(parts(" a@acme.test "), (None, "a@acme.test"));
    }
}
