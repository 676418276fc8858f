//! A socket by hand: Engine.IO over polling, as far as a test needs it.

use std::time::Duration;

use reqwest::Client;
use serde_json::{Value, json};
use tokio::sync::mpsc::{UnboundedReceiver, UnboundedSender, unbounded_channel};

use crate::ground::app::App;

pub const SHAKE: &str = "/socket.io/?EIO=4&transport=polling";

pub struct Poller {
    http: Client,
    /// Where this socket is.
    pub at: String,
    /// What comes, from a poll that always waits.
    heard: UnboundedReceiver<String>,
}

impl Poller {
    /// Has shaken hands, and not said a word.
    pub async fn shaken(app: &App) -> Self {
        let http = Client::new();
        let reply = http.get(app.url(SHAKE)).send().await.unwrap();
        let told = reply.text().await.unwrap();
        let open: Value = serde_json::from_str(told.strip_prefix('0').unwrap()).unwrap();
        let at = format!("{}&sid={}", app.url(SHAKE), open["sid"].as_str().unwrap());
        let (told, heard) = unbounded_channel();
        tokio::spawn(listen(http.clone(), at.clone(), told));
        Self { http, at, heard }
    }

    /// Is bound to the session of this token, and listens.
    pub async fn bound(app: &App, token: &str) -> Self {
        let mut poller = Self::shaken(app).await;
        poller.say(&format!("40{}", json!({ "token": token }))).await;
        assert!(poller.hear().await.starts_with("40"));
        // The tail takes them in when it looks next.
        assert_eq!(poller.call(json!(["find", "users", {}])).await["code"], Value::Null);
        tokio::time::sleep(Duration::from_millis(100)).await;
        poller
    }

    /// What was answered to the packets.
    pub async fn say(&self, packets: &str) -> u16 {
        self.http.post(&self.at).body(packets.to_owned()).send().await.unwrap().status().as_u16()
    }

    /// The next packet; empty when the socket has ended.
    pub async fn hear(&mut self) -> String {
        self.heard.recv().await.unwrap_or_default()
    }

    /// The next within a while, if there is one.
    pub async fn soon(&mut self, within: Duration) -> Option<String> {
        tokio::time::timeout(within, self.hear()).await.ok()
    }

    /// What a call is answered: its result or its error.
    pub async fn call(&mut self, event: Value) -> Value {
        assert_eq!(self.say(&format!("427{event}")).await, 200);
        loop {
            let packet = self.hear().await;
            assert!(!packet.is_empty(), "the socket ended during {event}");
            if let Some(told) = packet.strip_prefix("437") {
                let told: Vec<Value> = serde_json::from_str(told).unwrap();
                return told.into_iter().find(|told| !told.is_null()).unwrap();
            }
        }
    }

    /// Whether it hears that somebody is called this now; what else it hears does not count. Silence for two seconds says no.
    pub async fn is_told(&mut self, name: &str) -> bool {
        loop {
            let packet = self.soon(Duration::from_secs(2)).await.unwrap_or_default();
            let told: Value = match packet.strip_prefix("42") {
                Some(told) => serde_json::from_str(told).unwrap(),
                None if packet.is_empty() => return false,
                None => continue,
            };
            if told[0] == "users patched" && told[1]["name"] == name {
                return true;
            }
        }
    }
}

async fn listen(http: Client, at: String, told: UnboundedSender<String>) {
    loop {
        let Ok(reply) = http.get(&at).send().await else { return };
        if reply.status() != 200 {
            return;
        }
        let Ok(packets) = reply.text().await else { return };
        for packet in packets.split('\u{1e}') {
            if told.send(packet.to_owned()).is_err() {
                return;
            }
        }
    }
}
