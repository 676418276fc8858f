//! The tools of development, under `/_dev`: there and nowhere else.

pub mod events_pages;
