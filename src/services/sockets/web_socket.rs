//! Engine.IO over a WebSocket: from the beginning, or taken over from polling.

use std::sync::Arc;
use std::time::Duration;

use actix_ws::{AggregatedMessage, AggregatedMessageStream, MessageStream, Session};
use futures_util::StreamExt;
use tokio::time::timeout;

use super::engine::Packet;
use super::hub::{Hub, PROMISE};
use super::socket::{Carrier, Socket};
use super::talk;

/// For one packet to be taken by a client that reads slowly.
const PATIENCE: Duration = Duration::from_secs(20);

/// Carries packets until one side has enough.
pub async fn serve(hub: Hub, socket: Arc<Socket>, mut session: Session, stream: MessageStream) {
    let stream = stream.max_frame_size(PROMISE.max_payload).aggregate_continuations();
    let mut stream = stream.max_continuation_size(PROMISE.max_payload);
    if socket.carrier() == Carrier::WebSocket || taken_over(&socket, &mut session, &mut stream).await {
        carry(&hub, &socket, &mut session, &mut stream).await;
        hub.close(&socket);
    } else if socket.carrier() == Carrier::Probed {
        // It came to nothing; polling goes on.
        socket.carry_by(Carrier::Polling);
    }
    // Who has gone already need not be told.
    let _ = timeout(Duration::from_secs(1), session.close(None)).await;
}

/// The client tries the way, then says that it goes it.
async fn taken_over(socket: &Socket, session: &mut Session, stream: &mut AggregatedMessageStream) -> bool {
    let probe = said(timeout(PATIENCE, stream.recv()).await.ok().flatten());
    if probe != Some(Packet::Ping("probe".to_owned())) || socket.carrier() != Carrier::Polling {
        return false;
    }
    if session.text(Packet::Pong("probe".to_owned()).write()).await.is_err() {
        return false;
    }
    socket.carry_by(Carrier::Probed);
    if said(timeout(PATIENCE, stream.recv()).await.ok().flatten()) != Some(Packet::Upgrade) {
        return false;
    }
    socket.carry_by(Carrier::WebSocket);
    true
}

async fn carry(hub: &Hub, socket: &Arc<Socket>, session: &mut Session, stream: &mut AggregatedMessageStream) {
    loop {
        tokio::select! {
            message = stream.next() => {
                let message = message.and_then(Result::ok);
                if let Some(AggregatedMessage::Ping(word)) = message {
                    if session.pong(&word).await.is_err() {
                        return;
                    }
                } else if let Some(packet) = said(message) {
                    if !talk::take(hub, socket, packet).await {
                        return;
                    }
                } else {
                    return;
                }
            }
            () = socket.wake.notified() => {
                let Some(packets) = socket.take(usize::MAX) else { return };
                for packet in packets {
                    if !matches!(timeout(PATIENCE, session.text(packet)).await, Ok(Ok(()))) {
                        return;
                    }
                }
            }
        }
    }
}

/// None: no packet, or the end.
fn said(message: Option<impl Into<Said>>) -> Option<Packet> {
    match message?.into() {
        Said(Some(text)) => Packet::read(&text),
        Said(None) => None,
    }
}

struct Said(Option<String>);

impl From<AggregatedMessage> for Said {
    fn from(message: AggregatedMessage) -> Self {
        match message {
            AggregatedMessage::Text(text) => Self(Some(text.into())),
            _ => Self(None),
        }
    }
}

impl<E> From<Result<AggregatedMessage, E>> for Said {
    fn from(message: Result<AggregatedMessage, E>) -> Self {
        message.map_or(Self(None), Self::from)
    }
}
