//! One tree: from a request to the last that an action of an action did.

use serde_json::json;

use super::kit::{PATCHED, echo};
use crate::ground::sink::Sink;
use crate::ground::work::until;
use crate::ground::{Ground, on_both};
use crate::rights::kit::Desk;
use crate::webhooks::sending::start;
use doorward::audit::events::followed;
use doorward::base::RequestId;

on_both!(all_that_followed_from_a_request_is_one_tree,);

async fn all_that_followed_from_a_request_is_one_tree(ground: Ground) {
    let (app, sink) = (start(ground).await, Sink::start().await);
    let door = app.native("a").await;
    let ada = Desk::admin(&app, &door, "ada@a.example").await;
    let other = ada.send("/webhooks", json!({ "url": sink.url(), "listens": ["x.heard"] })).await;
    let chat = json!({ "webhook": other.says("id"), "text": "{{user.name}}" });
    ada.makes(echo(PATCHED, "x.heard")).await;
    let mail = ada
        .makes(json!({ "name": "mail", "listens": ["x.heard"], "handler": "mail", "runsAs": ada.named("admin").await,
            "configuration": { "to": "person", "subject": "Heard", "text": "Heard." } }))
        .await;
    let said = ada
        .makes(json!({ "name": "chat", "listens": ["x.heard"], "handler": "chat", "configuration": chat }))
        .await;

    let path = format!("/users/{}", ada.user);
    let renamed = ada.patch(&path, json!({ "name": "Augusta" })).await;
    let request: RequestId = renamed.headers["doorward-request-id"].to_str().unwrap().parse().unwrap();
    ada.ended(&mail, 1).await;
    ada.ended(&said, 1).await;
    let scope = doorward::identity::Scope::of_operator(app.running.house.clone(), None);
    until("all of it is done", async || {
        let all = followed(&scope, request).await.unwrap();
        all.len() == 8 && all.iter().all(|one| one.state.as_deref().is_none_or(|state| state == "done"))
    })
    .await;

    let all = followed(&scope, request).await.unwrap();
    let at = |name: &str| all.iter().filter(|one| one.name == name).map(|one| one.depth).collect::<Vec<_>>();
    let echoed = format!("{PATCHED} to x.heard");
    assert_eq!((at(PATCHED), at(&echoed), at("x.heard")), (vec![0], vec![1], vec![2]), "{all:?}");
    assert_eq!((at("mail"), at("chat"), at("mail.send")), (vec![3], vec![3], vec![4]), "{all:?}");
    assert_eq!(at("127.0.0.1"), [4, 3], "the chat's, and that of the webhook that listens: {all:?}");
    let of_event = followed(&scope, all[0].id.to_string().parse().unwrap()).await.unwrap();
    assert_eq!(of_event.len(), 8, "an event's own id will do: {of_event:?}");
    let elsewhere = followed(&scope, RequestId::new()).await.unwrap();
    assert_eq!(elsewhere.len(), 0);
}
