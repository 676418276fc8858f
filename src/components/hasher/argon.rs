//! Argon2 as a PHC string: written as argon2id, read in all three variants, capped.

use argon2::{Algorithm, Argon2, Params, Version};
use aws_lc_rs::constant_time::verify_slices_are_equal;
use base64::Engine;
use base64::engine::general_purpose::STANDARD_NO_PAD;

use super::bench::Bench;
use super::foreign::{decode, number};
use crate::base::{Error, Result};

pub const HASH: usize = 32;

/// Work of one hash. The defaults are OWASP's: 19 MiB, twice, one lane.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Cost {
    /// KiB.
    pub memory: u32,
    pub passes: u32,
}

impl Default for Cost {
    fn default() -> Self {
        Self { memory: 19_456, passes: 2 }
    }
}

pub struct Argon {
    algorithm: Algorithm,
    version: Version,
    cost: Cost,
    lanes: u32,
    salt: Vec<u8>,
}

impl Argon {
    pub fn fresh(cost: Cost, salt: [u8; 16]) -> Self {
        Self { algorithm: Algorithm::Argon2id, version: Version::V0x13, cost, lanes: 1, salt: salt.to_vec() }
    }

    pub fn is(&self, cost: Cost) -> bool {
        let modern = self.algorithm == Algorithm::Argon2id && self.version == Version::V0x13;
        modern && self.cost == cost && self.lanes == 1 && self.salt.len() >= 16
    }

    pub fn hash(&self, secret: &[u8], bench: &mut Bench) -> Result<String> {
        let mut out = [0; HASH];
        self.fill(secret, bench, &mut out).map_err(|e| Error::internal(e.to_string()))?;
        Ok(self.to_phc(&out))
    }

    pub fn verify(&self, secret: &[u8], hash: &[u8], bench: &mut Bench) -> bool {
        let mut out = vec![0; hash.len()];
        self.fill(secret, bench, &mut out).is_ok() && verify_slices_are_equal(&out, hash).is_ok()
    }

    fn fill(&self, secret: &[u8], bench: &mut Bench, out: &mut [u8]) -> Result<(), argon2::Error> {
        let params = Params::new(self.cost.memory, self.cost.passes, self.lanes, Some(out.len()))?;
        let blocks = params.block_count();
        let argon = Argon2::new(self.algorithm, self.version, params);
        bench.with(blocks, |memory| argon.hash_password_into_with_memory(secret, &self.salt, out, memory))
    }

    pub fn to_phc(&self, hash: &[u8]) -> String {
        let Cost { memory, passes } = self.cost;
        let (salt, hash) = (STANDARD_NO_PAD.encode(&self.salt), STANDARD_NO_PAD.encode(hash));
        format!("$argon2id$v=19$m={memory},t={passes},p={}${salt}${hash}", self.lanes)
    }

    pub fn parse(phc: &str) -> Result<(Self, Vec<u8>), &'static str> {
        let parts: Vec<&str> = phc.split('$').collect();
        let (name, version, params, salt, hash) = match parts.as_slice() {
            ["", name, version, params, salt, hash] => (*name, *version, *params, *salt, *hash),
            // Before version 1.3 there was no `v=`.
            ["", name, params, salt, hash] => (*name, "v=16", *params, *salt, *hash),
            _ => return Err("not an argon2 PHC string"),
        };
        let algorithm = match name {
            "argon2id" => Algorithm::Argon2id,
            "argon2i" => Algorithm::Argon2i,
            "argon2d" => Algorithm::Argon2d,
            _ => return Err("an unknown argon2 variant"),
        };
        let version = match version {
            "v=19" => Version::V0x13,
            "v=16" => Version::V0x10,
            _ => return Err("an unknown argon2 version"),
        };
        let (cost, lanes) = capped(params)?;
        Ok((Self { algorithm, version, cost, lanes, salt: decode(salt, 8..=64)? }, decode(hash, 16..=64)?))
    }
}

fn capped(params: &str) -> Result<(Cost, u32), &'static str> {
    let [memory, passes, lanes] = params.split(',').collect::<Vec<_>>()[..] else {
        return Err("argon2 parameters other than m, t and p");
    };
    let (memory, passes) = (number(memory, "m=")?, number(passes, "t=")?);
    let lanes = number(lanes, "p=")?;
    if memory > 256 * 1024 || passes > 10 || lanes > 4 {
        return Err("argon2 asks for more than m=262144, t=10, p=4");
    }
    if lanes == 0 || passes == 0 || memory < 8 * lanes {
        return Err("argon2 parameters that are too small");
    }
    Ok((Cost { memory, passes }, lanes))
}
