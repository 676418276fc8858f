//! What the clock throws in a tenant.

mod calendar;
mod making;
mod throwing;
