//! A mail in a tenant's own words, to people of its own and to nobody else.

use std::collections::BTreeSet;

use serde_json::{Value, json};

use super::acting::About;
use super::events::{NOBODY, NOT_ALLOWED, UNKNOWN_ROLE};
use super::handlers::Notice;
use crate::base::{Email, Result, UserId};
use crate::components::line::Line;
use crate::components::mail::messages;
use crate::components::post::{self, Letter};
use crate::components::words::Locale;
use crate::db::tx::Tx;
use crate::identity::User;
use crate::permissions::entity::{Role, first_holders};
use crate::permissions::known::USER_LIST;
use crate::triggers::filling::filled;
use crate::users::entity::address;

/// Letters of one run.
const MOST: i64 = 20;

/// What is told of people is told to whoever may look at people: the action's role must hold that.
pub fn mail(tx: &mut Tx, about: &About<'_>, (notice, rights): (&Notice, &BTreeSet<String>)) -> Result<Value> {
    if !rights.contains(USER_LIST) {
        return Err(NOT_ALLOWED.error());
    }
    about.house.limiter.spend("action-mail", about.tenant.0.as_bytes(), 1)?;
    let filled = |text: &str| filled(text, about.envelope, |told| Line::new(told).as_str().to_owned());
    let message = messages::Notice {
        subject: Line::new(&filled(&notice.subject)),
        lines: notice.text.lines().map(|line| Line::new(&filled(line))).collect(),
    };
    let mut mailed = 0;
    for user in recipients(tx, about, notice)? {
        let person = User::member(tx.conn, about.tenant, user)?.filter(User::is_active);
        let to = address(tx.conn, user)?.and_then(|address| Email::parse(&address).ok());
        let (Some(person), Some(to)) = (person, to) else { continue };
        let locale = Locale::negotiate(person.locale.as_deref(), None, None);
        let letter = Letter::new(to, locale, message.clone()).named(person.name.as_deref());
        post::post(tx, &about.house.vault, &letter)?;
        mailed += 1;
    }
    Ok(json!({ "mailed": mailed }))
}

fn recipients(tx: &mut Tx, about: &About<'_>, notice: &Notice) -> Result<Vec<UserId>> {
    let Some(identifier) = notice.role() else {
        return Ok(vec![about.person.ok_or_else(|| NOBODY.error())?]);
    };
    let role = Role::named(tx.conn, about.tenant, identifier)?.ok_or_else(|| UNKNOWN_ROLE.error())?;
    Ok(first_holders(tx.conn, &role, MOST)?)
}
