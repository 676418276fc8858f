//! What the API says of itself: the OpenAPI document, the page that shows it, and the list of all refusals.
//! All of it is made from the route table, so it cannot fall behind the code.

pub mod controller;
pub mod document;
pub mod errors;
mod examples;
mod operation;
mod shapes;

pub use document::document;
