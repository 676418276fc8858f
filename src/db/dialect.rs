//! Everything in which the two databases differ; nothing else may ask which one it is.

use std::marker::PhantomData;

use diesel::pg::Pg;
use diesel::prelude::*;
use diesel::query_builder::{AstPass, Query, QueryFragment, QueryId};
use diesel::sqlite::Sqlite;

/// The same expression compiled once for each database.
#[macro_export]
macro_rules! each_backend {
    ($conn:expr, $c:ident => $body:expr) => {
        match $conn {
            $crate::db::DbConn::Pg($c) => $body,
            $crate::db::DbConn::Sqlite($c) => $body,
        }
    };
}

/// A row lock on PostgreSQL; on SQLite the caller already holds the only write lock.
#[derive(Debug, Clone, Copy, QueryId)]
pub struct Locked<Q, W> {
    query: Q,
    wish: PhantomData<W>,
}

/// How to meet a row that somebody else has locked. A type, since diesel caches statements by type.
pub trait Wish {
    const CLAUSE: &'static str;
}

macro_rules! wishes {
    ($($(#[$doc:meta])* $wish:ident, $function:ident = $clause:literal;)*) => {
        $(
            #[derive(Debug, Clone, Copy, QueryId)]
            pub struct $wish;

            impl Wish for $wish {
                const CLAUSE: &'static str = $clause;
            }
        )*
        impl<Q> Locked<Q, ()> {
            $(
                $(#[$doc])*
                pub fn $function(query: Q) -> Locked<Q, $wish> {
                    Locked { query, wish: PhantomData }
                }
            )*
        }
    };
}

wishes! {
    /// Rows that somebody else works on are left to him.
    Skip, skipping = " FOR UPDATE SKIP LOCKED";
    Wait, waiting = " FOR UPDATE";
    /// Keeps the rows as they are, without barring those who only read or refer to them.
    Share, sharing = " FOR SHARE";
}

impl<Q: QueryFragment<Pg>, W: Wish> QueryFragment<Pg> for Locked<Q, W> {
    fn walk_ast<'b>(&'b self, mut out: AstPass<'_, 'b, Pg>) -> QueryResult<()> {
        self.query.walk_ast(out.reborrow())?;
        out.push_sql(W::CLAUSE);
        Ok(())
    }
}

impl<Q: QueryFragment<Sqlite>, W> QueryFragment<Sqlite> for Locked<Q, W> {
    fn walk_ast<'b>(&'b self, out: AstPass<'_, 'b, Sqlite>) -> QueryResult<()> {
        self.query.walk_ast(out)
    }
}

impl<Q: Query, W> Query for Locked<Q, W> {
    type SqlType = Q::SqlType;
}
