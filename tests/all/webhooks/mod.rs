//! Whom a tenant tells of what happens, over HTTP.

mod making;
mod places;
pub mod sending;
