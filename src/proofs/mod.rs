//! One-time proofs: everything that may be used once, whatever it proves. Its only table is `one_time_proofs`.

pub mod budget;
pub mod entity;
pub mod steps;

pub use entity::{Proof, Purpose};
pub use steps::{Minted, New, Presented, Typed};
