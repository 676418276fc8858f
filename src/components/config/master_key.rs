//! The master key: read, judged, and in development made when missing.

use std::fs;
use std::io::{self, Write};
use std::path::{Path, PathBuf};

use aws_lc_rs::rand;
use base64::Engine;
use base64::alphabet;
use base64::engine::{DecodePaddingMode, GeneralPurpose, GeneralPurposeConfig};
use secrecy::ExposeSecret;
use zeroize::Zeroizing;

use super::{Environment, Loaded, Problem, Source, insecure};
use crate::components::private::{private_file, private_folder};
use crate::components::vault::MasterKey;

const MADE: &str = "data/master.key";

/// Keys that were printed in manuals. Every other example is caught by its pattern.
const PRINTED: [&str; 2] =
    ["MDEyMzQ1Njc4OWFiY2RlZjAxMjM0NTY3ODlhYmNkZWY=", "c2VjcmV0c2VjcmV0c2VjcmV0c2VjcmV0c2VjcmV0c2U="];

impl Loaded {
    /// Development without a key gets one of its own, kept in `data/master.key`; elsewhere nothing changes, and
    /// [`super::insecure_reasons`] says that it is missing.
    pub fn ensure_master_key(&mut self, base: &Path) -> Result<(), Problem> {
        if self.config.environment != Environment::Development || self.config.keys.master.is_some() {
            return Ok(());
        }
        let path = base.join(MADE);
        let source = Source::File(path.clone());
        let refuse = |reason: io::Error| Problem {
            key: "keys.master".to_owned(),
            reason: format!("cannot be read or made: {reason}"),
            source: source.clone(),
        };
        let text = match fs::read_to_string(&path) {
            Err(error) if error.kind() == io::ErrorKind::NotFound => make(&path).map_err(refuse)?,
            read => Zeroizing::new(read.map_err(refuse)?),
        };
        self.config.keys.master = Some(text.trim().to_owned().into());
        self.sources.insert("keys.master".to_owned(), source.clone());
        self.secret_files.push(path);
        Ok(())
    }
}

impl Loaded {
    /// Whether the next start would make a key: one that opens nothing that is there already.
    pub fn would_make_master_key(&self, base: &Path) -> Option<PathBuf> {
        let path = base.join(MADE);
        let given = self.config.keys.master.is_some() || path.exists();
        (self.config.environment.is_development() && !given).then_some(path)
    }

    /// Of checked settings; what is wrong with them [`super::insecure_reasons`] has told.
    pub fn master_keys(&self) -> Result<Vec<MasterKey>, &'static str> {
        self.config.keys.master.as_ref().map_or(Err("is missing"), |keys| parse(keys.expose_secret()))
    }
}

/// Of two nodes that start at once, the second reads what the first made: a link appears whole or not at all.
fn make(path: &Path) -> io::Result<Zeroizing<String>> {
    let mut bytes = Zeroizing::new([0; 32]);
    rand::fill(bytes.as_mut()).map_err(io::Error::other)?;
    let text = Zeroizing::new(base64::prelude::BASE64_STANDARD.encode(bytes.as_ref()));
    if let Some(directory) = path.parent() {
        private_folder().create(directory)?;
    }
    let draft = path.with_extension(format!("key.{}", std::process::id()));
    let mut file = private_file().write(true).create_new(true).open(&draft)?;
    writeln!(file, "{}", text.as_str()).and_then(|()| file.sync_all())?;
    let linked = fs::hard_link(&draft, path);
    fs::remove_file(&draft)?;
    match linked {
        Err(error) if error.kind() == io::ErrorKind::AlreadyExists => {
            fs::read_to_string(path).map(Zeroizing::new)
        }
        linked => linked.map(|()| text),
    }
}

/// The keys in the text, the sealing one first, or what is wrong with one of them.
pub fn parse(text: &str) -> Result<Vec<MasterKey>, &'static str> {
    let keys: Vec<MasterKey> = text
        .split([' ', '\n', '\r', '\t', ','])
        .filter(|key| !key.is_empty())
        .map(one)
        .collect::<Result<_, _>>()?;
    if keys.is_empty() { Err("is empty") } else { Ok(keys) }
}

fn one(text: &str) -> Result<MasterKey, &'static str> {
    if insecure::holds_example(text) || PRINTED.contains(&text) {
        return Err("is an example; make one with `openssl rand -base64 32`");
    }
    let bytes = decode(text)
        .ok_or("must be 32 random bytes as base64 or hex; `openssl rand -base64 32` makes them")?;
    match has_pattern(&bytes) {
        true => Err("is not random; make one with `openssl rand -base64 32`"),
        false => Ok(MasterKey::from_bytes(&bytes)),
    }
}

fn decode(text: &str) -> Option<Zeroizing<[u8; 32]>> {
    let config = GeneralPurposeConfig::new().with_decode_padding_mode(DecodePaddingMode::Indifferent);
    let alphabet = if text.contains(['-', '_']) { alphabet::URL_SAFE } else { alphabet::STANDARD };
    let bytes = Zeroizing::new(match text.len() {
        64 => hex::decode(text).ok()?,
        _ => GeneralPurpose::new(&alphabet, config).decode(text).ok()?,
    });
    let mut key = Zeroizing::new([0; 32]);
    (bytes.len() == key.len()).then(|| key.copy_from_slice(&bytes))?;
    Some(key)
}

/// All but never true of a random key: text, few different bytes, a run, or a repetition.
fn has_pattern(bytes: &[u8; 32]) -> bool {
    let mut seen = [0u8; 32];
    seen.copy_from_slice(bytes);
    seen.sort_unstable();
    let different = 1 + seen.array_windows().filter(|[a, b]| a != b).count();
    let steps: Vec<u8> = bytes.array_windows().map(|[a, b]| b.wrapping_sub(*a)).collect();
    let run = steps.iter().all(|step| Some(step) == steps.first());
    let repeats = (1..=16).any(|period| bytes.iter().zip(bytes.iter().skip(period)).all(|(a, b)| a == b));
    different < 16 || run || repeats || bytes.iter().all(|byte| (b' '..=b'~').contains(byte))
}

#[cfg(test)]
mod tests;
