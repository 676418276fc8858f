//! Every test that looks at the server from outside: one binary, so that one cluster and one template serve all.
//!
//! A test of anything that touches data is a plain `async fn name(ground: Ground)`, named in its file's
//! `on_both!(…)`; it then runs as `name::sqlite` and as `name::postgres`. One that is not named there is dead code,
//! and the lints refuse it.

#![expect(clippy::unwrap_used, clippy::expect_used, clippy::indexing_slicing, reason = "a test may panic")]

mod account;
mod actions;
mod api;
mod cli;
mod client;
mod cronjobs;
mod data;
mod devices;
mod doors;
mod doorstep;
mod faults;
mod ground;
mod guard;
mod house;
mod inbound;
mod inbox;
mod jobs;
mod kit;
mod nodes;
mod operations;
mod packs;
mod password;
mod recipes;
mod refresh;
mod rights;
mod services;
mod set_back;
mod switch;
mod telling;
mod tokens;
mod walk;
mod webhooks;
