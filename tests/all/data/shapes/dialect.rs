//! Where the two databases would differ if nobody took care.

use diesel::prelude::*;
use doorward::base::{JobId, Timestamp};
use doorward::db::schema::jobs;
use doorward::db::{BothDsl, DbConn, Locked};

use crate::data::town::{Town, job};
use crate::ground::{Ground, on_both};

on_both!(text_is_ordered_by_its_bytes, a_time_keeps_its_microseconds, a_locked_row_is_passed_over);

async fn text_is_ordered_by_its_bytes(ground: Ground) {
    let Town { mut conn, .. } = Town::settle(&ground);
    for name in ["b", "B", "a", "é"] {
        let named = crate::data::town::Job { name: name.to_owned(), ..job(1) };
        diesel::insert_into(jobs::table).values(&named).execute(&mut conn).unwrap();
    }

    let names: Vec<String> = jobs::table.order(jobs::name).select(jobs::name).load(&mut conn).unwrap();

    assert_eq!(names, ["B", "a", "b", "é"]);
}

async fn a_time_keeps_its_microseconds(ground: Ground) {
    let mut conn = ground.connect();
    let odd = crate::data::town::Job { scheduled_at: Timestamp(1_795_348_800_123_457), ..job(1) };
    diesel::insert_into(jobs::table).values(&odd).execute(&mut conn).unwrap();

    let kept = jobs::table.find(odd.id).select(jobs::scheduled_at).first(&mut conn);

    assert_eq!(kept, Ok(odd.scheduled_at));
}

/// On SQLite nobody else can hold a row: there is one writer.
async fn a_locked_row_is_passed_over(ground: Ground) {
    let (mut one, mut other) = (ground.connect(), ground.connect());
    diesel::insert_into(jobs::table).values(&job(1)).execute(&mut one).unwrap();
    let claim = |conn: &mut DbConn| -> Vec<JobId> {
        Locked::skipping(jobs::table.select(jobs::id)).both().load(conn).unwrap()
    };

    one.begin_write().unwrap();
    let (mine, theirs) = (claim(&mut one).len(), claim(&mut other).len());
    one.commit().unwrap();

    assert_eq!((mine, theirs), (1, usize::from(!one.is_postgres())));
}
