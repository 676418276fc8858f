//! Attacks on the gate, tokens, sessions, limits and the wire, named by their ids.

mod development;
pub mod filling;
mod headers;
mod input;
mod keys;
mod limits;
mod origins;
mod refresh;
mod routes;
mod sessions;
mod stale;
mod tenants;
mod tokens;
mod wall;
mod wire;
