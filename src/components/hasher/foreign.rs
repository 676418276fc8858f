//! Hashes that other systems made: read, capped and verified, never written.

use std::ops::RangeInclusive;

use aws_lc_rs::constant_time::verify_slices_are_equal;
use base64::Engine;
use base64::engine::general_purpose::{STANDARD, STANDARD_NO_PAD};
use pbkdf2::pbkdf2_hmac;
use pbkdf2::sha2::{Sha256, Sha512};

use super::argon::Argon;

/// No string of ours or theirs is longer.
const LONGEST: usize = 512;
const BCRYPT_COST: u32 = 14;
const SCRYPT_MEMORY: u64 = 64 * 1024 * 1024;
const SCRYPT_WORK: u64 = 4 * SCRYPT_MEMORY;
const PBKDF2_ROUNDS: u32 = 2_000_000;

pub enum Foreign {
    /// Verifies the first 72 bytes only, as the system it came from did; the rehash that follows ends that.
    Bcrypt {
        text: String,
    },
    Scrypt {
        params: scrypt::Params,
        salt: Vec<u8>,
        hash: Vec<u8>,
    },
    Pbkdf2 {
        digest: Digest,
        rounds: u32,
        salt: Vec<u8>,
        hash: Vec<u8>,
    },
}

#[derive(Clone, Copy)]
pub enum Digest {
    Sha256,
    Sha512,
}

/// Whether an import may hold this string. The reason is for the importer's report.
///
/// A hostile string is a denial of service at every login, so its parameters are capped, here and before
/// each verification: bcrypt cost 14; scrypt 64 MiB; pbkdf2 2,000,000 rounds; argon2 256 MiB, t=10, p=4.
pub fn accept_import(text: &str) -> Result<(), &'static str> {
    if text.starts_with("$argon2") {
        bounded(text).and_then(Argon::parse).map(drop)
    } else {
        Foreign::parse(text).map(drop)
    }
}

fn bounded(text: &str) -> Result<&str, &'static str> {
    if text.len() > LONGEST { Err("longer than any password hash") } else { Ok(text) }
}

impl Foreign {
    pub fn parse(text: &str) -> Result<Self, &'static str> {
        let parts: Vec<&str> = bounded(text)?.split('$').collect();
        match parts.as_slice() {
            ["", "2a" | "2b" | "2y", cost, _] => bcrypt(text, cost),
            ["", "scrypt", params, salt, hash] => scrypt(params, salt, hash),
            ["", "pbkdf2-sha256", params, salt, hash] => pbkdf2(Digest::Sha256, params, [salt, hash]),
            ["", "pbkdf2-sha512", params, salt, hash] => pbkdf2(Digest::Sha512, params, [salt, hash]),
            ["pbkdf2_sha256", rounds, salt, hash] => django(rounds, salt, hash),
            _ => Err("an unknown scheme"),
        }
    }

    /// Scheme and cost: what is measured together for the floor.
    pub fn name(&self) -> String {
        match self {
            Self::Bcrypt { text } => format!("bcrypt {}", text.get(4..6).unwrap_or_default()),
            Self::Scrypt { params, .. } => format!("scrypt {} {} {}", params.log_n(), params.r(), params.p()),
            Self::Pbkdf2 { digest: Digest::Sha256, rounds, .. } => format!("pbkdf2-sha256 {rounds}"),
            Self::Pbkdf2 { digest: Digest::Sha512, rounds, .. } => format!("pbkdf2-sha512 {rounds}"),
        }
    }

    pub fn verify(&self, secret: &[u8]) -> bool {
        match self {
            Self::Bcrypt { text } => bcrypt::verify(secret, text).unwrap_or(false),
            Self::Scrypt { params, salt, hash } => {
                let mut out = vec![0; hash.len()];
                scrypt::scrypt(secret, salt, params, &mut out).is_ok()
                    && verify_slices_are_equal(&out, hash).is_ok()
            }
            Self::Pbkdf2 { digest, rounds, salt, hash } => {
                let mut out = vec![0; hash.len()];
                match digest {
                    Digest::Sha256 => pbkdf2_hmac::<Sha256>(secret, salt, *rounds, &mut out),
                    Digest::Sha512 => pbkdf2_hmac::<Sha512>(secret, salt, *rounds, &mut out),
                }
                verify_slices_are_equal(&out, hash).is_ok()
            }
        }
    }
}

fn bcrypt(text: &str, cost: &str) -> Result<Foreign, &'static str> {
    let parts = text.parse::<bcrypt::HashParts>().map_err(|_| "not a bcrypt string")?;
    if cost.len() != 2 || !(4..=BCRYPT_COST).contains(&parts.get_cost()) {
        return Err("bcrypt cost is not 4 to 14");
    }
    Ok(Foreign::Bcrypt { text: text.to_owned() })
}

fn scrypt(params: &str, salt: &str, hash: &str) -> Result<Foreign, &'static str> {
    let [log_n, r, p] = params.split(',').collect::<Vec<_>>()[..] else {
        return Err("scrypt parameters other than ln, r and p");
    };
    let (log_n, r, p) = (number(log_n, "ln=")?, number(r, "r=")?, number(p, "p=")?);
    let memory =
        1_u64.checked_shl(log_n).and_then(|n| n.checked_mul(u64::from(r))).and_then(|n| n.checked_mul(128));
    let memory = memory
        .filter(|&bytes| log_n < 32 && bytes <= SCRYPT_MEMORY)
        .ok_or("scrypt asks for more than 64 MiB")?;
    // N·r·128 leaves p free, and p multiplies the time.
    if memory.saturating_mul(u64::from(p)) > SCRYPT_WORK {
        return Err("scrypt asks for too much work");
    }
    if log_n == 0 {
        return Err("scrypt parameters that are too small");
    }
    let log_n = u8::try_from(log_n).map_err(|_| "scrypt parameters")?;
    let params = scrypt::Params::new(log_n, r, p).map_err(|_| "scrypt parameters that cannot be")?;
    Ok(Foreign::Scrypt { params, salt: decode(salt, 1..=64)?, hash: decode(hash, 16..=64)? })
}

fn pbkdf2(digest: Digest, params: &str, [salt, hash]: [&str; 2]) -> Result<Foreign, &'static str> {
    let (rounds, length) =
        params.split_once(',').map_or((params, None), |(rounds, length)| (rounds, Some(length)));
    let hash = decode(hash, 16..=64)?;
    let stated = length.map(|length| number(length, "l=")).transpose()?;
    if stated.is_some_and(|stated| stated as usize != hash.len()) {
        return Err("a pbkdf2 hash of another length than stated");
    }
    Ok(Foreign::Pbkdf2 {
        digest,
        rounds: rounds_of(number(rounds, "i=")?)?,
        salt: decode(salt, 1..=64)?,
        hash,
    })
}

/// Django writes the salt as it is and the hash in padded base64.
fn django(rounds: &str, salt: &str, hash: &str) -> Result<Foreign, &'static str> {
    let hash = STANDARD
        .decode(hash)
        .ok()
        .filter(|hash| hash.len() == 32)
        .ok_or("a Django hash is 32 bytes in base64")?;
    if salt.is_empty() || salt.len() > 128 {
        return Err("a salt of a length that cannot be");
    }
    let rounds = rounds_of(number(rounds, "")?)?;
    Ok(Foreign::Pbkdf2 { digest: Digest::Sha256, rounds, salt: salt.as_bytes().to_vec(), hash })
}

fn rounds_of(rounds: u32) -> Result<u32, &'static str> {
    if (1..=PBKDF2_ROUNDS).contains(&rounds) {
        Ok(rounds)
    } else {
        Err("pbkdf2 rounds are not 1 to 2,000,000")
    }
}

/// Plain decimals only: no sign, no leading zero, so that one string has one reading.
pub fn number(text: &str, name: &str) -> Result<u32, &'static str> {
    let digits = text.strip_prefix(name).ok_or("parameters in another order or of another name")?;
    let plain = digits.bytes().all(|b| b.is_ascii_digit()) && (digits == "0" || !digits.starts_with('0'));
    digits.parse().ok().filter(|_| plain).ok_or("a parameter that is not a number")
}

/// A hash of no bytes would match every password.
pub fn decode(text: &str, length: RangeInclusive<usize>) -> Result<Vec<u8>, &'static str> {
    let bytes = STANDARD_NO_PAD.decode(text).map_err(|_| "salt or hash are not base64")?;
    if length.contains(&bytes.len()) { Ok(bytes) } else { Err("salt or hash of a length that cannot be") }
}
