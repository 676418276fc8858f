//! The write of a refresh: a session's generation is spent, and of fifty that try at once one gets through.

use std::collections::BTreeMap;
use std::sync::Arc;

use diesel::pg::Pg;
use diesel::prelude::*;
use diesel::query_builder::{AstPass, Query, QueryFragment, QueryId};
use diesel::sql_types::{Array, BigInt, Binary, Nullable};

use crate::base::{HashedToken, SessionId, Timestamp};
use crate::db::schema::sessions as s;
use crate::db::{DbConn, sql};
use crate::identity::Session;
use crate::identity::session::Spent;

/// Who is left out was too late.
pub fn spend(
    conn: &mut DbConn,
    spent: &BTreeMap<SessionId, Spent>,
    now: Timestamp,
) -> QueryResult<BTreeMap<SessionId, Arc<Session>>> {
    let each = spent.values().map(|Spent { standing, key }| (&standing.session, key.as_ref()));
    let moved = rotate(conn, &each.collect::<Vec<_>>(), now)?;
    Ok(moved.into_iter().map(|after| (after.id, Arc::new(after))).collect())
}

/// Spends the current generation of each, and tells what those sessions are after it that moved. The others read what
/// the winner left.
pub fn rotate(
    conn: &mut DbConn,
    spent: &[(&Session, Option<&HashedToken>)],
    now: Timestamp,
) -> QueryResult<Vec<Session>> {
    let after: Vec<Session> = spent.iter().map(|(seen, key)| successor(seen, *key, now)).collect();
    let moved: Vec<SessionId> = match conn {
        // One statement for all: the database may be far.
        DbConn::Pg(pg) => Moving::of(&after, now).load(pg)?,
        // Here a statement costs no way, and one that is always the same is prepared once.
        DbConn::Sqlite(_) => {
            let moves = after.iter().map(|after| Ok(moves(conn, after)?.then_some(after.id)));
            moves.collect::<QueryResult<Vec<_>>>()?.into_iter().flatten().collect()
        }
    };
    Ok(after.into_iter().filter(|session| moved.contains(&session.id)).collect())
}

fn successor(seen: &Session, key: Option<&HashedToken>, now: Timestamp) -> Session {
    let idle = std::time::Duration::from_secs(u64::try_from(seen.idle_seconds).unwrap_or(0));
    Session {
        generation: seen.generation + 1,
        rotated_at: now,
        rotation_key_hash: key.cloned(),
        last_used_at: now,
        idle_expires_at: std::cmp::min(now + idle, seen.absolute_expires_at),
        ..seen.clone()
    }
}

fn moves(conn: &mut DbConn, after: &Session) -> QueryResult<bool> {
    let seen = s::table.find(after.id).filter(s::generation.eq(after.generation - 1));
    let set = (
        s::generation.eq(after.generation),
        s::rotated_at.eq(after.rotated_at),
        s::rotation_key_hash.eq(&after.rotation_key_hash),
        s::last_used_at.eq(after.last_used_at),
        s::idle_expires_at.eq(after.idle_expires_at),
    );
    diesel::update(seen.filter(s::revoked_at.is_null())).set(set).execute(conn).map(|rows| rows == 1)
}

/// A type, since diesel caches statements by type: what is written as text is prepared and planned each time.
#[derive(QueryId)]
struct Moving {
    ids: Vec<SessionId>,
    generations: Vec<i64>,
    keys: Vec<Option<HashedToken>>,
    ends: Vec<Timestamp>,
    now: Timestamp,
}

impl Moving {
    fn of(after: &[Session], now: Timestamp) -> Self {
        Self {
            ids: after.iter().map(|after| after.id).collect(),
            generations: after.iter().map(|after| after.generation).collect(),
            keys: after.iter().map(|after| after.rotation_key_hash.clone()).collect(),
            ends: after.iter().map(|after| after.idle_expires_at).collect(),
            now,
        }
    }
}

impl Query for Moving {
    type SqlType = sql::Uuid;
}

impl<Conn> RunQueryDsl<Conn> for Moving {}

impl QueryFragment<Pg> for Moving {
    fn walk_ast<'b>(&'b self, mut out: AstPass<'_, 'b, Pg>) -> QueryResult<()> {
        out.push_sql(
            "UPDATE sessions SET generation = spent.next, rotated_at = spent.now, last_used_at = spent.now, ",
        );
        out.push_sql("rotation_key_hash = spent.key, idle_expires_at = spent.ends FROM (SELECT unnest(");
        out.push_bind_param::<Array<sql::Uuid>, _>(&self.ids)?;
        out.push_sql("::uuid[]) AS id, unnest(");
        out.push_bind_param::<Array<BigInt>, _>(&self.generations)?;
        out.push_sql("::bigint[]) AS next, unnest(");
        out.push_bind_param::<Array<Nullable<Binary>>, _>(&self.keys)?;
        out.push_sql("::bytea[]) AS key, unnest(");
        out.push_bind_param::<Array<sql::Instant>, _>(&self.ends)?;
        out.push_sql("::timestamptz[]) AS ends, ");
        out.push_bind_param::<sql::Instant, _>(&self.now)?;
        out.push_sql("::timestamptz AS now) AS spent WHERE sessions.id = spent.id AND sessions.generation = spent.next - 1 ");
        out.push_sql("AND sessions.revoked_at IS NULL RETURNING sessions.id");
        Ok(())
    }
}
