//! `/_dev`, `/_dev/mail`: what a developer looks at instead of a mailbox, and what end-to-end tests ask.

use schemars::JsonSchema;
use serde::Deserialize;
use serde_json::{Value, json};

use crate::base::error::NOT_FOUND;
use crate::base::{DeliveryId, Result};
use crate::components::mailer::{Kept, KeptMail};
use crate::components::pages::Rendered;
use crate::components::pages::development::{self as pages, Fact, Home, Tab};
use crate::http::Answer;
use crate::http::answer::Content;
use crate::identity::{Access, Method, Nothing, Route, Scope};

crate::refusals! {
    NO_MAIL = 404 "development.mail.unknown" "No such mail is kept.";
    NOT_KEPT = 404 "development.mail.notKept" "Mail is not kept here: `mail.transport` sends it, or lets none out.";
}

pub fn routes() -> Vec<Route> {
    vec![
        Route::new(Method::Get, "/_dev", Access::Open, home).named("development.home", DEVELOPMENT).hidden(),
        Route::new(Method::Get, "/_dev/mail", Access::Open, inbox)
            .named("development.inbox", DEVELOPMENT)
            .hidden(),
        Route::new(Method::Delete, "/_dev/mail", Access::Open, clear)
            .named("development.clear", DEVELOPMENT)
            .hidden(),
        Route::new(Method::Get, "/_dev/mail.json", Access::Open, latest)
            .named("development.latest", DEVELOPMENT)
            .hidden(),
        Route::new(Method::Get, "/_dev/mail/{id}", Access::Open, mail)
            .named("development.mail", DEVELOPMENT)
            .hidden(),
        Route::new(Method::Get, "/_dev/mail/{id}/html", Access::Open, html)
            .named("development.html", DEVELOPMENT)
            .hidden(),
        Route::new(Method::Get, "/_dev/mail/{id}/source", Access::Open, source)
            .named("development.source", DEVELOPMENT)
            .hidden(),
    ]
}

const DEVELOPMENT: &str = "Development only.";

fn kept(scope: &Scope) -> Result<&Kept> {
    scope.house.mailer.kept().ok_or_else(|| NOT_KEPT.error())
}

fn page(rendered: Rendered) -> Answer {
    Answer::html(200, rendered.html).header("content-security-policy", rendered.policy)
}

async fn home(scope: Scope, _: Nothing) -> Result<Answer> {
    let host = &scope.incoming.host;
    let tenant = match scope.house.tenant_at(host).await? {
        Some(id) => scope.house.tenant(id).await?,
        None => None,
    };
    let tenant = tenant.ok_or_else(|| NOT_FOUND.saying("No tenant answers at this host."))?;
    let id = tenant.id;
    let view = scope.house.db.within(id);
    let clients = view.read(move |conn| Ok(crate::identity::Client::of_tenant(conn, id)?)).await?;
    let address = format!("http://{host}");
    let facts = clients.iter().map(|client| Fact {
        name: client.public_id.clone(),
        value: format!("{}: {}", client.kind.word(), client.name),
    });
    let home = Home {
        tenant: tenant.display_name.clone(),
        clients: facts.collect(),
        people: Vec::new(),
        commands: vec![
            Fact {
                name: "Which tenant answers here?".into(),
                value: format!("curl {address}/multitenant/current"),
            },
            Fact {
                name: "The newest mail to an address, with its links and code".into(),
                value: format!("curl '{address}/_dev/mail.json?to=ada@example.com'"),
            },
        ],
        address,
    };
    Ok(page(pages::home(&scope.house.templates, &home)?))
}

#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
struct To {
    #[serde(default)]
    to: Option<String>,
}

async fn inbox(scope: Scope, query: To) -> Result<Answer> {
    let recipient = query.to.unwrap_or_default();
    let mails = kept(&scope)?.list(Some(&recipient));
    Ok(page(pages::inbox(&scope.house.templates, &mails, &recipient)?))
}

async fn clear(scope: Scope, _: Nothing) -> Result<Answer> {
    kept(&scope)?.clear();
    Ok(Answer::new(204, Content::Empty))
}

/// With an address its newest mail, or null; without one all that are kept, newest first.
async fn latest(scope: Scope, query: To) -> Result<Answer> {
    let kept = kept(&scope)?;
    let body: Value = match query.to {
        Some(to) => json!({ "mail": kept.latest(&to) }),
        None => json!({ "mails": kept.list(None) }),
    };
    Ok(Answer::new(200, Content::Json(body)))
}

#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
struct One {
    id: DeliveryId,
    #[serde(default)]
    tab: Option<String>,
}

fn find(scope: &Scope, id: DeliveryId) -> Result<KeptMail> {
    kept(scope)?.find(id).ok_or_else(|| NO_MAIL.error())
}

async fn mail(scope: Scope, one: One) -> Result<Answer> {
    let mail = find(&scope, one.id)?;
    kept(&scope)?.mark_read(one.id);
    Ok(page(pages::mail(&scope.house.templates, &mail, Tab::parse(one.tab.as_deref()))?))
}

/// Framed by the page of the mail, and by nothing else.
async fn html(scope: Scope, one: One) -> Result<Answer> {
    let mail = find(&scope, one.id)?;
    Ok(page(pages::mail_body(&mail)).header("x-frame-options", "SAMEORIGIN"))
}

async fn source(scope: Scope, one: One) -> Result<Answer> {
    let mail = find(&scope, one.id)?;
    Ok(Answer::new(200, Content::Raw("text/plain; charset=utf-8", mail.source.into_bytes())))
}
