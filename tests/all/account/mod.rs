//! What a mail leads to: sign-up, verification, reset, changed addresses, invitations, and their pages.

mod address;
mod guesses;
mod held;
mod invitation;
mod mails;
mod names;
mod pages;
mod passwords;
mod purposes;
mod reset;
mod sign_up;
mod walk;

use std::time::Duration;

use diesel::prelude::*;
use doorward::base::{Password, UserId};
use doorward::components::config::{Config, MailTls, MailTransport};
use doorward::db::schema::{jobs, login_identifiers, password_logins};
use serde_json::{Value, json};

use crate::ground::Ground;
use crate::ground::app::{self, App, Door, Reply};
use crate::ground::smtp::{Mail, Smtp};

pub const NEW: &str = "copper-meadow-saddle-82-thistle";

/// The server with a real mail server beside it.
pub struct House {
    pub app: App,
    pub smtp: Smtp,
}

impl House {
    pub async fn start(ground: Ground) -> Self {
        Self::allowing(ground, 3).await
    }

    /// So many mails an hour to one address.
    pub async fn allowing(ground: Ground, mails: u32) -> Self {
        let mut config = app::config(&ground);
        config.limits.mails_per_address_per_hour = mails.try_into().unwrap();
        Self::with(ground, config).await
    }

    pub async fn with(ground: Ground, mut config: Config) -> Self {
        let smtp = Smtp::start().await;
        config.mail.transport = MailTransport::Smtp;
        config.mail.host = Some("127.0.0.1".into());
        config.mail.port = smtp.address.port().try_into().unwrap();
        config.mail.tls = MailTls::None;
        Self { app: App::with(ground, config).await, smtp }
    }

    pub async fn post(&self, door: &Door, event: &str, body: Value) -> Reply {
        self.app.post(door, &format!("/api/v1/auth/password-based/{event}"), body).await
    }

    pub async fn sign_up(&self, door: &Door, email: &str) -> Reply {
        self.post(door, "sign-up", json!({ "email": email, "password": NEW })).await
    }

    pub async fn forgot(&self, door: &Door, email: &str) -> Reply {
        self.post(door, "forgot-password", json!({ "email": email })).await
    }

    pub async fn mail(&self, email: &str) -> Mail {
        self.smtp.mail_to(email).await
    }

    /// Until every errand is carried out and every mail carried off.
    pub async fn settled(&self) {
        for _ in 0..1000 {
            let mut conn = self.app.ground.connect();
            let open = jobs::table.filter(jobs::state.eq_any(["queued", "running"]));
            let open = open.filter(jobs::name.like("account.%").or(jobs::name.eq("mail.send")));
            let open = open.filter(jobs::name.ne("account.clean"));
            if open.count().get_result::<i64>(&mut conn).unwrap() == 0 {
                return;
            }
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
        panic!("the jobs do not end");
    }

    pub fn mails_to(&self, email: &str) -> usize {
        self.smtp.mails().iter().filter(|mail| mail.to.iter().any(|to| to == email)).count()
    }

    /// Who this address means there.
    pub fn meant(&self, door: &Door, email: &str) -> Option<UserId> {
        let row = login_identifiers::table.find((door.tenant, "email", email));
        row.select(login_identifiers::user_id).get_result(&mut self.app.ground.connect()).optional().unwrap()
    }

    pub async fn opens(&self, user: UserId, password: &str) -> bool {
        let row = password_logins::table.find(user).select(password_logins::password_hash);
        let hash: Option<String> = row.get_result(&mut self.app.ground.connect()).unwrap();
        let Some(hash) = hash else { return false };
        let password = Password::parse(password.into()).unwrap();
        self.app.running.house.hasher.verify(None, &password, Some(&hash)).await.unwrap().matches
    }

    /// Does the same fifty times at once, and tells the statuses.
    pub async fn fifty(&self, door: &Door, path: &str, bodies: impl Fn(usize) -> Value) -> Vec<u16> {
        let all = (0..50).map(|n| self.app.post(door, path, bodies(n)));
        let replies = futures_util::future::join_all(all).await;
        replies.iter().map(|reply| reply.status.as_u16()).collect()
    }
}

pub fn token(mail: &Mail) -> String {
    let link = mail.links().into_iter().find(|link| link.contains("token=")).unwrap();
    let query = reqwest::Url::parse(&link).unwrap();
    query.query_pairs().find(|(name, _)| name == "token").unwrap().1.into_owned()
}

pub fn link(mail: &Mail) -> String {
    mail.links().into_iter().find(|link| link.contains("token=")).unwrap()
}

pub fn wins(statuses: &[u16]) -> usize {
    statuses.iter().filter(|status| **status < 300).count()
}
