//! Admins who make actions, and what came of them.

use doorward::app::handlers;
use doorward::base::UserId;
use doorward::components::platform::Platform;
use doorward::jobs::worker::Worker;
use reqwest::Method;
use serde_json::{Value, json};

use crate::ground::app::{App, Reply};
use crate::ground::work::until;
use crate::rights::kit::Desk;

pub const ACTION: &str = "tenant:action:manage";
pub const PATCHED: &str = "doorward.user.post.patch";

impl Desk<'_> {
    pub async fn ask(&self, method: Method, path: &str, body: Option<Value>) -> Reply {
        let request = self.app.request(self.door, method, &format!("/api/v1{path}")).bearer_auth(&self.token);
        let request = match body {
            Some(body) => request.json(&body),
            None => request,
        };
        Reply::of(request).await
    }

    pub async fn look(&self, path: &str) -> Reply {
        self.ask(Method::GET, path, None).await
    }

    pub async fn send(&self, path: &str, body: Value) -> Reply {
        self.ask(Method::POST, path, Some(body)).await
    }

    pub async fn patch(&self, path: &str, body: Value) -> Reply {
        self.ask(Method::PATCH, path, Some(body)).await
    }

    /// The id of an action that this desk may make.
    pub async fn makes(&self, action: Value) -> String {
        let made = self.send("/actions", action).await;
        assert_eq!(made.status, 201, "{}", made.text);
        made.says("id").to_owned()
    }

    /// Something happens to somebody.
    pub async fn rename(&self, user: UserId, name: &str) {
        let renamed = self.patch(&format!("/users/{user}"), json!({ "name": name })).await;
        assert_eq!(renamed.status, 200, "{}", renamed.text);
    }

    /// Runs of an action, newest first.
    pub async fn runs(&self, action: &str) -> Vec<Value> {
        let found = self.look(&format!("/action-runs?action={action}&$limit=100")).await;
        assert_eq!(found.status, 200, "{}", found.text);
        found.json["data"].as_array().unwrap().clone()
    }

    /// Until so many runs of it are over.
    pub async fn ended(&self, action: &str, count: usize) -> Vec<Value> {
        until("the runs are over", async || {
            self.runs(action).await.iter().filter(|run| run["state"] != "queued").count() >= count
        })
        .await;
        self.runs(action).await
    }

    pub async fn roles_of(&self, user: UserId) -> Vec<String> {
        let summary = self.get(&format!("/user/{user}/summary")).await;
        let roles = summary.json["roles"].as_array().unwrap().clone();
        roles.iter().map(|role| role["identifier"].as_str().unwrap().to_owned()).collect()
    }
}

/// What gives a role when somebody is renamed.
pub fn giving(role: &str, runs_as: &str) -> Value {
    json!({
        "name": format!("give {role}"),
        "listens": [PATCHED],
        "handler": "assignRole",
        "configuration": { "role": role },
        "runsAs": runs_as,
    })
}

/// What throws a trigger of the tenant's own when it hears another.
pub fn echo(hears: &str, throws: &str) -> Value {
    json!({
        "name": format!("{hears} to {throws}"),
        "listens": [hears],
        "handler": "throw",
        "configuration": { "trigger": throws },
    })
}

/// Carries out what is queued, beside a server that does not.
pub async fn workers(app: &App) -> Platform {
    app.hire(Worker::new(handlers())).await
}
