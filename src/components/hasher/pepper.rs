//! The pepper: an HMAC under a key that the database does not hold, so that its theft alone cracks nothing.

use aws_lc_rs::hmac;
use zeroize::Zeroizing;

use crate::base::Password;

const PREFIX: &str = "$dw1$k=";

/// A key and its id; the id is written into each stored string.
#[derive(Clone)]
pub struct Pepper {
    id: String,
    key: hmac::Key,
}

/// The one in use first, then older ones that still verify. Empty: no pepper.
#[derive(Clone, Default)]
pub struct Peppers(Vec<Pepper>);

impl Pepper {
    /// `None` unless the id is 1 to 16 of `a-z0-9-` and the key has at least 32 bytes.
    pub fn new(id: &str, key: &[u8]) -> Option<Self> {
        let plain = |b: u8| b.is_ascii_lowercase() || b.is_ascii_digit() || b == b'-';
        let sound = (1..=16).contains(&id.len()) && id.bytes().all(plain) && key.len() >= 32;
        sound.then(|| Self { id: id.to_owned(), key: hmac::Key::new(hmac::HMAC_SHA256, key) })
    }
}

impl Peppers {
    pub fn of(current: Pepper, older: impl IntoIterator<Item = Pepper>) -> Self {
        Self(std::iter::once(current).chain(older).collect())
    }

    pub fn current(&self) -> Option<&str> {
        self.0.first().map(|pepper| pepper.id.as_str())
    }

    pub fn has(&self, id: &str) -> bool {
        self.0.iter().any(|pepper| pepper.id == id)
    }

    pub fn wrap(&self, phc: String) -> String {
        self.current().map_or(phc.clone(), |id| format!("{PREFIX}{id}{phc}"))
    }

    pub fn season(&self, password: &Password) -> Zeroizing<Vec<u8>> {
        tag(self.0.first(), password)
    }

    pub fn season_with(&self, id: &str, password: &Password) -> Zeroizing<Vec<u8>> {
        tag(self.0.iter().find(|pepper| pepper.id == id), password)
    }
}

fn tag(pepper: Option<&Pepper>, password: &Password) -> Zeroizing<Vec<u8>> {
    let text = password.expose().as_bytes();
    Zeroizing::new(
        pepper.map_or_else(|| text.to_vec(), |pepper| hmac::sign(&pepper.key, text).as_ref().to_vec()),
    )
}

/// The key id, if one was used, and the PHC string within.
pub fn unwrap(text: &str) -> Result<(Option<&str>, &str), &'static str> {
    if text.len() > 512 {
        return Err("longer than any password hash");
    }
    let Some(rest) = text.strip_prefix(PREFIX) else {
        return Ok((None, text));
    };
    let at = rest.find('$').ok_or("a pepper without a hash")?;
    rest.split_at_checked(at).map(|(key, phc)| (Some(key), phc)).ok_or("a pepper without a hash")
}
