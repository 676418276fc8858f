//! Schedules in the database. They are no jobs: a job of the same name neither blocks nor moves one.

use diesel::prelude::*;

use crate::base::{Id, RecordId, Timestamp};
use crate::db::schema::cron_jobs;
use crate::db::{BothDsl, DbConn, columns};

#[derive(Debug, Clone, Queryable, Selectable)]
#[diesel(table_name = cron_jobs)]
pub struct CronRow {
    pub id: RecordId,
    pub name: String,
    pub expression: String,
    pub timezone: String,
    pub next_at: Timestamp,
    pub last_at: Option<Timestamp>,
    pub disabled_at: Option<Timestamp>,
}

/// Makes the row unless it is there.
pub fn insert(
    conn: &mut DbConn,
    name: &str,
    expression: &str,
    at: (Timestamp, Timestamp),
) -> QueryResult<usize> {
    use cron_jobs as c;
    let (next, now) = at;
    diesel::insert_into(c::table)
        .values((
            (c::id.eq(Id::new() as RecordId), c::name.eq(name), c::expression.eq(expression)),
            (c::timezone.eq("UTC"), c::next_at.eq(next), c::created_at.eq(now), c::updated_at.eq(now)),
        ))
        .on_conflict_do_nothing()
        .both()
        .execute(conn)
}

/// The house's own, of the names given.
pub fn of_the_house(conn: &mut DbConn, names: &[&str]) -> QueryResult<Vec<CronRow>> {
    cron_jobs::table
        .filter(cron_jobs::tenant_id.is_null())
        .filter(cron_jobs::name.eq_any(names.to_vec()))
        .order(cron_jobs::name)
        .select(columns::<CronRow>())
        .load(conn)
}

/// The code says otherwise than the row.
pub fn reschedule(
    conn: &mut DbConn,
    row: &CronRow,
    expression: &str,
    at: (Timestamp, Timestamp),
) -> QueryResult<usize> {
    let (next, now) = at;
    diesel::update(cron_jobs::table.find(row.id))
        .filter(cron_jobs::next_at.eq(row.next_at))
        .set((
            cron_jobs::expression.eq(expression),
            cron_jobs::next_at.eq(next),
            cron_jobs::updated_at.eq(now),
        ))
        .execute(conn)
}

/// True for the one who may run what was due: of all nodes that saw the same time, one moves it on.
pub fn take(conn: &mut DbConn, row: &CronRow, next: Timestamp, now: Timestamp) -> QueryResult<bool> {
    diesel::update(cron_jobs::table.find(row.id))
        .filter(cron_jobs::next_at.eq(row.next_at))
        .filter(cron_jobs::disabled_at.is_null())
        .set((cron_jobs::next_at.eq(next), cron_jobs::last_at.eq(now), cron_jobs::updated_at.eq(now)))
        .execute(conn)
        .map(|rows| rows == 1)
}
