//! Ground: one connection type over two databases, `read` and `write` as the only ways to it.

pub mod choice;
pub mod conn;
pub mod copy;
pub mod dialect;
pub mod durability;
pub mod migrate;
pub mod reach;
pub mod schema;
mod store;
pub mod tx;
pub mod types;
pub mod wall;
mod wire;
mod writer;

pub use conn::{Both, BothDsl, DbConn, MultiBackend, columns, is_postgres};
pub use dialect::Locked;
pub use migrate::migrate;
pub use reach::{Above, Reach};
pub use store::{Db, DbSettings, View, WAIT, WAIT_SECONDS};
pub use tx::{Actor, ActorKind, Audit, Cause, Happened, Outcome, Tx, Work};
pub use types::{Json, sql};

use crate::base::Error;

impl From<diesel::result::Error> for Error {
    fn from(error: diesel::result::Error) -> Self {
        Self::internal(error)
    }
}
