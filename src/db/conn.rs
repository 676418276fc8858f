//! One connection type over PostgreSQL and SQLite, and the few words diesel lacks for the pair.

use std::time::Duration;

use diesel::connection::{AnsiTransactionManager, SimpleConnection, TransactionManager};
use diesel::expression::Selectable;
use diesel::pg::{Pg, PgConnection};
use diesel::prelude::*;
use diesel::query_builder::{AstPass, Query, QueryFragment, QueryId};
use diesel::sqlite::{Sqlite, SqliteConnection};

use super::wire;

#[derive(diesel::MultiConnection)]
pub enum DbConn {
    Pg(PgConnection),
    Sqlite(SqliteConnection),
}

type Transactions = <DbConn as Connection>::TransactionManager;

/// FULL: a commit that was acknowledged survives a power cut. A server's connections keep as much as they are told.
const PRAGMAS: &str = "PRAGMA busy_timeout=5000; PRAGMA journal_mode=WAL; PRAGMA synchronous=FULL; \
    PRAGMA foreign_keys=ON; PRAGMA temp_store=MEMORY; PRAGMA cache_size=-2000; PRAGMA trusted_schema=OFF;";

/// Bounded waits: a lock, a statement or a forgotten transaction never holds a connection for ever. Between two
/// statements of ours there is no work: a transaction that says nothing is one whose node is cut off, and others wait for
/// its rows. Joins are made in the order in which they are written, from what is asked for to what hangs on it: to look
/// for a better one takes longer than any of our queries, and was seen to find a worse one. An acknowledged commit is on
/// the disk, and on a standby's where there is one to be waited for.
const SETTINGS: &str = "SET lock_timeout='2s'; SET statement_timeout='30s'; \
    SET idle_in_transaction_session_timeout='5s'; SET TIME ZONE 'UTC'; SET join_collapse_limit=1; \
    SELECT set_config('synchronous_commit', 'on', false) WHERE current_setting('synchronous_commit') <> 'remote_apply';";

/// Deadlocks and lock timeouts have no code in diesel's errors, only words, and the words must be the ones we know. A
/// role needs leave to choose them (`GRANT SET ON PARAMETER lc_messages`); the doctor says where it has none.
const ENGLISH: &str = "DO $$ BEGIN PERFORM set_config('lc_messages', 'C', false); \
    EXCEPTION WHEN insufficient_privilege THEN NULL; END $$;";

pub fn is_postgres(url: &str) -> bool {
    url.starts_with("postgres://") || url.starts_with("postgresql://")
}

impl DbConn {
    /// By scheme, so that the error is that of the database that was meant.
    pub fn open(url: &str) -> ConnectionResult<Self> {
        Self::open_saying(url, "")
    }

    /// The same, and something more in the first words: on PostgreSQL each further one is a round trip.
    pub(super) fn open_saying(url: &str, also: &str) -> ConnectionResult<Self> {
        if is_postgres(url) {
            let mut conn = PgConnection::establish(&wire::bounded(url))?;
            conn.batch_execute(&[SETTINGS, ENGLISH, also].concat())
                .map_err(ConnectionError::CouldntSetupConfiguration)?;
            return Ok(Self::Pg(conn));
        }
        let path = url.strip_prefix("sqlite://").unwrap_or(url);
        let mut conn = SqliteConnection::establish(path)?;
        patiently(&mut conn, &[PRAGMAS, also].concat())
            .map_err(ConnectionError::CouldntSetupConfiguration)?;
        Ok(Self::Sqlite(conn))
    }

    pub fn is_postgres(&self) -> bool {
        matches!(self, Self::Pg(_))
    }

    /// The locale of the server's words, unless they are English.
    pub fn foreign_words(&mut self) -> QueryResult<Option<String>> {
        #[derive(QueryableByName)]
        struct Spoken {
            #[diesel(sql_type = diesel::sql_types::Text)]
            locale: String,
        }
        let Self::Pg(conn) = self else { return Ok(None) };
        let asked = diesel::sql_query("SELECT current_setting('lc_messages') AS locale");
        let Spoken { locale } = asked.get_result(conn)?;
        let english = ["C", "POSIX", ""].contains(&locale.as_str());
        Ok(Some(locale).filter(|locale| !english && !locale.starts_with("C.") && !locale.starts_with("en")))
    }

    /// To every node that listens; on SQLite there is but one.
    pub fn notify(&mut self, message: &str) -> QueryResult<()> {
        if let Self::Pg(conn) = self {
            diesel::sql_query("SELECT pg_notify('doorward', $1)")
                .bind::<diesel::sql_types::Text, _>(message)
                .execute(conn)?;
        }
        Ok(())
    }

    /// For the rest of this transaction: what is done once, over whole tables, may take its time.
    pub fn take_time(&mut self) -> QueryResult<()> {
        match self {
            Self::Sqlite(_) => Ok(()),
            Self::Pg(conn) => {
                conn.batch_execute("SET LOCAL statement_timeout=0; SET LOCAL lock_timeout='60s'")
            }
        }
    }

    /// `BEGIN IMMEDIATE` on SQLite: a deferred transaction that turns to writing fails at once under load.
    pub fn begin_write(&mut self) -> QueryResult<()> {
        match self {
            Self::Sqlite(conn) => AnsiTransactionManager::begin_transaction_sql(conn, "BEGIN IMMEDIATE"),
            Self::Pg(_) => Transactions::begin_transaction(self),
        }
    }

    pub fn commit(&mut self) -> QueryResult<()> {
        Transactions::commit_transaction(self)
    }

    pub fn roll_back(&mut self) {
        if let Err(error) = Transactions::rollback_transaction(self) {
            tracing::debug!(%error, "roll back");
        }
    }

    /// A savepoint: only inside [`Self::begin_write`].
    pub fn nested<T, E: From<diesel::result::Error>>(
        &mut self,
        run: impl FnOnce(&mut Self) -> Result<T, E>,
    ) -> Result<T, E> {
        Transactions::begin_transaction(self)?;
        let depth = self.depth();
        let result = run(self);
        // A panic leaves its own savepoints open. Were they to stay, what follows would be released where it should
        // be committed, and answered for without being on disk.
        while self.depth() > depth {
            self.roll_back();
        }
        match result {
            Ok(value) => {
                Transactions::commit_transaction(self)?;
                Ok(value)
            }
            Err(error) => {
                self.roll_back();
                Err(error)
            }
        }
    }

    /// How many transactions and savepoints are open; none when the transaction is broken.
    pub(super) fn depth(&mut self) -> u32 {
        let depth = Transactions::transaction_manager_status_mut(self).transaction_depth();
        depth.ok().flatten().map_or(0, std::num::NonZero::get)
    }
}

/// Of several who turn a new file to WAL at once SQLite refuses all but one, whatever the `busy_timeout`: the lock would be
/// raised from a reader's, where waiting could be a deadlock.
fn patiently(conn: &mut SqliteConnection, words: &str) -> QueryResult<()> {
    for _ in 0..500 {
        match conn.batch_execute(words) {
            Err(error) if error.to_string().contains("database is locked") => {
                std::thread::sleep(Duration::from_millis(10));
            }
            done => return done,
        }
    }
    conn.batch_execute(words)
}

/// A query valid on both databases, rendered by the real one: gives ON CONFLICT, UNION and SKIP LOCKED.
#[derive(Debug, Clone, Copy)]
pub struct Both<Q>(pub Q);

impl<Q: QueryId> QueryId for Both<Q> {
    type QueryId = Q::QueryId;
    const HAS_STATIC_QUERY_ID: bool = Q::HAS_STATIC_QUERY_ID;
}

impl<Q: Query> Query for Both<Q> {
    type SqlType = Q::SqlType;
}

impl<Q> RunQueryDsl<DbConn> for Both<Q> {}

impl<Q: QueryFragment<Pg> + QueryFragment<Sqlite>> QueryFragment<MultiBackend> for Both<Q> {
    fn walk_ast<'b>(&'b self, pass: AstPass<'_, 'b, MultiBackend>) -> QueryResult<()> {
        MultiBackend::walk_variant_ast(&self.0, pass)
    }
}

pub trait BothDsl: Sized {
    fn both(self) -> Both<Self> {
        Both(self)
    }
}

impl<Q> BothDsl for Q {}

/// The select or returning list of a struct, without naming a database.
pub fn columns<T: Selectable<MultiBackend>>() -> T::SelectExpression {
    T::construct_selection()
}
