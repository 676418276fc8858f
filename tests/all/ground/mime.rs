//! A mail taken apart: headers unfolded and decoded, bodies out of their transfer encoding.

use base64::Engine;
use base64::engine::general_purpose::STANDARD;

/// A message, or one part of one.
#[derive(Debug)]
pub struct Part {
    headers: Vec<(String, String)>,
    body: Vec<u8>,
}

impl Part {
    pub fn parse(raw: &[u8]) -> Self {
        let (head, body) = split(raw);
        let unfolded = String::from_utf8_lossy(head).replace("\r\n ", " ").replace("\r\n\t", " ");
        let headers = unfolded.lines().filter_map(|line| line.split_once(':'));
        let headers = headers.map(|(name, value)| (name.to_owned(), value.trim().to_owned())).collect();
        Self { headers, body: body.to_vec() }
    }

    pub fn header(&self, name: &str) -> Option<String> {
        self.raw_header(name).map(decode_words)
    }

    /// The content of the first part of this type, here or below.
    pub fn body(&self, mime_type: &str) -> Option<String> {
        let content = self.raw_header("Content-Type").unwrap_or("text/plain");
        if content.to_ascii_lowercase().starts_with("multipart/") {
            return self.parts().iter().find_map(|part| part.body(mime_type));
        }
        let same = content.to_ascii_lowercase().starts_with(mime_type);
        same.then(|| String::from_utf8(self.decoded()).expect("the part is not UTF-8").replace("\r\n", "\n"))
    }

    pub fn parts(&self) -> Vec<Part> {
        let Some(boundary) = self.raw_header("Content-Type").and_then(boundary) else { return Vec::new() };
        let text = String::from_utf8_lossy(&self.body).into_owned();
        let all = format!("\r\n{text}");
        let fence = format!("\r\n--{boundary}");
        let mut pieces = all.split(&fence);
        pieces.next();
        let whole = pieces.take_while(|piece| !piece.starts_with("--"));
        whole.map(|piece| Self::parse(piece.strip_prefix("\r\n").unwrap_or(piece).as_bytes())).collect()
    }

    fn raw_header(&self, name: &str) -> Option<&str> {
        let found = self.headers.iter().find(|(key, _)| key.eq_ignore_ascii_case(name));
        found.map(|(_, value)| value.as_str())
    }

    fn decoded(&self) -> Vec<u8> {
        let encoding = self.raw_header("Content-Transfer-Encoding").unwrap_or("7bit").to_ascii_lowercase();
        match encoding.as_str() {
            "quoted-printable" => quoted_printable(&self.body, false),
            "base64" => {
                let packed: Vec<u8> =
                    self.body.iter().copied().filter(|b| !b.is_ascii_whitespace()).collect();
                STANDARD.decode(packed).expect("the part is not base64")
            }
            _ => self.body.clone(),
        }
    }
}

fn split(raw: &[u8]) -> (&[u8], &[u8]) {
    if let Some(body) = raw.strip_prefix(b"\r\n") {
        return (b"", body);
    }
    let end = raw.windows(4).position(|four| four == b"\r\n\r\n");
    end.map_or((raw, b""), |end| (raw.split_at(end).0, raw.split_at(end + 4).1))
}

fn boundary(content_type: &str) -> Option<String> {
    let at = content_type.to_ascii_lowercase().find("boundary=")?;
    let value = content_type.split_at(at + "boundary=".len()).1;
    match value.strip_prefix('"') {
        Some(quoted) => quoted.split('"').next().map(str::to_owned),
        None => value.split([';', ' ']).next().map(str::to_owned),
    }
}

/// RFC 2045, 6.7; in headers (RFC 2047) an underscore is a space.
fn quoted_printable(body: &[u8], header: bool) -> Vec<u8> {
    let mut plain = Vec::with_capacity(body.len());
    let mut rest = body;
    while let [first, tail @ ..] = rest {
        rest = tail;
        match (first, tail) {
            (b'=', [b'\r', b'\n', after @ ..]) => rest = after,
            (b'=', [high, low, after @ ..]) => {
                let digits = std::str::from_utf8(&[*high, *low]).ok().map(str::to_owned);
                let byte = digits.and_then(|digits| u8::from_str_radix(&digits, 16).ok());
                plain.push(byte.expect("a stray = in quoted-printable"));
                rest = after;
            }
            (b'_', _) if header => plain.push(b' '),
            (byte, _) => plain.push(*byte),
        }
    }
    plain
}

/// `=?utf-8?b?…?=` and `=?utf-8?q?…?=`; the space between two such words does not count.
fn decode_words(value: &str) -> String {
    let mut out = String::new();
    let mut rest = value;
    let mut after_word = false;
    while let Some((before, word)) = rest.split_once("=?") {
        let mut fields = word.splitn(4, '?');
        let (Some(_), Some(encoding), Some(text), Some(tail)) =
            (fields.next(), fields.next(), fields.next(), fields.next())
        else {
            break;
        };
        let Some(tail) = tail.strip_prefix('=') else { break };
        if !(after_word && before.trim().is_empty()) {
            out.push_str(before);
        }
        let bytes = match encoding {
            "b" | "B" => STANDARD.decode(text).expect("a header word is not base64"),
            _ => quoted_printable(text.as_bytes(), true),
        };
        out.push_str(&String::from_utf8_lossy(&bytes));
        rest = tail;
        after_word = true;
    }
    out + rest
}
