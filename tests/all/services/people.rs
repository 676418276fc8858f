//! A resource that exists for tests alone: what the suite for adapters of Feathers asks for, and its own table.

use diesel::prelude::*;
use doorward::base::{Id, RecordId, Result, TenantId};
use doorward::db::{DbConn, columns};
use doorward::identity::route::Call;
use doorward::identity::{Access, Route, Scope};
use doorward::services::{Condition, Field, Paging, Resource, Rules, Service, View};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::ground::Ground;
use crate::ground::app::{App, config};

/// A person's row, by whichever way of paging and of meaning several the path says.
pub const PATH: &str = "/conf/{multi}/{paginate}/people";

pub mod schema {
    use diesel::sql_types::{BigInt, Bool, Nullable, Text};
    use doorward::db::sql::Uuid;

    diesel::table! {
        use super::{BigInt, Bool, Nullable, Text, Uuid};

        conf_people (id) {
            id -> Uuid,
            tenant_id -> Uuid,
            name -> Text,
            age -> Nullable<BigInt>,
            created -> Nullable<Bool>,
        }
    }
}
use schema::conf_people;

const TABLE: [&str; 2] = [
    "CREATE TABLE conf_people (id uuid PRIMARY KEY, tenant_id uuid NOT NULL, name text NOT NULL, age bigint, created boolean)",
    "CREATE TABLE conf_people (id blob PRIMARY KEY, tenant_id blob NOT NULL, name text NOT NULL, age integer, created integer) STRICT",
];

/// The server with this resource in it.
pub async fn town(ground: Ground) -> App {
    let mut conn = ground.connect();
    if conn.is_postgres() {
        diesel::sql_query(TABLE[0]).execute(&mut conn).unwrap();
        diesel::sql_query("GRANT ALL ON conf_people TO PUBLIC").execute(&mut conn).unwrap();
    } else {
        diesel::sql_query(TABLE[1]).execute(&mut conn).unwrap();
    }
    drop(conn);
    let config = config(&ground);
    let clock = doorward::components::Clock::settable(crate::ground::app::START);
    let app = App::offering(ground, config, clock, routes()).await;
    app.found("a").await;
    app.found("b").await;
    app
}

pub fn routes() -> Vec<Route> {
    Service::<People>::new()
        .ruled(rules)
        .read(Access::Session)
        .create(Access::Session, create)
        .update(Access::Session, update)
        .patch(Access::Session, patch)
        .several()
        .remove(Access::Session, remove)
        .several()
        .routes()
}

/// `none`, or methods joined by `+`; `none`, `3`, or `1-2`.
fn rules(call: &Call) -> Rules {
    let part = |name: &str| call.params.get(name).map(String::as_str).unwrap_or_default();
    let may = |method: &str| part("multi").split('+').any(|known| known == method);
    let paging = part("paginate").split_once('-').unwrap_or((part("paginate"), "100"));
    let paging = paging.0.parse().ok().map(|usual| Paging { usual, most: paging.1.parse().unwrap() });
    Rules {
        paging,
        create_several: may("create"),
        patch_several: may("patch"),
        remove_several: may("remove"),
    }
}

pub struct People;

#[derive(Debug, Clone, Queryable, Selectable, Insertable, Serialize, JsonSchema)]
#[diesel(table_name = conf_people)]
pub struct Person {
    pub id: RecordId,
    #[serde(skip)]
    pub tenant_id: TenantId,
    pub name: String,
    pub age: Option<i64>,
    pub created: Option<bool>,
}

impl Resource for People {
    type Row = Person;
    const PATH: &'static str = PATH;
    const ONE: &'static str = "person";
    const FIELDS: &'static [Field] = &[
        Field::of("id", &conf_people::id).filters().sorts(),
        Field::of("name", &conf_people::name).filters().sorts(),
        Field::of("age", &conf_people::age).filters().sorts(),
        Field::of("created", &conf_people::created).filters().sorts(),
    ];

    fn page(conn: &mut DbConn, tenant: TenantId, view: &View) -> Result<Vec<Person>> {
        let found = conf_people::table
            .filter(conf_people::tenant_id.eq(tenant))
            .filter(view.condition())
            .order(view.order())
            .limit(view.limit)
            .offset(view.skip)
            .select(columns::<Person>());
        Ok(found.load(conn)?)
    }

    fn count(conn: &mut DbConn, tenant: TenantId, condition: Condition<'_>) -> Result<i64> {
        let found = conf_people::table.filter(conf_people::tenant_id.eq(tenant)).filter(condition);
        Ok(found.count().get_result(conn)?)
    }
}

#[derive(Clone, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct New {
    name: String,
    age: Option<i64>,
    created: Option<bool>,
}

#[derive(Clone, Default, Deserialize, JsonSchema, AsChangeset)]
#[serde(deny_unknown_fields, default)]
#[diesel(table_name = conf_people)]
pub struct Patch {
    name: Option<String>,
    age: Option<i64>,
    created: Option<bool>,
}

async fn create(scope: Scope, new: New) -> Result<RecordId> {
    let tenant = scope.tenant_id()?;
    let New { name, age, created } = new;
    let person = Person { id: Id::new(), tenant_id: tenant, name, age, created };
    let write = scope.write(move |tx| {
        diesel::insert_into(conf_people::table).values(&person).execute(tx.conn)?;
        tx.made(person.id);
        Ok(person.id)
    });
    write.await
}

async fn update(scope: Scope, id: RecordId, new: New) -> Result<()> {
    change(scope, id, move |conn, id| {
        let all = (
            conf_people::name.eq(new.name.clone()),
            conf_people::age.eq(new.age),
            conf_people::created.eq(new.created),
        );
        diesel::update(conf_people::table.find(id)).set(all).execute(conn)
    })
    .await
}

async fn patch(scope: Scope, id: RecordId, patch: Patch) -> Result<()> {
    change(scope, id, move |conn, id| {
        diesel::update(conf_people::table.find(id)).set(patch.clone()).execute(conn).or_else(|error| {
            match error {
                // Nothing was to be changed.
                diesel::result::Error::QueryBuilderError(_) => Ok(1),
                error => Err(error),
            }
        })
    })
    .await
}

async fn remove(scope: Scope, id: RecordId) -> Result<()> {
    change(scope, id, |conn, id| diesel::delete(conf_people::table.find(id)).execute(conn)).await
}

async fn change(
    scope: Scope,
    id: RecordId,
    run: impl Fn(&mut DbConn, RecordId) -> QueryResult<usize> + Send + 'static,
) -> Result<()> {
    let tenant = scope.tenant_id()?;
    let write = scope.write(move |tx| {
        let theirs = conf_people::table.find(id).filter(conf_people::tenant_id.eq(tenant)).count();
        if theirs.get_result::<i64>(tx.conn)? == 0 || run(tx.conn, id)? == 0 {
            return Err(doorward::services::UNKNOWN.error());
        }
        Ok(())
    });
    write.await
}
