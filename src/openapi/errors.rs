//! All refusals of the house: which room gives them, which routes may, and the page that lists them.

use std::collections::BTreeMap;
use std::fmt::Write;

use serde_json::Value;

use crate::base::error::{
    self, BUSY, INTERNAL, INVALID, INVALID_ENCODING, INVALID_HEADER, RATE_LIMITED, Refusal, STALE,
    STORAGE_FULL, TOO_LARGE, TOO_SLOW, UNDECIDED, UNPARSABLE, UNSUPPORTED_MEDIA_TYPE, URL_TOO_LONG,
};
use crate::base::{Error, FieldError, RequestId};
use crate::components::sandbox;
use crate::http::problem;
use crate::identity::asking;
use crate::identity::gate::{
    self, ANOTHER_TENANT, COOKIE_NEEDS_ORIGIN, FOREIGN_ORIGIN, INVALID_CLIENT, INVALID_TENANT,
    MISSING_PERMISSION, REVOKED, UNKNOWN_CLIENT,
};
use crate::identity::route::Source;
use crate::identity::token::{self, EXPIRED_TOKEN, INVALID_TOKEN, MISSING_TOKEN};
use crate::identity::{Access, Method, Route, once, serve};
use crate::{
    actions, auth, authentication, cronjobs, development, inbound, jobs, management, packs, permissions,
    services, sessions, tokens, users, webhooks,
};

/// Each file that declares refusals, below `src/`, with what it declares. A test reads the sources to compare.
pub fn declared() -> Vec<(&'static str, &'static [&'static Refusal])> {
    vec![
        ("base/error.rs", error::ALL),
        ("components/sandbox.rs", sandbox::ALL),
        ("services/mod.rs", services::ALL),
        ("services/sockets/mod.rs", services::sockets::ALL),
        ("identity/asking.rs", asking::ALL),
        ("identity/gate.rs", gate::ALL),
        ("identity/once.rs", once::ALL),
        ("identity/token.rs", token::ALL),
        ("jobs/events.rs", jobs::events::ALL),
        ("sessions/events.rs", sessions::events::ALL),
        ("sessions/switch.rs", sessions::switch::ALL),
        ("tokens/events.rs", tokens::events::ALL),
        ("management/events/mod.rs", management::events::ALL),
        ("management/events/keys.rs", management::events::keys::ALL),
        ("management/events/people.rs", management::events::people::ALL),
        ("management/events/tenants.rs", management::events::tenants::ALL),
        ("permissions/events/mod.rs", permissions::events::ALL),
        ("users/events/mod.rs", users::events::ALL),
        ("actions/events.rs", actions::events::ALL),
        ("webhooks/events.rs", webhooks::events::ALL),
        ("cronjobs/events.rs", cronjobs::events::ALL),
        ("inbound/events.rs", inbound::events::ALL),
        ("packs/events.rs", packs::events::ALL),
        ("auth/account/events/mod.rs", auth::account::events::ALL),
        ("auth/password/events/mod.rs", auth::password::events::ALL),
        ("authentication/events.rs", authentication::events::ALL),
        ("development/controller.rs", development::controller::ALL),
    ]
}

/// What a route may refuse with, by status and key: its own, its access', its transport's.
pub fn of(route: &Route) -> Vec<&'static Refusal> {
    let mut all: Vec<&'static Refusal> =
        vec![&FOREIGN_ORIGIN, &RATE_LIMITED, &BUSY, &STORAGE_FULL, &INTERNAL];
    all.extend(route.refusals.iter().copied());
    all.extend(by_access(route.access));
    all.extend(by_input(route));
    if route.creates {
        all.extend(once::ALL);
    }
    if route.cookie {
        all.push(&COOKIE_NEEDS_ORIGIN);
    }
    all.sort_by_key(|refusal| (refusal.status, refusal.key));
    all.dedup_by_key(|refusal| refusal.key);
    all
}

fn by_access(access: Access) -> Vec<&'static Refusal> {
    let of_token: [&'static Refusal; 5] =
        [&MISSING_TOKEN, &INVALID_TOKEN, &EXPIRED_TOKEN, &REVOKED, &ANOTHER_TENANT];
    match access {
        Access::Open | Access::Perhaps => Vec::new(),
        Access::Tenant => vec![&INVALID_TENANT, &UNKNOWN_CLIENT],
        Access::Session | Access::Pending | Access::SessionOrPending => of_token.to_vec(),
        Access::Permission(_) => of_token.into_iter().chain([&MISSING_PERMISSION]).collect(),
        Access::Server => vec![&INVALID_CLIENT],
    }
}

fn by_input(route: &Route) -> Vec<&'static Refusal> {
    let mut all: Vec<&'static Refusal> =
        vec![&INVALID, &INVALID_ENCODING, &INVALID_HEADER, &TOO_LARGE, &URL_TOO_LONG];
    if route.method != Method::Get {
        all.extend([&STALE, &UNDECIDED]);
    }
    if route.source != Source::Query && !matches!(route.method, Method::Get | Method::Delete) {
        all.extend([&UNPARSABLE, &UNSUPPORTED_MEDIA_TYPE, &TOO_SLOW]);
    }
    all
}

/// The sentence as a line of its own.
pub fn sentence(refusal: &Refusal) -> &'static str {
    refusal.detail
}

/// The body that a caller gets, with a request id that is nobody's.
pub fn example(refusal: &'static Refusal) -> Value {
    let request = RequestId::of(uuid::Uuid::from_u128(0x0199_d3a0_7b1c_7000_8000_0000_0000_0000));
    let error = if refusal == &INVALID {
        let missing = FieldError::new("$.email", "validator.undefined", "This member is required.");
        INVALID.with(vec![missing])
    } else {
        Error::from(refusal)
    };
    problem::body(&error, request)
}

const HEAD: &str = "# Errors

Made from the code by `doorward errors`; a test compares. The `key` is the contract: it does not change within v1, the
sentences may. Every refusal has the same body, `application/problem+json` (RFC 9457):

```json
";

const BELOW_EXAMPLE: &str = "
```

`errors` holds, by path (`$.device.name`), a `key` and a `detail` of what is not valid: the first member that was found
wrong, and perhaps not the only one. The request id is also in the header `Doorward-Request-Id`; the operator finds log
and audit by it. 429 and 503 carry `Retry-After`. What is no HTTP at all (a request line or headers that do not parse, do
not end or do not come) is answered with 400, 408 or 431 and no body, and the connection closes.

| key | status | says | where |
|---|---|---|---|
";

/// `docs/errors.md`.
pub fn page(routes: &[Route]) -> String {
    let mut lines: BTreeMap<(&str, u16), (&str, String)> = BTreeMap::new();
    let shown: Vec<&Route> = routes.iter().filter(|route| !route.hidden).collect();
    for refusal in declared().into_iter().flat_map(|(_, all)| all) {
        lines.insert((refusal.key, refusal.status), (refusal.detail, whereabouts(refusal, &shown)));
    }
    let mut page = format!("{HEAD}{:#}{BELOW_EXAMPLE}", example(&INVALID));
    for ((key, status), (detail, places)) in lines {
        // Writing into a string cannot fail.
        let _ = writeln!(page, "| `{key}` | {status} | {} | {places} |", detail.replace('|', "\\|"));
    }
    page
}

fn whereabouts(refusal: &Refusal, routes: &[&Route]) -> String {
    let giving: Vec<&&Route> =
        routes.iter().filter(|route| of(route).iter().any(|given| given.key == refusal.key)).collect();
    let place = |route: &&&Route| {
        let path = serve::places(route).first().map(|at| super::document::template(at)).unwrap_or_default();
        format!("`{} {path}`", route.method.word())
    };
    match giving.len() {
        0 => "the server, before or instead of a route".into(),
        all if all == routes.len() => "every route".into(),
        many if many > 6 => format!("{many} routes, by their access or input; see the API document"),
        _ => giving.iter().map(place).collect::<Vec<_>>().join("<br>"),
    }
}
