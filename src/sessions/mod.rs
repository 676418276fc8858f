//! Sessions: start, refresh, list, end, switch tenant. The only room that makes token pairs.
//!
//! Routes: `/auth/refresh-tokens`, `/auth/logout`, `/session/*`. Tables: `sessions`, `devices`.

pub mod answers;
pub mod controller;
pub mod device;
pub mod entity;
pub mod events;
pub mod flush;
pub mod notices;
pub mod refresh_token;
pub mod rotation;
pub mod steps;
pub mod switch;
pub mod token_claims;
