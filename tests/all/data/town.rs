//! A small town to ask questions about: one tenant, twenty people, their logins, and rows cut to what is asked.

use diesel::prelude::*;
use doorward::base::{DomainEventId, JobId, TenantId, Timestamp, UserId};
use doorward::db::schema::{domain_events, jobs, memberships, password_logins, tenants, users};
use doorward::db::{DbConn, Json};
use doorward::each_backend;
use serde::{Deserialize, Serialize};

use crate::ground::Ground;

#[derive(Debug, Clone, PartialEq, Queryable, Selectable, Insertable, Identifiable)]
#[diesel(table_name = tenants)]
pub struct Tenant {
    pub id: TenantId,
    pub name: String,
    pub display_name: String,
    pub issuer: String,
    pub public_url: String,
    pub data: Json<serde_json::Value>,
    pub settings: Json<serde_json::Value>,
    pub epoch: i64,
    pub created_at: Timestamp,
    pub updated_at: Timestamp,
}

#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
pub struct Profile {
    pub department: String,
}

#[derive(
    Debug, Clone, PartialEq, Queryable, Selectable, Insertable, Identifiable, Associations, AsChangeset,
)]
#[diesel(table_name = users, belongs_to(Tenant), treat_none_as_default_value = false, treat_none_as_null = true)]
pub struct Person {
    pub id: UserId,
    pub tenant_id: TenantId,
    pub name: Option<String>,
    pub profile: Json<Profile>,
    pub app_data: Json<serde_json::Value>,
    pub epoch: i64,
    pub last_login_at: Option<Timestamp>,
    pub created_at: Timestamp,
    pub updated_at: Timestamp,
}

#[derive(Debug, Default, AsChangeset)]
#[diesel(table_name = users)]
pub struct PersonPatch<'a> {
    pub name: Option<Option<&'a str>>,
    pub last_login_at: Option<Option<Timestamp>>,
    pub epoch: Option<i64>,
}

#[derive(Debug, Clone, PartialEq, Queryable, Selectable, Insertable, Identifiable)]
#[diesel(table_name = password_logins, primary_key(user_id), treat_none_as_default_value = false)]
pub struct Login {
    pub user_id: UserId,
    pub tenant_id: TenantId,
    pub email: String,
    pub password_hash: Option<String>,
    pub must_change: bool,
    pub changed_at: Timestamp,
    pub created_at: Timestamp,
    pub updated_at: Timestamp,
}

#[derive(Debug, Clone, PartialEq, Queryable, Selectable, Insertable, Associations, Identifiable)]
#[diesel(table_name = memberships, primary_key(tenant_id, user_id), treat_none_as_default_value = false)]
#[diesel(belongs_to(Person, foreign_key = user_id))]
pub struct Membership {
    pub tenant_id: TenantId,
    pub user_id: UserId,
    pub epoch: i64,
    pub created_at: Timestamp,
}

#[derive(Debug, Clone, PartialEq, Queryable, Selectable, Insertable)]
#[diesel(table_name = jobs, treat_none_as_default_value = false)]
pub struct Job {
    pub id: JobId,
    pub kind: String,
    pub name: String,
    pub priority: i32,
    pub scheduled_at: Timestamp,
    pub state: String,
    pub retry_count: i32,
    pub max_attempts: i32,
    pub data: Json<serde_json::Value>,
    pub fence: i64,
    pub leased_until: Option<Timestamp>,
    pub created_at: Timestamp,
    pub updated_at: Timestamp,
}

#[derive(Debug, Clone, Insertable)]
#[diesel(table_name = domain_events)]
pub struct Event {
    pub id: DomainEventId,
    pub trigger_name: String,
    pub subject_kind: String,
    pub actor_kind: String,
    pub data: Json<serde_json::Value>,
    pub created_at: Timestamp,
}

pub struct Town {
    pub conn: DbConn,
    pub tenant: Tenant,
    pub people: Vec<Person>,
    pub logins: Vec<Login>,
}

impl Town {
    pub fn settle(ground: &Ground) -> Self {
        ground.leave_unsound("rows cut to what is asked of them, and no more");
        let mut conn = ground.connect();
        let tenant = tenant("acme");
        let people: Vec<Person> = (0..20).map(|number| person(tenant.id, number)).collect();
        let logins: Vec<Login> =
            people.iter().zip(0..).map(|(person, number)| login(person, number)).collect();
        diesel::insert_into(tenants::table).values(&tenant).execute(&mut conn).unwrap();
        each_backend!(&mut conn, c => diesel::insert_into(users::table).values(&people).execute(c)).unwrap();
        each_backend!(&mut conn, c => diesel::insert_into(password_logins::table).values(&logins).execute(c))
            .unwrap();
        Self { conn, tenant, people, logins }
    }
}

pub fn tenant(name: &str) -> Tenant {
    Tenant {
        id: TenantId::new(),
        name: name.to_owned(),
        display_name: format!("The town of {name}"),
        issuer: format!("https://{name}.test"),
        public_url: format!("https://{name}.test"),
        data: Json(serde_json::json!({})),
        settings: Json(serde_json::json!({})),
        epoch: 0,
        created_at: Timestamp::from_seconds(1),
        updated_at: Timestamp::from_seconds(1),
    }
}

/// Their times of creation come in pairs, so that an order by time alone would not be one.
pub fn person(tenant_id: TenantId, number: i64) -> Person {
    let at = Timestamp::from_seconds(1000 + number / 2);
    Person {
        id: UserId::new(),
        tenant_id,
        name: (number % 4 != 3).then(|| format!("Person {number}")),
        profile: Json(Profile { department: if number % 2 == 0 { "roads" } else { "parks" }.to_owned() }),
        app_data: Json(serde_json::json!({ "number": number, "text": "Zoë\n\"’\"" })),
        epoch: number,
        last_login_at: (number % 5 == 0).then_some(at),
        created_at: at,
        updated_at: at,
    }
}

pub fn login(person: &Person, number: i64) -> Login {
    Login {
        user_id: person.id,
        tenant_id: person.tenant_id,
        email: format!("person{number}@acme.test"),
        password_hash: None,
        must_change: number % 2 == 0,
        changed_at: person.created_at,
        created_at: person.created_at,
        updated_at: person.created_at,
    }
}

pub fn membership(person: &Person) -> Membership {
    Membership { tenant_id: person.tenant_id, user_id: person.id, epoch: 0, created_at: person.created_at }
}

pub fn job(due: i64) -> Job {
    let at = Timestamp::from_seconds(due);
    Job {
        id: JobId::new(),
        kind: "job".to_owned(),
        name: "sweep".to_owned(),
        priority: 0,
        scheduled_at: at,
        state: "waiting".to_owned(),
        retry_count: 0,
        max_attempts: 5,
        data: Json(serde_json::json!({})),
        fence: 0,
        leased_until: None,
        created_at: at,
        updated_at: at,
    }
}

pub fn event(name: &str) -> Event {
    Event {
        id: DomainEventId::new(),
        trigger_name: name.to_owned(),
        subject_kind: "user".to_owned(),
        actor_kind: "system".to_owned(),
        data: Json(serde_json::json!({})),
        created_at: Timestamp::from_seconds(1),
    }
}
