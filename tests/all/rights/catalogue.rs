//! Which permissions there are: the program's own, and those of its configuration.

use serde_json::json;

use super::kit::Desk;
use crate::ground::app::{App, config};
use crate::ground::{Ground, on_both};

on_both!(
    permissions_of_the_configuration_are_held_by_every_admin_from_the_next_start_on,
    w_53_what_leaves_the_configuration_is_forgotten_by_no_role,
);

fn configured(ground: &Ground, known: &[&str]) -> doorward::components::config::Config {
    let mut config = config(ground);
    config.permissions.known = known.iter().map(|one| (*one).to_owned()).collect();
    config
}

async fn permissions_of_the_configuration_are_held_by_every_admin_from_the_next_start_on(ground: Ground) {
    let app = App::start(ground.clone()).await;
    let (door, other) = (app.native("a").await, app.native("b").await);
    let ada = Desk::admin(&app, &door, "ada@a.example").await;
    let bob = Desk::admin(&app, &other, "bob@b.example").await;
    let before = ada.held().await;
    assert!(!before.to_string().contains("shop:order:refund"));

    let next =
        App::bare(ground.clone(), configured(&ground, &["shop:order:refund"]), app.clock.clone()).await;
    next.found("c").await;
    let third = next.native("c").await;
    let eve = Desk::admin(&next, &third, "eve@c.example").await;
    let ada = Desk { app: &next, ..ada };
    let bob = Desk { app: &next, ..bob };

    for desk in [&ada, &bob, &eve] {
        let held = desk.held().await;
        assert!(held.to_string().contains("shop:order:refund"), "{held}");
        assert_eq!(held.as_array().unwrap().len(), before.as_array().unwrap().len() + 1);
    }
    let role = ada.filled("till", &["shop:order:refund"]).await;
    assert_eq!(ada.give(ada.user, &role).await.status, 200);
    let check = ada.get("/check?permission=shop:order:refund").await;
    assert_eq!(check.json["allowed"], true, "{}", check.text);
}

async fn w_53_what_leaves_the_configuration_is_forgotten_by_no_role(ground: Ground) {
    let first = App::with(ground.clone(), configured(&ground, &["shop:order:refund"])).await;
    let door = first.native("a").await;
    let ada = Desk::admin(&first, &door, "ada@a.example").await;
    let role = ada.filled("till", &["shop:order:refund"]).await;

    let next =
        App::bare(ground.clone(), configured(&ground, &["shop:order:read"]), first.clock.clone()).await;
    let ada = Desk { app: &next, ..ada };
    let listed = ada.get("/role/list").await;

    let till = listed.json["roles"].as_array().unwrap().iter().find(|one| one["id"] == json!(role)).unwrap();
    assert_eq!(till["permissions"], json!(["shop:order:refund"]));
    let held = ada.held().await.to_string();
    assert!(held.contains("shop:order:refund") && held.contains("shop:order:read"), "{held}");
}
