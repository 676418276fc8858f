//! Asking several tables at once.

use diesel::dsl::count_star;
use diesel::prelude::*;
use doorward::db::schema::{memberships, password_logins as logins, tenants, users};
use doorward::db::{BothDsl, columns};

use crate::data::town::{Login, Membership, Person, Tenant, Town, membership};
use crate::ground::{Ground, on_both};

on_both!(
    children_are_found_by_their_parents_and_grouped,
    an_inner_join_gives_both_rows,
    a_left_join_gives_a_row_or_none,
    a_left_join_may_have_conditions_of_its_own,
    a_table_is_joined_to_itself,
    a_union_of_two_tables,
    a_plain_query_may_be_rendered_by_the_real_database,
);

async fn children_are_found_by_their_parents_and_grouped(ground: Ground) {
    let Town { mut conn, tenant, people, .. } = Town::settle(&ground);

    let found: Vec<Person> =
        Person::belonging_to(&tenant).select(Person::as_select()).load(&mut conn).unwrap();
    let grouped = found.grouped_by(std::slice::from_ref(&tenant));
    let none: Vec<Membership> =
        Membership::belonging_to(&people).select(Membership::as_select()).load(&mut conn).unwrap();

    assert_eq!(grouped[0].len(), 20);
    assert!(none.is_empty());
}

async fn an_inner_join_gives_both_rows(ground: Ground) {
    let Town { mut conn, tenant, people, .. } = Town::settle(&ground);

    let joined = users::table.inner_join(tenants::table.on(users::tenant_id.eq(tenants::id)));
    let named = joined.filter(tenants::name.eq("acme")).order(users::id);
    let found: Vec<(Person, Tenant)> =
        named.select((Person::as_select(), Tenant::as_select())).load(&mut conn).unwrap();

    assert_eq!(found.len(), people.len());
    assert_eq!(found[0].1, tenant);
}

async fn a_left_join_gives_a_row_or_none(ground: Ground) {
    let Town { mut conn, people, .. } = Town::settle(&ground);
    let member = membership(&people[0]);
    diesel::insert_into(memberships::table).values(&member).execute(&mut conn).unwrap();

    let joined = users::table.left_join(memberships::table.on(memberships::user_id.eq(users::id)));
    let found: Vec<(Option<String>, Option<Membership>)> =
        joined.select((users::name, Option::<Membership>::as_select())).load(&mut conn).unwrap();

    assert_eq!(found.len(), 20);
    assert_eq!(found.into_iter().filter_map(|(_, member)| member).collect::<Vec<_>>(), [member]);
}

async fn a_left_join_may_have_conditions_of_its_own(ground: Ground) {
    let Town { mut conn, .. } = Town::settle(&ground);

    let changing = logins::user_id.eq(users::id).and(logins::must_change.eq(true));
    let joined = users::table.left_join(logins::table.on(changing));
    let found: Vec<(Option<String>, Option<Login>)> =
        joined.select((users::name, Option::<Login>::as_select())).load(&mut conn).unwrap();

    assert_eq!(found.len(), 20);
    assert_eq!(found.iter().filter(|(_, login)| login.is_some()).count(), 10);
}

async fn a_table_is_joined_to_itself(ground: Ground) {
    let Town { mut conn, .. } = Town::settle(&ground);

    let (one, other) = diesel::alias!(users as one, users as other);
    let neighbours = one.field(users::tenant_id).eq(other.field(users::tenant_id));
    let pairs: i64 = one.inner_join(other.on(neighbours)).select(count_star()).first(&mut conn).unwrap();

    assert_eq!(pairs, 400);
}

async fn a_union_of_two_tables(ground: Ground) {
    let Town { mut conn, .. } = Town::settle(&ground);

    let emails = logins::table.select(logins::email);
    let found: Vec<String> =
        emails.union(tenants::table.select(tenants::name)).both().load(&mut conn).unwrap();

    assert_eq!(found.len(), 21);
}

async fn a_plain_query_may_be_rendered_by_the_real_database(ground: Ground) {
    let Town { mut conn, people, .. } = Town::settle(&ground);

    let some = logins::table.filter(logins::must_change.eq(true)).select(columns::<Login>()).limit(3);
    let some: Vec<Login> = some.both().load(&mut conn).unwrap();
    let one: Person =
        users::table.find(people[0].id).select(columns::<Person>()).both().get_result(&mut conn).unwrap();

    assert_eq!((some.len(), one), (3, people[0].clone()));
}
