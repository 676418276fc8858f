//! Several statements as one, and what goes wrong in them.

use diesel::prelude::*;
use diesel::result::{DatabaseErrorKind, Error};
use doorward::base::{TenantId, Timestamp, UserId};
use doorward::db::schema::{jobs, users};
use doorward::db::{BothDsl, DbConn, Locked, columns};
use doorward::each_backend;

use crate::data::town::{Job, Person, Town, job};
use crate::ground::{Ground, on_both};

on_both!(
    what_fails_inside_leaves_what_stands_outside,
    a_transaction_that_fails_leaves_nothing,
    a_broken_rule_is_told_by_its_kind_and_what_follows_goes_on,
    due_jobs_are_claimed_past_those_that_are_locked,
);

fn rename(conn: &mut DbConn, person: &Person, name: &str) -> QueryResult<usize> {
    diesel::update(person).set(users::name.eq(name)).execute(conn)
}

async fn what_fails_inside_leaves_what_stands_outside(ground: Ground) {
    let Town { mut conn, people, .. } = Town::settle(&ground);

    conn.begin_write().unwrap();
    rename(&mut conn, &people[0], "outer").unwrap();
    let inner = conn.nested(|conn| {
        rename(conn, &people[0], "inner")?;
        Err::<(), _>(Error::RollbackTransaction)
    });
    conn.nested(|conn| rename(conn, &people[1], "kept")).unwrap();
    conn.commit().unwrap();

    let names = users::table.order(users::epoch).limit(2).select(users::name).load(&mut conn);
    assert_eq!(inner, Err(Error::RollbackTransaction));
    assert_eq!(names, Ok(vec![Some("outer".to_owned()), Some("kept".to_owned())]));
}

async fn a_transaction_that_fails_leaves_nothing(ground: Ground) {
    let Town { mut conn, .. } = Town::settle(&ground);

    conn.begin_write().unwrap();
    diesel::delete(users::table).execute(&mut conn).unwrap();
    conn.roll_back();

    assert_eq!(users::table.count().get_result(&mut conn), Ok(20_i64));
}

/// Without the savepoint a failed statement would spoil the whole transaction, on PostgreSQL alone.
async fn a_broken_rule_is_told_by_its_kind_and_what_follows_goes_on(ground: Ground) {
    let Town { mut conn, people, .. } = Town::settle(&ground);
    let twice = people[0].clone();
    let homeless = Person { id: UserId::new(), tenant_id: TenantId::new(), ..people[0].clone() };

    conn.begin_write().unwrap();
    let mut kind = |person: &Person| {
        let inserted = conn.nested(|conn| diesel::insert_into(users::table).values(person).execute(conn));
        let Err(Error::DatabaseError(kind, _)) = inserted else { panic!("{inserted:?}") };
        format!("{kind:?}")
    };
    let kinds = (kind(&twice), kind(&homeless));
    let after = rename(&mut conn, &people[0], "after");
    conn.commit().unwrap();

    let expected = (DatabaseErrorKind::UniqueViolation, DatabaseErrorKind::ForeignKeyViolation);
    assert_eq!(kinds, (format!("{:?}", expected.0), format!("{:?}", expected.1)));
    assert_eq!(after, Ok(1));
}

async fn due_jobs_are_claimed_past_those_that_are_locked(ground: Ground) {
    ground.leave_unsound("rows cut to what is asked of them, and no more");
    let mut conn = ground.connect();
    let due: Vec<Job> = (0..5).map(job).collect();
    each_backend!(&mut conn, c => diesel::insert_into(jobs::table).values(&due).execute(c)).unwrap();

    let first = claim(&mut conn, 3).unwrap();
    let second = claim(&mut conn, 3).unwrap();

    assert_eq!((first.len(), second.len()), (3, 2));
    assert!(first.iter().chain(&second).all(|job| job.fence == 1 && job.leased_until.is_some()));
}

fn claim(conn: &mut DbConn, most: i64) -> QueryResult<Vec<Job>> {
    let now = Timestamp::from_seconds(60);
    let free = jobs::leased_until.is_null().or(jobs::leased_until.lt(now));
    let due = jobs::table.filter(jobs::scheduled_at.le(now).and(free));
    let due = due.order((jobs::priority, jobs::scheduled_at, jobs::id)).limit(most).select(jobs::id);

    conn.begin_write()?;
    let ids: Vec<doorward::base::JobId> = Locked::skipping(due).both().load(conn)?;
    let claimed = diesel::update(jobs::table.filter(jobs::id.eq_any(ids)))
        .set((jobs::leased_until.eq(Timestamp::from_seconds(90)), jobs::fence.eq(jobs::fence + 1)))
        .returning(columns::<Job>())
        .get_results(conn)?;
    conn.commit()?;
    Ok(claimed)
}
