//! `/socket.io/`: the handshake of Engine.IO, and the requests of a client that polls.

use std::sync::Arc;

use actix_web::web::{self, Payload, ServiceConfig};
use actix_web::{HttpRequest, HttpResponse};
use serde_json::json;

use super::engine::Packet;
use super::hub::{Hub, PROMISE};
use super::socket::{Carrier, Socket};
use super::{polling, web_socket};
use crate::base::{Error, RequestId};
use crate::http::answer::Content;
use crate::http::{Answer, Incoming, edge, incoming, problem};
use crate::identity::gate;
use crate::identity::serve::{self, Reader};
use crate::identity::telling::Telling;

const PATH: &str = "/socket.io";
const METHODS: &str = "GET, POST, OPTIONS";

/// What Engine.IO itself says no to, with the numbers of its own server.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Wrong {
    Transport,
    Session,
    Method,
    Request,
    Version,
}

enum No {
    Wrong(Wrong),
    Refused(Error),
}

impl From<Wrong> for No {
    fn from(wrong: Wrong) -> Self {
        Self::Wrong(wrong)
    }
}

impl From<Error> for No {
    fn from(error: Error) -> Self {
        Self::Refused(error)
    }
}

impl Wrong {
    fn answer(self) -> Answer {
        let (code, message) = match self {
            Self::Transport => (0, "Transport unknown"),
            Self::Session => (1, "Session ID unknown"),
            Self::Method => (2, "Bad handshake method"),
            Self::Request => (3, "Bad request"),
            Self::Version => (5, "Unsupported protocol version"),
        };
        Answer::new(400, Content::Json(json!({ "code": code, "message": message })))
    }
}

pub fn mount(config: &mut ServiceConfig, hub: &Hub) {
    for path in [PATH.to_owned(), format!("{PATH}/")] {
        let (knocks, otherwise) = (hub.clone(), hub.house.clone());
        let open = move |request: HttpRequest, payload: Payload| open(knocks.clone(), request, payload);
        let otherwise =
            move |request: HttpRequest| serve::otherwise(otherwise.clone(), METHODS.to_owned(), request);
        config.service(
            web::resource(path)
                .route(web::get().to(open.clone()))
                .route(web::post().to(open))
                .default_service(web::to(otherwise)),
        );
    }
}

async fn open(hub: Hub, request: HttpRequest, payload: Payload) -> HttpResponse {
    let id = RequestId::new();
    let answer = match knock(&hub, id, &request, payload).await {
        Ok(Outcome::Switched(response)) => return response,
        Ok(Outcome::Said(answer)) => answer,
        Err(No::Wrong(wrong)) => wrong.answer(),
        Err(No::Refused(error)) => {
            Telling::socket(&hub.house, id).end(error.status(), Some(&error));
            problem::answer(&error, id)
        }
    };
    serve::respond(&hub.house, answer, id, &Reader::of(&request, None)).await
}

enum Outcome {
    Said(Answer),
    Switched(HttpResponse),
}

/// What a query of Engine.IO says.
struct Asked {
    carrier: Carrier,
    sid: Option<String>,
}

async fn knock(hub: &Hub, id: RequestId, request: &HttpRequest, payload: Payload) -> Result<Outcome, No> {
    edge::check(request, serve::sizes(&hub.house))?;
    let shook = Incoming::read(request, id, &hub.house.proxies)?;
    gate::knock(&hub.house, &shook).await?;
    let asked = asked(&shook)?;
    let is_get = shook.method == "GET";
    let Some(sid) = asked.sid else {
        return if is_get {
            shake(hub, shook, asked.carrier, (request, payload))
        } else {
            Err(Wrong::Method.into())
        };
    };
    let socket = hub.find(&sid).ok_or(Wrong::Session)?;
    match (asked.carrier, is_get) {
        (Carrier::Polling, true) => Ok(Outcome::Said(polling::wait(hub, &socket).await?)),
        (Carrier::Polling, false) => Ok(Outcome::Said(polling::take(hub, &socket, payload).await?)),
        (_, true) if socket.carrier() == Carrier::Polling => switch(hub, socket, (request, payload)),
        _ => Err(Wrong::Request.into()),
    }
}

fn asked(shook: &Incoming) -> Result<Asked, No> {
    let mut told = incoming::pairs(&shook.query)?;
    let carrier = match told.get("transport").map(String::as_str) {
        Some("polling") => Carrier::Polling,
        Some("websocket") => Carrier::WebSocket,
        _ => return Err(Wrong::Transport.into()),
    };
    if told.get("EIO").map(String::as_str) != Some("4") {
        return Err(Wrong::Version.into());
    }
    Ok(Asked { carrier, sid: told.remove("sid") })
}

fn shake(hub: &Hub, shook: Incoming, carrier: Carrier, wire: (&HttpRequest, Payload)) -> Result<Outcome, No> {
    let id = shook.request;
    let socket = hub.open(shook, carrier)?;
    Telling::socket(&hub.house, id).end(200, None);
    let open = Packet::open(&socket.sid, &PROMISE, carrier == Carrier::Polling);
    if carrier == Carrier::Polling {
        return Ok(Outcome::Said(text(open.write())));
    }
    socket.say(&open);
    let switched = switch(hub, socket.clone(), wire);
    if switched.is_err() {
        hub.close(&socket);
    }
    switched
}

fn switch(
    hub: &Hub,
    socket: Arc<Socket>,
    (request, payload): (&HttpRequest, Payload),
) -> Result<Outcome, No> {
    let (response, session, stream) =
        actix_ws::handle(request, payload).map_err(|_| No::Wrong(Wrong::Request))?;
    actix_web::rt::spawn(web_socket::serve(hub.clone(), socket, session, stream));
    Ok(Outcome::Switched(response))
}

pub fn text(body: String) -> Answer {
    Answer::new(200, Content::Raw("text/plain; charset=UTF-8", body.into_bytes()))
}
