//! What others may know of our tokens: the public keys, where things stand, and whether a token is still good.
//!
//! | route | standard |
//! |---|---|
//! | `/.well-known/jwks.json` | RFC 7517 |
//! | `/.well-known/oauth-authorization-server` | RFC 8414 |
//! | `/oauth/introspect` | RFC 7662 |

pub mod answers;
pub mod controller;
pub mod events;
