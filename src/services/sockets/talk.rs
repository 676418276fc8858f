//! What a client says: it greets, it calls, it says good-bye. A call goes through the gate like any request, as whom the socket
//! was bound to.

use std::sync::Arc;

use serde_json::{Value, json};

use super::BAD_GREETING;
use super::engine;
use super::entity::Place;
use super::hub::Hub;
use super::offers::Asked;
use super::packet::{self, Packet};
use super::socket::Socket;
use crate::base::error::UNPARSABLE;
use crate::base::{Error, RequestId, Result};
use crate::components::limits;
use crate::http::answer::Content;
use crate::http::{Answer, Bound, Incoming, Tree, problem, strict};
use crate::identity::route::Binding;
use crate::identity::{Route, carry, gate};

/// Takes one packet. False: whoever sent it is not followed any further.
pub async fn take(hub: &Hub, socket: &Arc<Socket>, packet: engine::Packet) -> bool {
    socket.hear();
    let text = match packet {
        engine::Packet::Message(text) => text,
        // One answer to each of ours is expected; who sends thousands pays for them.
        engine::Packet::Pong(_) => return may_go_on(hub, socket),
        _ => return false,
    };
    // A call whose JSON cannot be read is told so: the other calls of its socket are none of its business.
    let parse = |json: &str| Some(strict::tree(json.as_bytes()).map_err(|_| UNPARSABLE.error()));
    let Some(packet::Incoming { namespace, packet }) = packet::read(&text, parse) else { return false };
    match packet {
        Packet::Connect(_) if namespace != "/" => {
            let refused = Packet::Refused(json!({ "message": "Invalid namespace" }));
            say(socket, refused.write(&namespace));
            may_go_on(hub, socket)
        }
        _ if namespace != "/" => may_go_on(hub, socket),
        Packet::Connect(Some(Err(_))) => false,
        Packet::Connect(told) => {
            may_go_on(hub, socket) && greet(hub, socket, told.and_then(Result::ok)).await
        }
        Packet::Event(number, Ok(event)) if socket.is_connected() => {
            begin(hub, socket, number, event).await;
            true
        }
        Packet::Event(Some(number), Err(error)) if socket.is_connected() => {
            let body = problem::body(&error, RequestId::new());
            say(socket, Packet::Ack(number, json!([body])).write("/"));
            may_go_on(hub, socket)
        }
        Packet::Ack(..) => may_go_on(hub, socket),
        Packet::Event(..) | Packet::Disconnect | Packet::Refused(_) => false,
    }
}

/// What is no call passes no gate, but is counted as one (WS-2).
fn may_go_on(hub: &Hub, socket: &Socket) -> bool {
    hub.house.limiter.spend_at(limits::ADDRESS, &[], socket.shook.address).is_ok()
}

fn say(socket: &Socket, text: String) {
    socket.say(&engine::Packet::Message(text));
}

/// The client's first word: perhaps which client it is, perhaps a token, perhaps what it heard last.
async fn greet(hub: &Hub, socket: &Arc<Socket>, told: Option<Tree>) -> bool {
    let members = match told.map_or(Ok(Vec::new()), words) {
        Ok(members) => members,
        Err(error) => {
            refuse(socket, &error);
            return true;
        }
    };
    let word = |name: &str| {
        members.iter().find_map(|(known, value)| match value {
            Tree::Text(text) if known == name && text.len() <= 8192 => Some(text.as_str()),
            _ => None,
        })
    };
    let before = word("pid").filter(|pid| pid.len() <= 256);
    let missed: Option<Place> = before.and_then(|pid| {
        let made = pid.split_once('~').map_or("", |(_, place)| place);
        word("offset").unwrap_or(made).parse().ok()
    });
    if !socket.connect(missed) {
        return false;
    }
    if let Some(client) = word("client") {
        socket.name_client(client.to_owned());
    }
    let token = word("token").or_else(|| word("accessToken")).map(|token| format!("Bearer {token}"));
    if let Some(authorization) = token.or_else(|| socket.shook.authorization.clone()) {
        let bound = gate::greet(&hub.house, presenting(socket, authorization)).await;
        if let Err(error) = bound.and_then(|bound| hub.bind(socket, bound)) {
            refuse(socket, &error);
            return true;
        }
    }
    let here = Place { at: hub.house.clock.now().seconds(), ..hub.place() };
    let fresh = || format!("{}~{here}", hub.house.random.token("").expose());
    let pid = before.filter(|_| missed.is_some()).map_or_else(fresh, str::to_owned);
    let sid = hub.house.random.token("");
    say(socket, Packet::Connect(Some(json!({ "sid": sid.expose(), "pid": pid }))).write("/"));
    // Nothing is told before the greeting.
    if socket.bound().is_some() {
        hub.join(socket);
    }
    true
}

/// What a greeting says that means anything to us is text: a token that is something else is no token, and whoever sent it
/// would take the socket for logged in.
fn words(told: Tree) -> Result<Vec<(String, Tree)>> {
    let Tree::Branch(members) = told else { return Err(BAD_GREETING.error()) };
    let is_word = |(name, value): &(String, Tree)| {
        !matches!(name.as_str(), "token" | "accessToken" | "client" | "pid" | "offset")
            || matches!(value, Tree::Text(_) | Tree::Null)
    };
    if members.iter().all(is_word) { Ok(members) } else { Err(BAD_GREETING.error()) }
}

fn refuse(socket: &Socket, error: &Error) {
    let body = problem::body(error, RequestId::new());
    let refused = json!({ "message": body.get("message"), "data": body });
    socket.refuse();
    say(socket, Packet::Refused(refused).write("/"));
}

/// As many at a time as a socket may have; the next waits, and so does whatever the client sends behind it.
async fn begin(hub: &Hub, socket: &Arc<Socket>, number: Option<u64>, event: Tree) {
    let Ok(permit) = socket.calls.clone().acquire_owned().await else { return };
    let (hub, socket) = (hub.clone(), socket.clone());
    tokio::spawn(async move {
        let id = RequestId::new();
        let outcome = call(&hub, &socket, id, event).await;
        if let Some(number) = number {
            say(
                &socket,
                match outcome {
                    Ok(answer) => packet::answered(number, &body(answer)),
                    Err(error) => Packet::Ack(number, json!([problem::body(&error, id)])).write("/"),
                },
            );
        }
        drop(permit);
    });
}

async fn call(hub: &Hub, socket: &Arc<Socket>, id: RequestId, event: Tree) -> Result<Answer> {
    let Asked { route, input } = match hub.offers.asked(event) {
        Ok(asked) => asked,
        Err(error) => {
            hub.house.limiter.spend_at(limits::ADDRESS, &[], socket.shook.address)?;
            return Err(error);
        }
    };
    if route.binding == Some(Binding::Out) {
        socket.leave(true);
    }
    let outcome = carry::call(&hub.house, &route, &Arc::new(message(socket, &route, id)), input).await;
    match (route.binding, &outcome) {
        (Some(Binding::In), Ok(answer)) => bind(hub, socket, answer).await?,
        (Some(Binding::Out), Ok(_)) => hub.unbind(socket),
        (Some(Binding::Out), Err(_)) => socket.leave(false),
        _ => {}
    }
    outcome
}

/// The socket goes on as the session whose token it was just given.
async fn bind(hub: &Hub, socket: &Arc<Socket>, answer: &Answer) -> Result<()> {
    let told: Value = match &answer.body {
        Content::Raw(_, bytes) => serde_json::from_slice(bytes).map_err(Error::internal)?,
        Content::Json(told) => told.clone(),
        Content::Empty | Content::Streaming(..) => Value::Null,
    };
    let token = told.get("accessToken").and_then(Value::as_str);
    let token = token.ok_or_else(|| Error::internal("a login without an access token"))?;
    let bound = gate::greet(&hub.house, presenting(socket, format!("Bearer {token}"))).await?;
    hub.bind(socket, bound)?;
    hub.join(socket);
    Ok(())
}

/// What a message inherits of the handshake, and no more.
fn inherited(socket: &Socket) -> Incoming {
    let shook = &socket.shook;
    Incoming {
        address: shook.address,
        host: shook.host.clone(),
        origin: shook.origin.clone(),
        client: socket.client(),
        tenant_origin: shook.tenant_origin.clone(),
        user_agent: shook.user_agent.clone(),
        accept_language: shook.accept_language.clone(),
        sec_fetch_site: shook.sec_fetch_site.clone(),
        forwarded: shook.forwarded,
        by_proxy: shook.by_proxy,
        ..Incoming::none()
    }
}

fn presenting(socket: &Socket, authorization: String) -> Incoming {
    Incoming { authorization: Some(authorization), ..inherited(socket) }
}

fn message(socket: &Socket, route: &Route, id: RequestId) -> Incoming {
    Incoming {
        request: id,
        method: route.method.word().to_owned(),
        path: route.path.to_owned(),
        // No page can make a browser send one of these by a form.
        content_type: Some("application/json".to_owned()),
        bound: socket.bound().map(|bound| Bound::clone(&bound)),
        ..inherited(socket)
    }
}

fn body(answer: Answer) -> String {
    match answer.body {
        Content::Raw(_, bytes) => String::from_utf8(bytes).unwrap_or_else(|_| "null".to_owned()),
        Content::Json(told) => told.to_string(),
        Content::Empty | Content::Streaming(..) => "null".to_owned(),
    }
}
