//! What a development server tells of its requests, at `/_dev/events.json`.

use std::io;
use std::net::SocketAddr;
use std::time::Duration;

use serde_json::Value;

use crate::base::RequestId;
use crate::components::ask;

/// The server waits no longer than this for something new.
const PATIENCE: Duration = Duration::from_secs(10);

pub struct Feed(pub SocketAddr);

/// A part of what there is, and after which number the rest comes.
#[derive(Debug)]
pub struct Part {
    /// When the process began whose numbers these are.
    pub began: String,
    pub events: Vec<Value>,
    pub next: u64,
}

#[derive(Debug)]
pub enum Trouble {
    /// It may come back.
    Gone(io::Error),
    /// Too many questions from this machine.
    Busy,
    /// It is no development server, or none of this version.
    Deaf(u16),
}

impl Feed {
    /// What came after a number; waits a while if there is nothing yet.
    pub async fn after(&self, number: u64) -> Result<Part, Trouble> {
        let seconds = PATIENCE.as_secs();
        self.ask(&format!("/_dev/events.json?after={number}&wait={seconds}"), PATIENCE).await
    }

    /// All that it still knows.
    pub async fn all(&self) -> Result<Part, Trouble> {
        self.ask("/_dev/events.json", Duration::ZERO).await
    }

    pub async fn one(&self, id: RequestId) -> Result<Option<Value>, Trouble> {
        let part = self.ask(&format!("/_dev/events.json?id={id}"), Duration::ZERO).await?;
        Ok(part.events.into_iter().next())
    }

    async fn ask(&self, path: &str, patience: Duration) -> Result<Part, Trouble> {
        let (status, body) = ask::body(self.0, path, patience).await.map_err(Trouble::Gone)?;
        match status {
            200 => part(&body).ok_or(Trouble::Deaf(status)),
            429 | 503 => Err(Trouble::Busy),
            _ => Err(Trouble::Deaf(status)),
        }
    }
}

fn part(body: &[u8]) -> Option<Part> {
    let mut body: Value = serde_json::from_slice(body).ok()?;
    let next = body.get("next")?.as_u64()?;
    let began = body.get("began")?.as_str()?.to_owned();
    let Value::Array(events) = body.get_mut("events")?.take() else { return None };
    Some(Part { began, events, next })
}
