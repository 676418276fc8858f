//! Socket.IO, protocol 5 (its specification, "Packet encoding"): what stands in the messages of Engine.IO. Of namespaces there is
//! the one without a name; a packet to another is read, so that it can be refused.

use serde_json::Value;

/// A client numbers what it wants acknowledged. Longer numbers are nobody's.
const DIGITS: usize = 18;
/// Of the name of a namespace.
const NAME: usize = 128;

#[derive(Debug, Clone, PartialEq)]
pub enum Packet<T> {
    /// With what the client brings, or with the id that it is given.
    Connect(Option<T>),
    Disconnect,
    /// A list, of which the first is a name; with a number if somebody waits for the answer.
    Event(Option<u64>, T),
    Ack(u64, T),
    /// Why nobody is connected.
    Refused(T),
}

/// What came in: a packet, and whither.
#[derive(Debug, Clone, PartialEq)]
pub struct Incoming<T> {
    /// `/` is the one without a name.
    pub namespace: String,
    pub packet: Packet<T>,
}

/// A packet of a client. The JSON in it is parsed by whoever knows what it may be. None: it is none, or a binary one.
pub fn read<T>(text: &str, parse: impl FnOnce(&str) -> Option<T>) -> Option<Incoming<T>> {
    let mut letters = text.chars();
    let kind = letters.next()?;
    let (namespace, rest) = namespace(letters.as_str())?;
    let (number, rest) = number(rest)?;
    let packet = match (kind, number) {
        ('0', None) if rest.is_empty() => Packet::Connect(None),
        ('0', None) => Packet::Connect(Some(parse(rest)?)),
        ('1', None) if rest.is_empty() => Packet::Disconnect,
        ('2', number) => Packet::Event(number, parse(rest)?),
        ('3', Some(number)) => Packet::Ack(number, parse(rest)?),
        _ => return None,
    };
    Some(Incoming { namespace, packet })
}

/// `/name,` before anything else; without it the one without a name.
fn namespace(text: &str) -> Option<(String, &str)> {
    if !text.starts_with('/') {
        return Some(("/".to_owned(), text));
    }
    // A packet that carries nothing may leave the comma away.
    let (name, rest) = text.split_once(',').unwrap_or((text, ""));
    // What stands behind a question mark is no part of the name.
    let name = name.split('?').next()?;
    (name.len() <= NAME).then(|| (name.to_owned(), rest))
}

fn number(text: &str) -> Option<(Option<u64>, &str)> {
    let end = text.find(|letter: char| !letter.is_ascii_digit()).unwrap_or(text.len());
    let (digits, rest) = text.split_at_checked(end)?;
    match digits.len() {
        0 => Some((None, rest)),
        1..=DIGITS => Some((Some(digits.parse().ok()?), rest)),
        _ => None,
    }
}

impl Packet<Value> {
    /// To a namespace; `/` is left away.
    pub fn write(&self, namespace: &str) -> String {
        let (kind, number, told) = match self {
            Self::Connect(told) => ('0', None, told.as_ref()),
            Self::Disconnect => ('1', None, None),
            Self::Event(number, told) => ('2', *number, Some(told)),
            Self::Ack(number, told) => ('3', Some(*number), Some(told)),
            Self::Refused(told) => ('4', None, Some(told)),
        };
        let mut text = String::from(kind);
        if namespace != "/" {
            text.push_str(namespace);
            text.push(',');
        }
        if let Some(number) = number {
            text.push_str(&number.to_string());
        }
        if let Some(told) = told {
            text.push_str(&told.to_string());
        }
        text
    }
}

/// An answer whose body is JSON already.
pub fn answered(number: u64, body: &str) -> String {
    format!("3{number}[null,{body}]")
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn packet(text: &str) -> Option<Incoming<Value>> {
        read(text, |json| serde_json::from_str(json).ok())
    }

    fn to(namespace: &str, packet: Packet<Value>) -> Option<Incoming<Value>> {
        Some(Incoming { namespace: namespace.into(), packet })
    }

    #[test]
    fn packets_of_a_client_are_read_as_the_protocol_says() {
        let find = json!(["find", "users", {}]);

        assert_eq!(packet("0"), to("/", Packet::Connect(None)));
        assert_eq!(packet(r#"0{"token":"x"}"#), to("/", Packet::Connect(Some(json!({ "token": "x" })))));
        assert_eq!(packet("0/other,"), to("/other", Packet::Connect(None)));
        assert_eq!(packet("0/other?a=b,{}"), to("/other", Packet::Connect(Some(json!({})))));
        assert_eq!(packet(r#"20["find","users",{}]"#), to("/", Packet::Event(Some(0), find.clone())));
        assert_eq!(packet(r#"2["find","users",{}]"#), to("/", Packet::Event(None, find.clone())));
        assert_eq!(packet(r#"2/other,12["find","users",{}]"#), to("/other", Packet::Event(Some(12), find)));
        assert_eq!(packet("31[]"), to("/", Packet::Ack(1, json!([]))));
        assert_eq!(packet("1"), to("/", Packet::Disconnect));
    }

    #[test]
    fn packets_of_ours_are_written_as_the_protocol_says() {
        assert_eq!(Packet::Connect(Some(json!({ "sid": "x" }))).write("/"), r#"0{"sid":"x"}"#);
        assert_eq!(Packet::Event(None, json!(["users created", {}])).write("/"), r#"2["users created",{}]"#);
        assert_eq!(Packet::Ack(3, json!([null, []])).write("/"), "33[null,[]]");
        assert_eq!(answered(3, "[]"), "33[null,[]]");
        assert_eq!(Packet::Disconnect.write("/"), "1");
        let refused = Packet::Refused(json!({ "message": "Invalid namespace" }));
        assert_eq!(refused.write("/other"), r#"4/other,{"message":"Invalid namespace"}"#);
    }

    #[test]
    fn what_is_no_packet_is_none() {
        for text in ["", "2", "2[", "3[]", "10", "5[]", "51-[]", "7", "21234567890123456789[]", "1{}", "é"] {
            assert_eq!(packet(text), None, "{text}");
        }
        assert_eq!(packet(&format!("0/{},", "a".repeat(200))), None);
    }
}
