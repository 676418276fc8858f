//! The uniform service: a resource says once what may be done with it and asked of it, and each transport offers that alike.

mod calls;
pub mod cursor;
pub mod field;
pub mod methods;
pub mod page;
mod proviso;
pub mod query;
pub mod resource;
mod shapes;
pub mod sockets;
pub mod sql;
pub mod wire;

pub use field::Field;
pub use methods::{Rules, Service};
pub use page::Paging;
pub use resource::{Resource, View};
pub use sql::Condition;

crate::refusals! {
    INVALID_QUERY = 400 "services.query.invalid" "This query cannot be answered; see `errors`.";
    UNKNOWN = 404 "services.get.unknown" "There is no such record here, or the query leaves it out.";
    CHANGED = 412 "services.precondition.failed" "This record is not any more what `If-Match` says. Get it, and decide again.";
    NOT_SEVERAL = 405 "services.multi.notAllowed" "Name one record: this resource does not take several at once.";
    TOO_MANY = 400 "services.multi.tooMany" "This would reach too many records at once. Narrow the query.";
}
