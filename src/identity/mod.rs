//! Who is asking: tenant, client, user and session rows; a request becomes a `Scope` here.

pub mod asking;
pub mod carry;
pub mod client;
pub mod denials;
pub mod gate;
pub mod gather;
pub mod hearing;
pub mod house;
pub mod job;
mod meters;
pub mod once;
pub mod pending;
pub mod reading;
pub mod route;
pub mod scope;
pub mod seen;
pub mod serve;
pub mod session;
pub mod sharing;
pub mod telling;
pub mod tenant;
pub mod token;
pub mod user;

pub use client::{App, Client, ClientKind};
pub use house::House;
pub use job::{Claimed, Failure, Handler};
pub use pending::{Next, PendingLogin};
pub use route::{Access, Method, Nothing, Route, SUCCESS, Success};
pub use scope::{Scope, Who};
pub use session::{Factors, Live, LoginType, Session, SessionKind};
pub use tenant::{SignUp, Tenant};
pub use user::{Membership, User};
