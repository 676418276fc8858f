//! A tour through every route that takes or gives a secret: what people send right, wrong and twice.

mod household;
mod rubbish;
mod ways_in;

use reqwest::{Client, Method, RequestBuilder};
use serde_json::Value;

use crate::account::token;
use crate::ground::app::{App, Door, Reply};
use crate::ground::people::Holder;
use crate::ground::smtp::{Mail, Smtp};

/// In every password of the tour, and in whatever else is sent in a secret's place.
pub const CANARY: &str = "Canary-7f3d9b-quartz-velvet";
/// The name of a member that nobody asked for. The answer tells the caller which it was, and nobody else.
pub const MEMBER: &str = "member-91f3d-canary";
const AT: &str = "/api/v1/auth/password-based";

pub struct Tour<'a> {
    pub app: &'a App,
    pub base: String,
    pub native: Door,
    pub browser: Door,
    pub smtp: &'a Smtp,
    /// In every address of this tour: another goes over the same database.
    pub tag: &'static str,
    pub secrets: Vec<String>,
    /// Bodies of answers that refused.
    pub refusals: Vec<String>,
}

fn password(number: u32) -> String {
    format!("{CANARY}-{number}")
}

impl<'a> Tour<'a> {
    pub async fn of(app: &'a App, smtp: &'a Smtp, (base, tag): (String, &'static str)) -> Self {
        let (native, browser) = (app.native("a").await, app.browser("a").await);
        Self { app, base, native, browser, smtp, tag, secrets: Vec::new(), refusals: Vec::new() }
    }

    pub async fn walk(&mut self) {
        let ada = self.sign_ups().await;
        self.logins(&ada).await;
        self.strategies(&ada).await;
        self.codes(&ada).await;
        let changed = self.passwords(&ada).await;
        self.addresses(&ada, &changed).await;
        let admin = self.admin().await;
        self.invitations(&admin).await;
        self.people(&admin).await;
        self.actions(&admin).await;
        self.webhooks(&admin).await;
        self.cronjobs(&admin).await;
        self.inbound(&admin).await;
        self.packs(&admin).await;
        self.guests(&admin).await;
        self.sessions().await;
        self.rubbish(&admin).await;
    }

    fn address(&self, name: &str) -> String {
        format!("{}-{name}@a.example", self.tag)
    }

    pub fn request(&self, door: &Door, method: Method, path: &str) -> RequestBuilder {
        let http = Client::builder().redirect(reqwest::redirect::Policy::none()).build().unwrap();
        let request = http.request(method, format!("{}{path}", self.base));
        let request = request.header("host", &door.host).header("doorward-client", &door.client);
        match &door.origin {
            Some(origin) => request.header("origin", origin),
            None => request,
        }
    }

    /// Keeps the secrets of the answer, or the answer where it refuses.
    pub async fn ask(&mut self, request: RequestBuilder) -> Reply {
        let reply = Reply::of(request).await;
        assert!(reply.status.as_u16() < 500, "{}", reply.text);
        let members = ["accessToken", "refreshToken", "knownDevice"].map(|name| reply.says(name).to_owned());
        let cookies =
            ["__Host-dw-a-web", "__Host-dwd-a-web"].map(|name| reply.cookie(name).unwrap_or_default());
        self.secrets.extend(members.into_iter().chain(cookies).filter(|secret| !secret.is_empty()));
        if reply.status.as_u16() >= 400 {
            self.refusals.push(reply.text.clone());
        }
        reply
    }

    pub async fn post(&mut self, path: &str, body: Value) -> Reply {
        let request = self.request(&self.native.clone(), Method::POST, path).json(&body);
        self.ask(request).await
    }

    async fn post_as(&mut self, token: &str, path: &str, body: Value) -> Reply {
        let request = self.request(&self.native.clone(), Method::POST, path).bearer_auth(token).json(&body);
        self.ask(request).await
    }

    pub async fn get_as(&mut self, token: &str, path: &str) -> Reply {
        let request = self.request(&self.native.clone(), Method::GET, path).bearer_auth(token);
        self.ask(request).await
    }

    async fn done(&mut self, token: &str, path: &str, body: Value) -> Reply {
        let reply = self.post_as(token, path, body).await;
        assert!(reply.status.is_success(), "{path}: {}", reply.text);
        reply
    }

    /// The next mail that proves something, by its link or by its code. Notices go by unread.
    async fn mail(&mut self, address: &str, proves: fn(&Mail) -> bool) -> Mail {
        loop {
            let mail = self.smtp.mail_to(address).await;
            if proves(&mail) {
                self.secrets.extend(mail.perhaps_code());
                self.secrets.extend(has_link(&mail).then(|| token(&mail)));
                return mail;
            }
        }
    }

    /// The page behind a link, and its button.
    async fn page(&mut self, path: &str, form: &[(&str, &str)]) {
        let query =
            reqwest::Url::parse_with_params("http://form/", form).unwrap().query().unwrap().to_owned();
        let (_, token) = form[0];
        let door = Door { origin: None, ..self.browser.clone() };
        let shown = self.request(&door, Method::GET, &format!("{path}?token={token}"));
        let pressed = self.request(&door, Method::POST, path).header("origin", "null");
        let pressed = pressed.header("sec-fetch-site", "same-origin");
        let pressed = pressed.header("content-type", "application/x-www-form-urlencoded").body(query);
        let (shown, pressed) = (self.ask(shown).await, self.ask(pressed).await);
        assert_eq!((shown.status.as_u16(), pressed.status.as_u16()), (200, 200), "{path}: {}", pressed.text);
    }

    pub async fn admin(&mut self) -> Holder {
        let admin = self.app.person(&self.native, &self.address("admin")).await;
        self.app.promote(&self.native, admin).await;
        let holder = self.app.session(&self.native, admin).await;
        self.secrets.extend([holder.access.clone(), holder.refresh.clone()]);
        holder
    }
}

fn has_link(mail: &Mail) -> bool {
    mail.links().iter().any(|link| link.contains("token="))
}

fn has_code_alone(mail: &Mail) -> bool {
    !has_link(mail) && mail.perhaps_code().is_some()
}
