//! Asking one table: by key, by condition, in pages.

use diesel::dsl::{count_star, exists, max, select, sql};
use diesel::prelude::*;
use diesel::sql_types::{Bool, Nullable, Text};
use doorward::base::{Timestamp, UserId};
use doorward::db::MultiBackend;
use doorward::db::schema::{password_logins as logins, tenants, users};

use crate::data::town::{Person, Town};
use crate::ground::{Ground, on_both};

on_both!(
    a_row_is_found_by_its_key_and_a_missing_one_is_none,
    conditions_are_added_to_a_boxed_query,
    conditions_are_folded_from_a_list,
    any_of_a_list_and_none_of_it,
    any_of_a_subselect,
    a_pattern_with_wildcards_and_its_negation,
    a_pattern_with_an_escape_and_a_concatenation,
    a_search_in_lowered_text_ignores_case,
    groups_are_counted_and_filtered,
    existence_is_asked_alone_and_in_a_filter,
    a_scalar_subselect_is_a_column,
    distinct_values,
    pages_by_key_neither_skip_nor_repeat,
    nulls_come_last_where_the_order_says_so,
    a_window_counts_beside_the_rows,
    rows_are_read_one_at_a_time,
    a_null_is_replaced_by_coalesce,
    times_are_compared_and_between,
    a_fragment_of_sql_stands_in_a_filter,
    a_json_member_is_compared,
);

async fn a_row_is_found_by_its_key_and_a_missing_one_is_none(ground: Ground) {
    let Town { mut conn, people, .. } = Town::settle(&ground);

    let found = users::table.find(people[3].id).select(Person::as_select()).first(&mut conn);
    let missing: Option<Person> =
        users::table.find(UserId::new()).select(Person::as_select()).first(&mut conn).optional().unwrap();

    assert_eq!(found.as_ref(), Ok(&people[3]));
    assert_eq!(missing, None);
}

async fn conditions_are_added_to_a_boxed_query(ground: Ground) {
    let Town { mut conn, .. } = Town::settle(&ground);
    let (search, changing) = (Some("person1%"), Some(true));

    let mut query = logins::table.into_boxed();
    if let Some(search) = search {
        query = query.filter(logins::email.like(search));
    }
    if let Some(changing) = changing {
        query = query.filter(logins::must_change.eq(changing));
    }
    query = query.or_filter(logins::email.eq("person3@acme.test"));
    let query = query.order(logins::email.desc()).then_order_by(logins::user_id).limit(3).offset(1);
    let found: Vec<String> = query.select(logins::email).load(&mut conn).unwrap();

    assert_eq!(found, ["person18@acme.test", "person16@acme.test", "person14@acme.test"]);
}

async fn conditions_are_folded_from_a_list(ground: Ground) {
    type Condition = Box<dyn BoxableExpression<logins::table, MultiBackend, SqlType = Bool>>;
    let Town { mut conn, .. } = Town::settle(&ground);
    let wishes: Vec<Condition> = vec![
        Box::new(logins::email.eq("person2@acme.test")),
        Box::new(logins::must_change.eq(true)),
        Box::new(logins::password_hash.is_null()),
    ];

    let all = wishes.into_iter().reduce(|one, other| Box::new(one.and(other)) as Condition).unwrap();
    let found: i64 = logins::table.filter(all).count().get_result(&mut conn).unwrap();

    assert_eq!(found, 1);
}

async fn any_of_a_list_and_none_of_it(ground: Ground) {
    let Town { mut conn, people, .. } = Town::settle(&ground);
    let ids: Vec<UserId> = people[..5].iter().map(|person| person.id).collect();

    let any: Vec<UserId> =
        users::table.filter(users::id.eq_any(&ids)).select(users::id).load(&mut conn).unwrap();
    let none: i64 = users::table.filter(users::id.ne_all(ids)).count().get_result(&mut conn).unwrap();
    let emails = ["person1@acme.test", "nobody"];
    let by_text: i64 =
        logins::table.filter(logins::email.eq_any(emails)).count().get_result(&mut conn).unwrap();

    assert_eq!((any.len(), none, by_text), (5, 15, 1));
}

async fn any_of_a_subselect(ground: Ground) {
    let Town { mut conn, .. } = Town::settle(&ground);

    let acme = tenants::table.filter(tenants::name.eq("acme")).select(tenants::id);
    let found: i64 =
        users::table.filter(users::tenant_id.eq_any(acme)).count().get_result(&mut conn).unwrap();

    assert_eq!(found, 20);
}

async fn a_pattern_with_wildcards_and_its_negation(ground: Ground) {
    let Town { mut conn, .. } = Town::settle(&ground);

    let like = logins::email.like("person1_@%");
    let found: i64 = logins::table.filter(like).count().get_result(&mut conn).unwrap();
    let unlike: i64 =
        logins::table.filter(logins::email.not_like("person1%")).count().get_result(&mut conn).unwrap();

    assert_eq!((found, unlike), (10, 9));
}

async fn a_pattern_with_an_escape_and_a_concatenation(ground: Ground) {
    let Town { mut conn, people, .. } = Town::settle(&ground);
    diesel::update(&people[0]).set(users::name.eq("100% Zoë_")).execute(&mut conn).unwrap();

    let literal = users::name.like("100\\%%\\_").escape('\\');
    let found: Vec<Option<String>> =
        users::table.filter(literal).select(users::name.concat("!")).load(&mut conn).unwrap();

    assert_eq!(found, [Some("100% Zoë_!".to_owned())]);
}

#[diesel::declare_sql_function]
extern "SQL" {
    fn lower(text: Nullable<Text>) -> Nullable<Text>;
    fn coalesce(text: Nullable<Text>, otherwise: Text) -> Text;
}

/// `LIKE` alone ignores ASCII case on one database and not on the other.
async fn a_search_in_lowered_text_ignores_case(ground: Ground) {
    let Town { mut conn, .. } = Town::settle(&ground);

    let wanted = "PERSON 1%".to_lowercase();
    let found: i64 =
        users::table.filter(lower(users::name).like(wanted)).count().get_result(&mut conn).unwrap();

    assert_eq!(found, 8);
}

async fn groups_are_counted_and_filtered(ground: Ground) {
    let Town { mut conn, .. } = Town::settle(&ground);

    let groups = logins::table.group_by(logins::must_change).select((logins::must_change, count_star()));
    let counted: Vec<(bool, i64)> =
        groups.having(count_star().gt(1)).order(logins::must_change).load(&mut conn).unwrap();
    let newest: Option<Timestamp> = users::table.select(max(users::created_at)).first(&mut conn).unwrap();
    let tenants: i64 = users::table
        .select(diesel::dsl::count(users::tenant_id).aggregate_distinct())
        .first(&mut conn)
        .unwrap();

    assert_eq!(counted, [(false, 10), (true, 10)]);
    assert_eq!((newest, tenants), (Some(Timestamp::from_seconds(1009)), 1));
}

async fn existence_is_asked_alone_and_in_a_filter(ground: Ground) {
    let Town { mut conn, .. } = Town::settle(&ground);

    let one = logins::table.filter(logins::email.eq("person1@acme.test"));
    let is_there: bool = select(exists(one)).get_result(&mut conn).unwrap();
    let its_people = users::table.filter(users::tenant_id.eq(tenants::id));
    let settled: Vec<String> =
        tenants::table.filter(exists(its_people)).select(tenants::name).load(&mut conn).unwrap();

    assert!(is_there);
    assert_eq!(settled, ["acme"]);
}

async fn a_scalar_subselect_is_a_column(ground: Ground) {
    let Town { mut conn, .. } = Town::settle(&ground);

    let people = users::table.filter(users::tenant_id.eq(tenants::id)).select(count_star()).single_value();
    let found: Vec<(String, Option<i64>)> =
        tenants::table.select((tenants::name, people)).load(&mut conn).unwrap();

    assert_eq!(found, [("acme".to_owned(), Some(20))]);
}

async fn distinct_values(ground: Ground) {
    let Town { mut conn, .. } = Town::settle(&ground);

    let found: Vec<bool> = logins::table
        .select(logins::must_change)
        .distinct()
        .order(logins::must_change)
        .load(&mut conn)
        .unwrap();

    assert_eq!(found, [false, true]);
}

async fn pages_by_key_neither_skip_nor_repeat(ground: Ground) {
    let Town { mut conn, people, .. } = Town::settle(&ground);
    let mut newest_first = people.clone();
    newest_first.sort_by_key(|person| std::cmp::Reverse((person.created_at, person.id)));
    let last = &newest_first[4];

    let older = users::created_at.lt(last.created_at);
    let same_time = users::created_at.eq(last.created_at).and(users::id.lt(last.id));
    let page = users::table.filter(older.or(same_time)).order((users::created_at.desc(), users::id.desc()));
    let page: Vec<Person> = page.limit(3).select(Person::as_select()).load(&mut conn).unwrap();

    assert_eq!(page, newest_first[5..8]);
}

async fn nulls_come_last_where_the_order_says_so(ground: Ground) {
    let Town { mut conn, .. } = Town::settle(&ground);

    let order = (users::name.is_null(), users::name.asc(), users::id);
    let found: Vec<Option<String>> = users::table.order(order).select(users::name).load(&mut conn).unwrap();

    assert_eq!(found.iter().position(Option::is_none), Some(15));
    assert_eq!(found[0].as_deref(), Some("Person 0"));
}

async fn a_window_counts_beside_the_rows(ground: Ground) {
    let Town { mut conn, .. } = Town::settle(&ground);

    let found: Vec<(String, i64)> =
        logins::table.select((logins::email, count_star().over())).limit(1).load(&mut conn).unwrap();

    assert_eq!(found[0].1, 20);
}

async fn rows_are_read_one_at_a_time(ground: Ground) {
    let Town { mut conn, people, .. } = Town::settle(&ground);

    let rows = users::table.order(users::id).select(Person::as_select());
    let rows = rows.load_iter::<Person, diesel::connection::DefaultLoadingMode>(&mut conn).unwrap();
    let read: Vec<Person> = rows.collect::<QueryResult<_>>().unwrap();

    assert_eq!(read.len(), people.len());
}

async fn a_null_is_replaced_by_coalesce(ground: Ground) {
    let Town { mut conn, people, .. } = Town::settle(&ground);

    let nameless = users::table.find(people[3].id);
    let shown: String = nameless.select(coalesce(users::name, "somebody")).first(&mut conn).unwrap();

    assert_eq!(shown, "somebody");
}

async fn times_are_compared_and_between(ground: Ground) {
    let Town { mut conn, .. } = Town::settle(&ground);
    let (from, to) = (Timestamp::from_seconds(1001), Timestamp::from_seconds(1002));

    let between: i64 =
        users::table.filter(users::created_at.between(from, to)).count().get_result(&mut conn).unwrap();
    let seen: i64 =
        users::table.filter(users::last_login_at.gt(Timestamp::EPOCH)).count().get_result(&mut conn).unwrap();

    assert_eq!((between, seen), (4, 4));
}

async fn a_fragment_of_sql_stands_in_a_filter(ground: Ground) {
    let Town { mut conn, .. } = Town::settle(&ground);

    let named = sql::<Bool>("name = ").bind::<Text, _>("Person 1");
    let found: i64 = users::table.filter(named).count().get_result(&mut conn).unwrap();

    assert_eq!(found, 1);
}

async fn a_json_member_is_compared(ground: Ground) {
    let Town { mut conn, .. } = Town::settle(&ground);

    let on_roads = sql::<Bool>("profile->>'department' = ").bind::<Text, _>("roads");
    let found: i64 = users::table.filter(on_roads).count().get_result(&mut conn).unwrap();

    assert_eq!(found, 10);
}
