//! How values are written where TOML has no word for them: seconds, secrets, networks, "not set".

use std::fmt::Display;
use std::str::FromStr;

use serde::de::Error as _;
use serde::{Deserialize, Deserializer, Serializer};

pub mod seconds {
    use super::*;
    use std::time::Duration;

    pub fn serialize<S: Serializer>(value: &Duration, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_u64(value.as_secs())
    }

    pub fn deserialize<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Duration, D::Error> {
        match i64::deserialize(deserializer).map(u64::try_from) {
            // A century: more is a mistake, and would overflow a point in time.
            Ok(Ok(seconds @ 1..=3_155_760_000)) => Ok(Duration::from_secs(seconds)),
            Ok(_) => Err(D::Error::custom("must be a whole number of seconds, from 1 up to a century")),
            Err(_) => Err(D::Error::custom("must be a whole number of seconds")),
        }
    }
}

/// Like [`seconds`], and none is fine too.
pub mod pause {
    use super::*;
    use std::time::Duration;

    pub use super::seconds::serialize;

    pub fn deserialize<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Duration, D::Error> {
        match u64::deserialize(deserializer) {
            Ok(seconds @ 0..=300) => Ok(Duration::from_secs(seconds)),
            _ => Err(D::Error::custom("must be a whole number of seconds, from 0 to 300")),
        }
    }
}

pub mod text {
    use super::*;

    pub fn serialize<T: Display, S: Serializer>(value: &T, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(value)
    }

    pub fn deserialize<'de, T: FromStr<Err: Display>, D: Deserializer<'de>>(
        deserializer: D,
    ) -> Result<T, D::Error> {
        String::deserialize(deserializer)?.parse().map_err(D::Error::custom)
    }
}

pub mod networks {
    use super::*;
    use ipnet::IpNet;
    use std::net::IpAddr;

    pub fn serialize<S: Serializer>(value: &[IpNet], serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_seq(value.iter().map(IpNet::to_string))
    }

    pub fn deserialize<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Vec<IpNet>, D::Error> {
        let network = |text: String| {
            text.parse::<IpNet>()
                .or_else(|_| text.parse::<IpAddr>().map(IpNet::from))
                .map_err(|_| D::Error::custom(format!("`{text}` is neither an address nor a network")))
        };
        Vec::<String>::deserialize(deserializer)?.into_iter().map(network).collect()
    }
}

/// An empty text is "not set", so that a variable left empty in a compose file sets nothing.
pub mod maybe {
    use super::*;

    pub fn serialize<S: Serializer>(value: &Option<String>, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(value.as_deref().unwrap_or_default())
    }

    pub fn deserialize<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Option<String>, D::Error> {
        Ok(Some(String::deserialize(deserializer)?).filter(|text| !text.is_empty()))
    }
}

pub const REDACTED: &str = "[redacted]";

pub mod maybe_secret {
    use super::*;
    use secrecy::SecretString;

    pub fn serialize<S: Serializer>(value: &Option<SecretString>, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(if value.is_some() { REDACTED } else { "" })
    }

    pub fn deserialize<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Option<SecretString>, D::Error> {
        Ok(Some(unshown(deserializer)?).filter(|text| !text.is_empty()).map(SecretString::from))
    }
}

pub mod database_url {
    use super::*;
    use crate::components::config::database_url::without_secrets;
    use secrecy::{ExposeSecret, SecretString};

    pub fn serialize<S: Serializer>(value: &SecretString, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(&without_secrets(value.expose_secret()))
    }

    pub fn deserialize<'de, D: Deserializer<'de>>(deserializer: D) -> Result<SecretString, D::Error> {
        let url = unshown(deserializer)?;
        let known = ["sqlite://", "postgres://", "postgresql://"].iter().any(|s| url.starts_with(s));
        match known {
            true => Ok(url.into()),
            false => Err(D::Error::custom("must begin with sqlite://, postgres:// or postgresql://")),
        }
    }
}

/// serde's own message for a wrong type quotes the value; a secret's must not.
fn unshown<'de, D: Deserializer<'de>>(deserializer: D) -> Result<String, D::Error> {
    match toml::Value::deserialize(deserializer)? {
        toml::Value::String(text) => Ok(text),
        _ => Err(D::Error::custom("must be a text")),
    }
}
