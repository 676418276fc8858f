//! Engine.IO over plain requests: one waits for what there is to say, others bring what the client says.

use std::time::Duration;

use actix_web::web::Payload;
use bytestring::ByteString;
use tokio::time::{Instant, timeout_at};

use super::door::{Wrong, text};
use super::engine::{self, Packet};
use super::hub::{Hub, PROMISE};
use super::socket::{Carrier, Socket};
use super::talk;
use crate::base::Result;
use crate::base::error::UNPARSABLE;
use crate::http::Answer;
use crate::identity::reading;
use std::sync::Arc;

/// Longer than a ping takes to come: whatever stands between has something to carry before.
const WAIT: Duration = Duration::from_secs(30);
/// Of one answer.
const BODY: usize = 256 << 10;

/// A poll that is waiting; whoever goes away makes room for the next.
struct Poll<'s>(&'s Socket);

impl Drop for Poll<'_> {
    fn drop(&mut self) {
        self.0.end_poll();
    }
}

/// What there is to say, as soon as there is something.
pub async fn wait(hub: &Hub, socket: &Socket) -> std::result::Result<Answer, Wrong> {
    if socket.carrier() == Carrier::WebSocket {
        return Err(Wrong::Request);
    }
    if !socket.begin_poll() {
        hub.close(socket);
        return Err(Wrong::Request);
    }
    let _poll = Poll(socket);
    let until = Instant::now() + WAIT;
    loop {
        match socket.take(BODY) {
            None => return Err(Wrong::Session),
            Some(packets) if !packets.is_empty() => return Ok(text(joined(&packets))),
            Some(_) => {}
        }
        // The client waits for this poll to end before it goes over to the WebSocket.
        let is_over = socket.carrier() != Carrier::Polling;
        if is_over || timeout_at(until, socket.wake.notified()).await.is_err() {
            return Ok(text(Packet::Noop.write()));
        }
    }
}

/// What the client says.
pub async fn take(hub: &Hub, socket: &Arc<Socket>, payload: Payload) -> Result<Answer> {
    let bytes = reading::body(&hub.house, payload).await?;
    let told = String::from_utf8(bytes).ok().filter(|told| told.len() <= PROMISE.max_payload);
    let Some(packets) = told.as_deref().and_then(engine::packets) else {
        hub.close(socket);
        return Err(UNPARSABLE.saying("These are no packets of Engine.IO 4."));
    };
    for packet in packets {
        if !talk::take(hub, socket, packet).await {
            hub.close(socket);
            break;
        }
    }
    Ok(text("ok".to_owned()))
}

fn joined(packets: &[ByteString]) -> String {
    let texts: Vec<&str> = packets.iter().map(|packet| &**packet).collect();
    texts.join(engine::SEPARATOR)
}
