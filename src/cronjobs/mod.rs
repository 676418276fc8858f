//! Cron jobs of tenants: triggers of their own that are thrown by the clock. Table: `cron_jobs`, of which the rows of the house are
//! those of `jobs/`.

pub mod answers;
pub mod calendar;
pub mod changes;
pub mod controller;
pub mod entity;
pub mod events;
pub mod service;
pub mod steps;
mod ticking;

use crate::identity::Handler;

pub fn handlers() -> Vec<Handler> {
    // What stands in a minute's job is done by one node.
    vec![Handler::new("cronjobs.tick", ticking::tick).at("* * * * *")]
}
