//! `/auth/me`, `/auth/list-users` and `/auth/user/*`: a request comes in, one event happens, an answer goes out.

use schemars::JsonSchema;
use serde::{Deserialize, Deserializer, Serialize};

use super::answers::{Me, OneUser, Users};
use super::entity::{Edit, Search};
use super::events::{
    self, Found, LAST_ADMIN, NO_PASSWORD_LOGIN, NOT_AT_HOME, NOT_YOURS_TO_EDIT, UNKNOWN_USER,
};
use crate::base::error::INVALID;
use crate::base::shown::hides_something;
use crate::base::{Error, FieldError, ProofRequestId, Result, UserId};
use crate::components::words::Locale;
use crate::db::Json;
use crate::identity::asking::{DENIED, UNANSWERED};
use crate::identity::{Access, Method, Nothing, Route, SUCCESS, Scope, Success};
use crate::permissions::events::HOLDS_MORE;
use crate::permissions::known::{USER_LIST, USER_MANAGE};

const PROFILE: usize = 16 << 10;
const NAME: usize = 200;

pub fn routes() -> Vec<Route> {
    let manages = Access::Permission(USER_MANAGE);
    let lists = Access::Permission(USER_LIST);
    vec![
        Route::new(Method::Get, "/auth/me", Access::Session, me)
            .named("users.me", "Your session, and you as this tenant sees you.")
            .original(),
        Route::new(Method::Patch, "/auth/me", Access::Session, edit_me)
            .named("users.edit_me", "Change your name, language or profile. Absent members stay as they are.")
            .refuses(&[&NOT_YOURS_TO_EDIT])
            .refuses(&[&DENIED, &UNANSWERED]),
        Route::new(Method::Post, "/auth/list-users", lists, list)
            .named("users.list", "The tenant's people, oldest first, a page at a time.")
            .original(),
        Route::new(Method::Get, "/auth/user/{user}", lists, find)
            .named("users.show", "One of the tenant's people.")
            .refuses(&[&UNKNOWN_USER])
            .original(),
        Route::new(Method::Put, "/auth/user/{user}/update", manages, update)
            .named("users.update", "Name a person anew. Only at their home.")
            .refuses(&[&UNKNOWN_USER, &NOT_AT_HOME, &HOLDS_MORE])
            .refuses(&[&DENIED, &UNANSWERED])
            .original(),
        Route::new(Method::Post, "/auth/user/{user}/set-active", manages, set_active)
            .named(
                "users.set_active",
                "Switch an account off, which ends its sessions, or on. Only at its home.",
            )
            .refuses(&[&UNKNOWN_USER, &NOT_AT_HOME, &HOLDS_MORE, &LAST_ADMIN])
            .refuses(&[&DENIED, &UNANSWERED])
            .original(),
        Route::new(Method::Post, "/auth/user/{user}/one-time-password", manages, start_reset)
            .named(
                "users.start_reset",
                "Mail a person a link and a code to set a new password. You never see either.",
            )
            .refuses(&[&UNKNOWN_USER, &NOT_AT_HOME, &HOLDS_MORE, &NO_PASSWORD_LOGIN]),
    ]
}

async fn me(scope: Scope, _: Nothing) -> Result<Me> {
    events::me(&scope).await
}

#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, rename_all = "camelCase")]
pub struct EditMe {
    #[serde(default, deserialize_with = "told")]
    #[schemars(length(max = 200))]
    name: Option<Option<String>>,
    /// `en` or `nl`.
    #[serde(default, deserialize_with = "told")]
    locale: Option<Option<String>>,
    /// An object of at most 16 KiB.
    #[serde(default)]
    profile: Option<serde_json::Map<String, serde_json::Value>>,
}

/// Tells `null`, which takes a value away, from a member that is absent.
pub(super) fn told<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Option<Option<String>>, D::Error> {
    Option::deserialize(deserializer).map(Some)
}

async fn edit_me(scope: Scope, body: EditMe) -> Result<Me> {
    let locale = |text: String| {
        let known = Locale::parse(&text).map(|locale| locale.code().to_string());
        known.ok_or_else(|| wrong("$.locale", "validator.oneOf", "Expected en or nl."))
    };
    let profile = body.profile.map(serde_json::Value::Object);
    if profile.as_ref().is_some_and(|profile| profile.to_string().len() > PROFILE) {
        return Err(wrong("$.profile", "validator.length", "A profile has at most 16 KiB."));
    }
    let edit = Edit {
        name: body.name.map(|name| name.map(plain_name).transpose()).transpose()?,
        locale: body.locale.map(|text| text.map(locale).transpose()).transpose()?,
        profile: profile.map(Json),
    };
    events::edit_me(&scope, edit).await
}

pub(super) fn plain_name(name: String) -> Result<String> {
    let name = name.trim();
    if name.is_empty() || name.chars().count() > NAME {
        return Err(wrong("$.name", "validator.length", "A name has 1 to 200 characters."));
    }
    if hides_something(name) {
        let detail = "A name is one line, and nothing in it is invisible.";
        return Err(wrong("$.name", "validator.disallowedCharacters", detail));
    }
    Ok(name.to_string())
}

fn wrong(path: &str, key: &'static str, detail: &'static str) -> Error {
    INVALID.with(vec![FieldError::new(path, key, detail)])
}

#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, rename_all = "camelCase")]
#[schemars(rename = "UserList")]
pub struct List {
    #[serde(default)]
    search: Searched,
    #[serde(default)]
    filters: Filters,
    /// 1 to 100; 10 unless told.
    #[serde(default = "ten")]
    #[schemars(range(min = 1, max = 100))]
    limit: u8,
    /// The `next` of the page before.
    #[serde(default)]
    after: Option<String>,
}

fn ten() -> u8 {
    10
}

#[derive(Default, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, rename_all = "camelCase")]
pub struct Searched {
    /// Part of a name; ASCII letters match in either case.
    #[serde(default)]
    name: Option<String>,
}

/// True: must have one. False: must have none.
#[derive(Default, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, rename_all = "camelCase", default)]
pub struct Filters {
    anonymous_login_exists: Option<bool>,
    digid_login_exists: Option<bool>,
    keycloak_login_exists: Option<bool>,
    password_login_exists: Option<bool>,
    include_anonymous_temporary_sessions: bool,
    include_soft_deleted_users: bool,
}

async fn list(scope: Scope, body: List) -> Result<Users> {
    if !(1..=100).contains(&body.limit) {
        return Err(wrong("$.limit", "validator.range", "A page has 1 to 100 people."));
    }
    let search = Search {
        name: body.search.name.filter(|name| !name.is_empty()),
        anonymous_login: body.filters.anonymous_login_exists,
        digid_login: body.filters.digid_login_exists,
        keycloak_login: body.filters.keycloak_login_exists,
        password_login: body.filters.password_login_exists,
        include_temporary: body.filters.include_anonymous_temporary_sessions,
        include_inactive: body.filters.include_soft_deleted_users,
        after: None,
        limit: i64::from(body.limit),
    };
    events::list(&scope, Found { search, after: body.after }).await
}

#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Whom {
    user: UserId,
}

async fn find(scope: Scope, whom: Whom) -> Result<OneUser> {
    Ok(OneUser { user: events::show(&scope, whom.user).await? })
}

#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Update {
    user: UserId,
    /// Null takes the name away.
    #[serde(default, deserialize_with = "told")]
    name: Option<Option<String>>,
}

async fn update(scope: Scope, body: Update) -> Result<Success> {
    let name = body.name.ok_or_else(|| wrong("$.name", "validator.undefined", "This member is required."))?;
    events::update(&scope, body.user, name.map(plain_name).transpose()?).await?;
    Ok(SUCCESS)
}

#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct SetActive {
    user: UserId,
    active: bool,
}

async fn set_active(scope: Scope, body: SetActive) -> Result<Success> {
    events::set_active(&scope, body.user, body.active).await?;
    Ok(SUCCESS)
}

#[derive(Serialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct ResetStarted {
    success: bool,
    /// The person sends it with the code, if they type the code instead of following the link.
    request_id: ProofRequestId,
}

async fn start_reset(scope: Scope, whom: Whom) -> Result<ResetStarted> {
    Ok(ResetStarted { success: true, request_id: events::start_reset(&scope, whom.user).await? })
}
