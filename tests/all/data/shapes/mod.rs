//! The forty-one shapes of query that the two databases must answer alike, each in the form that works on both.
//! A new version of diesel that breaks one is seen here, and not in a room.

mod dialect;
mod joining;
mod reading;
mod transactions;
mod writing;
