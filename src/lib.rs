//! Doorward: one binary that keeps the door for many tenants.
//!
//! The floors, from roof to ground; nothing uses a room on its own floor or above (`tests/house.rs` holds it):
//!
//! | floor | rooms |
//! |---|---|
//! | the door | `main.rs`, `cli/` |
//! | the roof | `app.rs`: builds the components, mounts every room's routes |
//! | what the API says of itself | `openapi/`: the document and its page, from the routes of all rooms |
//! | ways in | `auth/*`: strangers to each other, named by protocol |
//! | the one way in | `authentication`: all of them by one service, as clients of Feathers know it |
//! | what a tenant does of itself | `actions/`, above `triggers/`: what can happen, and who hears of it |
//! | household, upper | `users/` |
//! | household, lower | `sessions/`, `tenancy/`, `tokens/`, `jobs/`, … |
//! | who is asking | `identity/`: a request becomes a `Scope` |
//! | what events borrow, and what lives | `components/` |
//! | ground | `http/`, then `db/`, then `base/` |

pub mod actions;
pub mod app;
pub mod audit;
pub mod auth;
pub mod authentication;
pub mod base;
pub mod cli;
pub mod components;
pub mod cronjobs;
pub mod db;
pub mod development;
pub mod guesses;
pub mod http;
pub mod identity;
pub mod inbound;
pub mod jobs;
pub mod management;
pub mod openapi;
pub mod packs;
pub mod permissions;
pub mod proofs;
pub mod services;
pub mod sessions;
pub mod tenancy;
pub mod tokens;
pub mod triggers;
pub mod users;
pub mod webhooks;
