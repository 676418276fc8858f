//! Changing rows: patches, upserts, batches, and what a change gives back.

use diesel::prelude::*;
use diesel::sql_types::{Nullable, Text};
use doorward::base::{Timestamp, UserId};
use doorward::db::schema::{domain_events, jobs, memberships, password_logins as logins, tenants, users};
use doorward::db::{BothDsl, Json, columns, sql};
use doorward::each_backend;

use crate::data::town::{Job, Login, Membership, Person, PersonPatch, Profile, Town, event, job, membership};
use crate::ground::{Ground, on_both};

on_both!(
    a_patch_changes_what_it_names_and_can_set_null,
    a_column_is_counted_up_in_place,
    a_whole_row_is_written_back,
    nulls_are_stored_and_come_back,
    an_insert_returns_the_row,
    an_insert_returns_the_number_that_the_database_chose,
    an_update_and_a_delete_return_rows,
    an_insert_returns_without_being_told_what,
    columns_left_out_take_the_databases_default,
    a_row_that_is_there_is_left_alone,
    a_row_that_is_there_is_changed,
    a_row_that_is_there_takes_a_patch,
    rows_are_inserted_from_a_select,
    many_rows_in_one_statement,
    many_rows_of_which_some_are_there,
    plain_sql_binds_in_the_order_of_its_text,
);

async fn a_patch_changes_what_it_names_and_can_set_null(ground: Ground) {
    let Town { mut conn, people, .. } = Town::settle(&ground);

    let patch = PersonPatch { name: Some(None), last_login_at: Some(Some(Timestamp(5))), epoch: None };
    let changed = diesel::update(&people[0]).set(patch).execute(&mut conn);

    let now: Person = users::table.find(people[0].id).select(Person::as_select()).first(&mut conn).unwrap();
    let expected = Person { name: None, last_login_at: Some(Timestamp(5)), ..people[0].clone() };
    assert_eq!((changed, now), (Ok(1), expected));
}

async fn a_column_is_counted_up_in_place(ground: Ground) {
    let Town { mut conn, people, .. } = Town::settle(&ground);

    let profile = Json(Profile { department: "water".to_owned() });
    let up = (users::epoch.eq(users::epoch + 1), users::profile.eq(&profile));
    diesel::update(users::table.find(people[7].id)).set(up).execute(&mut conn).unwrap();

    let now: Person = users::table.find(people[7].id).select(Person::as_select()).first(&mut conn).unwrap();
    assert_eq!((now.epoch, now.profile), (8, profile));
}

async fn a_whole_row_is_written_back(ground: Ground) {
    let Town { mut conn, people, .. } = Town::settle(&ground);
    let renamed = Person { name: None, epoch: 99, ..people[2].clone() };

    diesel::update(users::table.find(renamed.id)).set(&renamed).execute(&mut conn).unwrap();

    let now = users::table.find(renamed.id).select(Person::as_select()).first(&mut conn);
    assert_eq!(now, Ok(renamed));
}

async fn nulls_are_stored_and_come_back(ground: Ground) {
    let Town { mut conn, people, .. } = Town::settle(&ground);
    let bare = Person { id: UserId::new(), name: None, last_login_at: None, ..people[0].clone() };

    diesel::insert_into(users::table).values(&bare).execute(&mut conn).unwrap();

    let now = users::table.find(bare.id).select(Person::as_select()).first(&mut conn);
    assert_eq!(now, Ok(bare));
}

async fn an_insert_returns_the_row(ground: Ground) {
    let mut conn = ground.connect();
    let new = job(1);

    let kept =
        diesel::insert_into(jobs::table).values(&new).returning(columns::<Job>()).get_result(&mut conn);

    assert_eq!(kept, Ok(new));
}

async fn an_insert_returns_the_number_that_the_database_chose(ground: Ground) {
    let mut conn = ground.connect();
    let mut next = |name: &str| -> i64 {
        let happened = diesel::insert_into(domain_events::table).values(event(name));
        happened.returning(domain_events::sequence).get_result(&mut conn).unwrap()
    };

    assert!(next("doorward.test.first") < next("doorward.test.second"));
}

async fn an_update_and_a_delete_return_rows(ground: Ground) {
    let Town { mut conn, logins: all, .. } = Town::settle(&ground);

    let changing = logins::table.filter(logins::must_change.eq(true));
    let updated = diesel::update(changing).set(logins::password_hash.eq(None::<String>));
    let emails: Vec<String> = updated.returning(logins::email).get_results(&mut conn).unwrap();
    let gone: Login = diesel::delete(logins::table.find(all[0].user_id))
        .returning(columns::<Login>())
        .get_result(&mut conn)
        .unwrap();

    assert_eq!((emails.len(), &gone), (10, &all[0]));
}

async fn an_insert_returns_without_being_told_what(ground: Ground) {
    let Town { mut conn, people, .. } = Town::settle(&ground);
    let new = membership(&people[0]);

    let kept: Membership =
        diesel::insert_into(memberships::table).values(&new).get_result(&mut conn).unwrap();

    assert_eq!(kept, new);
}

async fn columns_left_out_take_the_databases_default(ground: Ground) {
    let mut conn = ground.connect();

    diesel::insert_into(domain_events::table).values(event("doorward.test.done")).execute(&mut conn).unwrap();

    let ordered: Vec<(i64, i64)> =
        domain_events::table.select((domain_events::xact, domain_events::sequence)).load(&mut conn).unwrap();
    let (transaction, sequence) = ordered[0];
    assert_eq!(transaction > 0, conn.is_postgres());
    assert!(sequence > 0);
}

async fn a_row_that_is_there_is_left_alone(ground: Ground) {
    let Town { mut conn, tenant, .. } = Town::settle(&ground);

    let named = diesel::insert_into(tenants::table).values(&tenant).on_conflict(tenants::name).do_nothing();
    let named = named.both().execute(&mut conn);
    let any = diesel::insert_into(tenants::table).values(&tenant).on_conflict_do_nothing();

    assert_eq!((named, any.both().execute(&mut conn)), (Ok(0), Ok(0)));
}

async fn a_row_that_is_there_is_changed(ground: Ground) {
    let Town { mut conn, logins: all, .. } = Town::settle(&ground);
    let again = Login { password_hash: Some("new".to_owned()), ..all[1].clone() };

    let upsert = diesel::insert_into(logins::table)
        .values(&again)
        .on_conflict((logins::tenant_id, logins::email))
        .do_update()
        .set((
            logins::password_hash.eq(diesel::upsert::excluded(logins::password_hash)),
            logins::updated_at.eq(Timestamp(7)),
        ))
        .returning(columns::<Login>());
    let kept: Login = upsert.both().get_result(&mut conn).unwrap();

    assert_eq!(kept, Login { updated_at: Timestamp(7), ..again });
}

async fn a_row_that_is_there_takes_a_patch(ground: Ground) {
    let Town { mut conn, people, .. } = Town::settle(&ground);

    let patch = PersonPatch { name: Some(Some("N")), ..PersonPatch::default() };
    let upsert = diesel::insert_into(users::table).values(&people[1]).on_conflict(users::id).do_update();
    upsert.set(patch).both().execute(&mut conn).unwrap();

    let now: Person = users::table.find(people[1].id).select(Person::as_select()).first(&mut conn).unwrap();
    assert_eq!(now, Person { name: Some("N".to_owned()), ..people[1].clone() });
}

async fn rows_are_inserted_from_a_select(ground: Ground) {
    let Town { mut conn, .. } = Town::settle(&ground);

    let everybody = users::table.select((users::tenant_id, users::id, users::epoch, users::created_at));
    let into = (memberships::tenant_id, memberships::user_id, memberships::epoch, memberships::created_at);
    let joined = diesel::insert_into(memberships::table).values(everybody).into_columns(into);

    assert_eq!(joined.execute(&mut conn), Ok(20));
}

async fn many_rows_in_one_statement(ground: Ground) {
    let Town { mut conn, people, .. } = Town::settle(&ground);
    let members: Vec<Membership> = people.iter().map(membership).collect();
    let due: Vec<Job> = (0..3).map(job).collect();

    let joined =
        each_backend!(&mut conn, c => diesel::insert_into(memberships::table).values(&members).execute(c));
    let kept: Vec<Job> = each_backend!(&mut conn, c => {
        diesel::insert_into(jobs::table).values(&due).returning(columns::<Job>()).get_results(c)
    })
    .unwrap();

    assert_eq!((joined, kept), (Ok(20), due));
}

async fn many_rows_of_which_some_are_there(ground: Ground) {
    let Town { mut conn, people, .. } = Town::settle(&ground);
    let members: Vec<Membership> = people.iter().map(membership).collect();
    diesel::insert_into(memberships::table).values(&members[0]).execute(&mut conn).unwrap();

    let joined = each_backend!(&mut conn, c => {
        diesel::insert_into(memberships::table).values(&members).on_conflict_do_nothing().execute(c)
    });

    assert_eq!(joined, Ok(19));
}

/// SQLite takes `$2` for a name and numbers names as they first appear: `$1, $2, …` stand in the text's own order.
async fn plain_sql_binds_in_the_order_of_its_text(ground: Ground) {
    let Town { mut conn, people, .. } = Town::settle(&ground);

    let update = diesel::sql_query("UPDATE users SET last_login_at = $1, name = $2 WHERE id = $3")
        .bind::<sql::Instant, _>(Timestamp(1))
        .bind::<Nullable<Text>, _>(None::<String>)
        .bind::<sql::Uuid, _>(people[0].id);
    let changed = update.execute(&mut conn);

    let now: Person = users::table.find(people[0].id).select(Person::as_select()).first(&mut conn).unwrap();
    let expected = Person { last_login_at: Some(Timestamp(1)), name: None, ..people[0].clone() };
    assert_eq!((changed, now), (Ok(1), expected));
}
