//! The password way in, from outside: logins, guesses, mailed codes, changes, and the people that they are about.

mod change;
mod codes;
mod guesses;
pub mod kit;
mod login;
mod people;
pub mod watch;
