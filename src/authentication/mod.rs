//! The way in as clients of Feathers know it: one service, `authentication`, with a strategy for each way there is. What it does
//! is done by the rooms of those ways.

pub mod controller;
pub mod events;
