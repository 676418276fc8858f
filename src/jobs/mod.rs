//! Everything that runs after the commit: a leased queue of jobs and deliveries, and the schedule that feeds it.
//! Tables: `jobs`, `cron_jobs`, `job_pauses`. Any room enqueues (`Tx::enqueue`) and declares handlers; this one runs
//! them, and lets operators look and retry.

pub mod backoff;
pub mod cron;
pub mod entity;
pub mod events;
pub mod mail;
pub mod running;
pub mod service;
pub mod words;
pub mod worker;

use crate::identity::Handler;

pub fn handlers() -> Vec<Handler> {
    vec![mail::handler()]
}
