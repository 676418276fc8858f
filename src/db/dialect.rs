//! Everything in which the two databases differ; nothing else may ask which one it is.

use std::collections::BTreeMap;
use std::marker::PhantomData;

use diesel::pg::Pg;
use diesel::prelude::*;
use diesel::query_builder::{AstPass, Query, QueryFragment, QueryId};
use diesel::sqlite::Sqlite;

use super::DbConn;
use crate::base::Result;

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

/// What PostgreSQL takes the length of an array for that it does not know yet, and a little more.
const GUESSED: usize = 16;

/// Keys for `= ANY`, the first of them again and again behind fewer than PostgreSQL expects. For a short list it would
/// plan anew each time, since that looks cheaper than the plan that it keeps; the planning costs more than the rows.
pub fn padded<T: Copy>(keys: &[T]) -> Vec<T> {
    let filling = keys.iter().take(1).cycle().take(GUESSED.saturating_sub(keys.len()));
    keys.iter().chain(filling).copied().collect()
}

/// All at once on PostgreSQL, which may be far. On SQLite each alone: nothing is saved by asking together, and a
/// statement for one key is prepared once, where a list of them is prepared each time.
pub fn all_or_each<K: Ord + Copy, Q: Clone, A>(
    conn: &mut DbConn,
    questions: &BTreeMap<K, Q>,
    answer: impl Fn(&mut DbConn, &BTreeMap<K, Q>) -> Result<BTreeMap<K, A>>,
) -> Result<BTreeMap<K, A>> {
    if let DbConn::Pg(_) = conn {
        return answer(conn, questions);
    }
    let mut answers = BTreeMap::new();
    for (key, question) in questions {
        answers.extend(answer(conn, &BTreeMap::from([(*key, question.clone())]))?);
    }
    Ok(answers)
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
    /// Not `FOR UPDATE`: that would make everybody wait who only inserts a row that refers to this one.
    Wait, waiting = " FOR NO KEY UPDATE";
    /// The person's row of a join.
    Person, person = " FOR NO KEY UPDATE OF users";
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
