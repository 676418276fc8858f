//! The data layer: every shape of query that the house relies on, and the likeness of the two schemas.

mod parity;
mod shapes;
mod town;
mod waiting;
