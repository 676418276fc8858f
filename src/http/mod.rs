//! Requests taken apart and answers put together, without knowing who asks.

pub mod address;
pub mod answer;
pub mod cached;
pub mod edge;
pub mod incoming;
pub mod number;
pub mod origin;
pub mod patience;
pub mod problem;
pub mod streaming;
pub mod strict;
pub mod tree;

pub use address::Proxies;
pub use answer::{Answer, Cookie, Reply, SameSite, WithCookies};
pub use incoming::{Bound, Incoming};
pub use number::Number;
pub use streaming::Streaming;
pub use tree::Tree;
