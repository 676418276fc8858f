//! An account's beginning and what a mail leads to: sign-up, verification, a forgotten password, a changed address,
//! invitations, and the pages for their links. Tables: `sign_ups`, `invitations`, `login_identifiers`.

mod cleaning;
pub mod controller;
pub mod entity;
pub mod events;
pub mod invitation_controller;
pub mod jobs;
mod mails;
mod page_frame;
pub mod pages;
pub mod policy;
pub mod service;
pub mod steps;
