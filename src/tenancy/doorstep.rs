//! `/`: who stands there with a browser is told whose door this is, and in development what there is to see.

use schemars::JsonSchema;
use serde::Deserialize;

use crate::base::Result;
use crate::base::error::NOT_FOUND;
use crate::components::brand::{Brand, Colour};
use crate::components::pages::{self, Doorstep, Frame, Room};
use crate::components::words::Locale;
use crate::http::Answer;
use crate::identity::{Access, Method, Route, Scope, Tenant};

pub fn route() -> Route {
    Route::new(Method::Get, "/", Access::Open, doorstep)
        .named("tenancy.doorstep", "Whose door this is.")
        .refuses(&[&NOT_FOUND])
        .hidden()
}

/// Links from elsewhere append what they like: a visitor is not to blame for it.
#[derive(Deserialize, JsonSchema)]
struct Asked {
    #[serde(default)]
    lang: Option<String>,
}

/// Where a development server has something to show.
const ROOMS: [(&str, &str); 6] = [
    ("docs", "/docs"),
    ("mail", "/_dev/mail"),
    ("events", "/_dev/events"),
    ("start", "/_dev"),
    ("metadata", "/.well-known/oauth-authorization-server"),
    ("keys", "/.well-known/jwks.json"),
];

/// Programs find nothing here, as at any other place that is none; nor does anybody at a host that is nobody's.
async fn doorstep(scope: Scope, asked: Asked) -> Result<Answer> {
    let (house, incoming) = (&scope.house, &scope.incoming);
    if !incoming.wants_page() {
        let hint = "A browser finds a page here. The API is described at /docs and /openapi.json.";
        return Err(if house.config.environment.is_development() {
            NOT_FOUND.saying(hint)
        } else {
            NOT_FOUND.error()
        });
    }
    let tenant = match house.tenant_at(&incoming.host).await? {
        Some(id) => house.tenant(id).await?.filter(|tenant| tenant.is_open()),
        None => None,
    };
    let tenant = tenant.ok_or_else(|| NOT_FOUND.error())?;
    let first = tenant.settings.0.languages.first().map(String::as_str);
    let frame = Frame {
        tenant: brand(&tenant),
        locale: Locale::negotiate(asked.lang.as_deref(), incoming.accept_language.as_deref(), first),
        nonce: house.random.token("").expose().to_string(),
        path: incoming.path.clone(),
        token: None,
    };
    let rendered = pages::render(&house.templates, &frame, &step(&scope))?;
    let headers = pages::HEADERS.iter().filter(|(name, _)| !["Content-Type", "Vary"].contains(name));
    let answer =
        headers.fold(Answer::html(200, rendered.html), |answer, (name, value)| answer.header(name, *value));
    Ok(answer.header("vary", "Accept, Accept-Language").header("content-security-policy", rendered.policy))
}

fn step(scope: &Scope) -> Doorstep {
    let config = &scope.house.config;
    if !config.environment.is_development() {
        return Doorstep { rooms: Vec::new(), command: None };
    }
    let rooms = ROOMS.iter().filter(|(name, _)| *name != "docs" || config.server.docs);
    let command = format!("curl http://{}/multitenant/current", scope.incoming.host);
    Doorstep {
        rooms: rooms.map(|(name, href)| Room { name, href: (*href).to_owned() }).collect(),
        command: Some(command),
    }
}

fn brand(tenant: &Tenant) -> Brand {
    let colour = tenant.settings.0.accent.as_deref().and_then(Colour::parse);
    Brand::new(&tenant.display_name, colour.unwrap_or(Colour::HOUSE))
}
