//! Admins who ask for roles and rights.

use diesel::prelude::*;
use doorward::base::UserId;
use doorward::db::schema::audit_records;
use reqwest::Method;
use serde_json::{Value, json};

use crate::ground::app::{App, Door, Reply};

pub const MANAGE: &str = "auth:permission:manage";
const BASE: &str = "/auth/permission";

/// Somebody with a session, at one door.
pub struct Desk<'a> {
    pub app: &'a App,
    pub door: &'a Door,
    pub user: UserId,
    pub token: String,
}

impl<'a> Desk<'a> {
    /// Without a role.
    pub async fn plain(app: &'a App, door: &'a Door, email: &str) -> Self {
        let user = app.person(door, email).await;
        Self { app, door, user, token: app.session(door, user).await.access }
    }

    pub async fn admin(app: &'a App, door: &'a Door, email: &str) -> Self {
        let user = app.person(door, email).await;
        app.promote(door, user).await;
        Self { app, door, user, token: app.session(door, user).await.access }
    }

    /// Holds these permissions and no other.
    pub async fn clerk(app: &'a App, door: &'a Door, email: &str, permissions: &[&'static str]) -> Self {
        let clerk = Self::plain(app, door, email).await;
        for permission in permissions {
            app.give_permission(door, clerk.user, permission).await;
        }
        clerk
    }

    pub async fn get(&self, path: &str) -> Reply {
        self.app.get_as(self.door, &self.token, &format!("/api/v1{BASE}{path}")).await
    }

    pub async fn post(&self, path: &str, body: Value) -> Reply {
        self.app.post_as(self.door, &self.token, &format!("{BASE}{path}"), body).await
    }

    pub async fn delete(&self, role: &str) -> Reply {
        let request = self.app.request(self.door, Method::DELETE, &format!("{BASE}/role/{role}"));
        Reply::of(request.bearer_auth(&self.token)).await
    }

    /// Its id.
    pub async fn create(&self, identifier: &str) -> String {
        let made = self.post("/role", json!({ "identifier": identifier })).await;
        assert_eq!(made.status, 200, "{}", made.text);
        made.json["role"]["id"].as_str().unwrap().to_owned()
    }

    /// A role of the tenant that holds these.
    pub async fn filled(&self, identifier: &str, permissions: &[&str]) -> String {
        let role = self.create(identifier).await;
        let filled = self.fill(&role, permissions).await;
        assert_eq!(filled.status, 200, "{}", filled.text);
        role
    }

    pub async fn fill(&self, role: &str, permissions: &[&str]) -> Reply {
        self.post(&format!("/role/{role}/add-permissions"), json!({ "permissions": permissions })).await
    }

    pub async fn empty(&self, role: &str, permissions: &[&str]) -> Reply {
        self.post(&format!("/role/{role}/remove-permissions"), json!({ "permissions": permissions })).await
    }

    pub async fn give(&self, user: UserId, role: &str) -> Reply {
        self.post(&format!("/user/{user}/assign-role"), json!({ "role": role })).await
    }

    pub async fn take(&self, user: UserId, role: &str) -> Reply {
        self.post(&format!("/user/{user}/remove-role"), json!({ "role": role })).await
    }

    /// The id of one of the tenant's roles.
    pub async fn named(&self, identifier: &str) -> String {
        let roles = self.get("/role/list").await.json["roles"].clone();
        let found = roles.as_array().unwrap().iter().find(|role| role["identifier"] == identifier);
        found.unwrap()["id"].as_str().unwrap().to_owned()
    }

    /// What they hold, as they are told.
    pub async fn held(&self) -> Value {
        self.get("/summary").await.json["permissions"].clone()
    }
}

pub fn told(reply: &Reply) -> (u16, &str) {
    (reply.status.as_u16(), reply.key())
}

/// Actions of the tenant's records about roles, oldest first.
pub fn records(app: &App, door: &Door) -> Vec<String> {
    use audit_records as a;
    let of_roles = a::table.filter(a::tenant_id.eq(door.tenant)).filter(a::outcome.eq("success"));
    let of_roles = of_roles.filter(a::action.like("permissions.%").or(a::action.like("role.%")));
    of_roles.order(a::id).select(a::action).load(&mut app.ground.connect()).unwrap()
}
