//! Engine.IO, protocol 4 (its specification, "Protocol"): what goes over a WebSocket, a packet a frame, and over polling, packets
//! put together in a body.

use serde_json::json;

/// Between packets of one body.
pub const SEPARATOR: &str = "\u{1e}";

#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Packet {
    Open(String),
    Close,
    Ping(String),
    Pong(String),
    Message(String),
    Upgrade,
    Noop,
}

/// What a server promises at the handshake.
#[derive(Debug, Clone, Copy)]
pub struct Promise {
    /// Milliseconds.
    pub ping_interval: u64,
    pub ping_timeout: u64,
    /// Bytes of one body or frame.
    pub max_payload: usize,
}

impl Packet {
    /// The first of a session, over polling one that may go on over a WebSocket.
    pub fn open(sid: &str, promise: &Promise, may_upgrade: bool) -> Self {
        let upgrades: &[&str] = if may_upgrade { &["websocket"] } else { &[] };
        let Promise { ping_interval, ping_timeout, max_payload } = promise;
        let told = json!({
            "sid": sid, "upgrades": upgrades, "pingInterval": ping_interval, "pingTimeout": ping_timeout,
            "maxPayload": max_payload,
        });
        Self::Open(told.to_string())
    }

    /// None: no packet, or a binary one, which nobody here sends.
    pub fn read(text: &str) -> Option<Self> {
        let mut letters = text.chars();
        let (kind, rest) = (letters.next()?, letters.as_str());
        match kind {
            '0' => Some(Self::Open(rest.to_owned())),
            '1' if rest.is_empty() => Some(Self::Close),
            '2' => Some(Self::Ping(rest.to_owned())),
            '3' => Some(Self::Pong(rest.to_owned())),
            '4' => Some(Self::Message(rest.to_owned())),
            '5' if rest.is_empty() => Some(Self::Upgrade),
            '6' if rest.is_empty() => Some(Self::Noop),
            _ => None,
        }
    }

    pub fn write(&self) -> String {
        let (kind, rest) = match self {
            Self::Open(told) => ('0', told.as_str()),
            Self::Close => ('1', ""),
            Self::Ping(word) => ('2', word.as_str()),
            Self::Pong(word) => ('3', word.as_str()),
            Self::Message(text) => ('4', text.as_str()),
            Self::Upgrade => ('5', ""),
            Self::Noop => ('6', ""),
        };
        let mut text = String::with_capacity(rest.len() + 1);
        text.push(kind);
        text.push_str(rest);
        text
    }
}

/// The packets of a body. None: one of them is no packet, and whoever sent it is not to be followed.
pub fn packets(body: &str) -> Option<Vec<Packet>> {
    body.split(SEPARATOR).map(Packet::read).collect()
}

pub fn body(packets: &[Packet]) -> String {
    let texts: Vec<String> = packets.iter().map(Packet::write).collect();
    texts.join(SEPARATOR)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn packets_are_written_as_the_protocol_says_and_read_back() {
        let promise = Promise { ping_interval: 25_000, ping_timeout: 20_000, max_payload: 65_536 };
        let open = Packet::open("n1-x", &promise, true).write();
        let told: serde_json::Value = serde_json::from_str(open.strip_prefix('0').unwrap()).unwrap();
        assert_eq!((&told["sid"], &told["upgrades"]), (&json!("n1-x"), &json!(["websocket"])));
        assert_eq!((&told["pingInterval"], &told["maxPayload"]), (&json!(25_000), &json!(65_536)));

        for (packet, text) in [
            (Packet::Ping("probe".into()), "2probe"),
            (Packet::Pong("probe".into()), "3probe"),
            (Packet::Message("0".into()), "40"),
            (Packet::Upgrade, "5"),
            (Packet::Noop, "6"),
            (Packet::Close, "1"),
        ] {
            assert_eq!(packet.write(), text);
            assert_eq!(Packet::read(text), Some(packet));
        }
    }

    #[test]
    fn a_body_holds_packets_in_their_order() {
        let packets_ = vec![Packet::Message("0".into()), Packet::Message("2[\"é\"]".into()), Packet::Noop];

        assert_eq!(body(&packets_), "40\u{1e}42[\"é\"]\u{1e}6");
        assert_eq!(packets(&body(&packets_)), Some(packets_));
    }

    #[test]
    fn what_is_no_packet_is_none() {
        for body in ["", "9", "bAQID", "5x", "4a\u{1e}", "\u{1e}4a", "é"] {
            assert_eq!(packets(body), None, "{body}");
        }
    }
}
