//! `GET /events`: what a socket is told, as server-sent events (WHATWG HTML, 9.2), for those who only listen. A stream counts and
//! ends as a socket does.

use std::collections::BTreeSet;
use std::sync::Arc;
use std::time::Duration;

use actix_web::web::Bytes;
use bytestring::ByteString;
use futures_util::stream::{self, Stream};
use schemars::JsonSchema;
use serde::Deserialize;
use serde_json::Value;
use tokio::time::sleep;

use super::entity::Place;
use super::hub::Hub;
use super::socket::{Carrier, Socket};
use super::{SOCKETS_TAKEN, UNKNOWN_PLACE, UNWATCHED};
use crate::base::Result;
use crate::base::error::BUSY;
use crate::http::answer::Content;
use crate::http::{Answer, Bound, Streaming};
use crate::identity::{Access, Method, Route, Scope};

/// So that whatever stands between does not take the stream for dead.
pub const BREATH: &str = ":\n\n";
/// Milliseconds until a client that lost its stream comes back.
const BEGINNING: &str = "retry: 2000\n\n";
/// What is said first to who has gone is taken by their machine; what comes next is refused.
const PROBES: u32 = 3;
const PROBE: Duration = Duration::from_millis(100);
const MEDIA_TYPE: &str = "text/event-stream";
const NAME: &str = "services.follow";

#[derive(Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
struct Following {
    /// Services, with commas between: only their changes are told.
    services: Option<String>,
    /// As the header `Last-Event-ID`, for who cannot set one.
    last_event_id: Option<String>,
}

pub fn routes() -> Vec<Route> {
    vec![route(None)]
}

/// The same routes, where this node's sockets are.
pub fn followed_by(hub: &Hub, routes: Vec<Route>) -> Vec<Route> {
    let with_hub = |known: Route| if known.name == NAME { route(Some(hub.clone())) } else { known };
    routes.into_iter().map(with_hub).collect()
}

fn route(hub: Option<Hub>) -> Route {
    let handler = move |scope: Scope, following: Following| {
        let hub = hub.clone();
        async move { follow(&hub.ok_or_else(|| BUSY.error())?, &scope, following).await }
    };
    Route::new(Method::Get, "/events", Access::Session, handler)
        .named(NAME, "Changes as they happen, as server-sent events.")
        .refuses(&[&UNKNOWN_PLACE, &UNWATCHED, &SOCKETS_TAKEN])
}

async fn follow(hub: &Hub, scope: &Scope, following: Following) -> Result<Answer> {
    let live = scope.live()?;
    let missed = scope.incoming.last_event_id.clone().or(following.last_event_id);
    let missed = missed.filter(|place| !place.is_empty()).map(|place| place.parse::<Place>());
    let missed = missed.transpose().map_err(|()| UNKNOWN_PLACE.error())?;
    let wanted = following.services.map(|services| wanted(hub, &services)).transpose()?;
    // A stream would wait for ever to leave its body out.
    if scope.incoming.method == "HEAD" {
        return Ok(Answer::new(200, Content::Raw(MEDIA_TYPE, Vec::new())));
    }
    let socket = hub.open((*scope.incoming).clone(), Carrier::Stream)?;
    let open = Open { hub: hub.clone(), socket: socket.clone() };
    let client = live.client_public_id.clone();
    let bound = Bound { session: live.session, user: live.user, tenant: live.tenant, client };
    bind(hub, &socket, bound).await?;
    if let Some(wanted) = wanted {
        socket.want(wanted);
    }
    socket.connect(missed);
    socket.say_text(BEGINNING.into());
    hub.join(&socket);
    let following = Streaming::of(said(open));
    // Of the proxies, nginx gathers answers unless it is told not to.
    Ok(Answer::new(200, Content::Streaming(MEDIA_TYPE, following)).header("x-accel-buffering", "no"))
}

/// Streams that nobody reads any more may take the places of those that somebody would: they are looked for first.
async fn bind(hub: &Hub, socket: &Arc<Socket>, bound: Bound) -> Result<()> {
    for _ in 0..PROBES {
        match hub.bind(socket, bound.clone()) {
            Err(refused) if refused.is(&SOCKETS_TAKEN) => hub.probe(&bound),
            outcome => return outcome,
        }
        sleep(PROBE).await;
    }
    hub.bind(socket, bound)
}

fn wanted(hub: &Hub, services: &str) -> Result<BTreeSet<String>> {
    let named = services.split(',').map(|service| service.trim().trim_matches('/'));
    let is_known = |service: &str| hub.offers.is_watched(service).then(|| service.to_owned());
    named.map(|service| is_known(service).ok_or_else(|| UNWATCHED.error())).collect()
}

/// Whoever goes away makes room for the next.
struct Open {
    hub: Hub,
    socket: Arc<Socket>,
}

impl Drop for Open {
    fn drop(&mut self) {
        self.hub.close(&self.socket);
    }
}

fn said(open: Open) -> impl Stream<Item = Bytes> {
    stream::unfold(open, async |open| {
        loop {
            match open.socket.take(usize::MAX) {
                None => return None,
                Some(told) if !told.is_empty() => return Some((Bytes::from(told.concat()), open)),
                // What is said before this waits rings all the same.
                Some(_) => open.socket.wake.notified().await,
            }
        }
    })
}

/// JSON has no line ends of its own, so that one line of data holds it.
pub fn written(place: Option<Place>, name: &str, told: &Value) -> ByteString {
    let id = place.map(|place| format!("id: {place}\n")).unwrap_or_default();
    format!("{id}event: {name}\ndata: {told}\n\n").into()
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn what_is_told_stays_on_its_line() {
        let place = Place { epoch: 1, xact: 2, sequence: 3, at: 4 };
        let told = written(Some(place), "users patched", &json!({ "name": "a\nid: 9\r\n\nevent: x" }));

        assert_eq!(
            &*told,
            "id: 1.2.3.4\nevent: users patched\ndata: {\"name\":\"a\\nid: 9\\r\\n\\nevent: x\"}\n\n"
        );
        assert_eq!(&*written(None, "resync", &json!({})), "event: resync\ndata: {}\n\n");
    }
}
