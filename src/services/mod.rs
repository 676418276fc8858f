//! The uniform service: what may be asked of a resource, and how it is asked, whatever carries the question.

pub mod field;
pub mod query;
pub mod tree;
pub mod wire;

crate::refusals! {
    INVALID_QUERY = 400 "services.query.invalid" "This query cannot be answered; see `errors`.";
}
