//! Actions that keep everybody out are switched off from outside.

use base64::Engine;
use base64::prelude::BASE64_STANDARD;
use doorward::identity::Tenant;
use serde_json::json;

use crate::ground::app::{App, MASTER};
use crate::ground::binary::Installation;
use crate::ground::{Ground, on_both};
use crate::rights::kit::{Desk, told};

on_both!(an_action_that_keeps_everybody_out_is_switched_off_by_command);

async fn an_action_that_keeps_everybody_out_is_switched_off_by_command(ground: Ground) {
    let app = App::start(ground.clone()).await;
    let door = app.native("a").await;
    let ada = Desk::admin(&app, &door, "ada@a.example").await;
    let action = json!({ "name": "Nobody", "listens": ["doorward.role.pre.give"], "handler": "deny" });
    let action = ada.makes(action).await;
    let role = ada.create("guest").await;
    assert_eq!(told(&ada.give(ada.user, &role).await), (403, "actions.denied"));
    let tenant = Tenant::find(&mut ground.connect(), door.tenant).unwrap().unwrap().name;
    let installation = Installation::on(&ground).with("DOORWARD_MASTER_KEY", &BASE64_STANDARD.encode(MASTER));
    let actions = |words: &[&str]| installation.run(&[&["actions"], words, &["--tenant", &tenant]].concat());

    let listed = actions(&["list"]);
    let off = actions(&["disable", "Nobody"]);
    let again = actions(&["disable", "Nobody"]);
    let unknown = actions(&["disable", "Somebody"]);

    assert!(listed.out.contains("Nobody") && listed.out.contains("deny"), "{} {}", listed.out, listed.err);
    assert_eq!((off.code, off.out.as_str()), (0, "Nobody is off\n"), "{}", off.err);
    assert_eq!(again.out, "Nobody was off already\n");
    assert_eq!((unknown.code, unknown.err.as_str()), (1, "doorward: This tenant has no such action.\n"));
    crate::ground::work::until("it is let in", async || ada.give(ada.user, &role).await.status == 200).await;
    assert_eq!(ada.look(&format!("/actions/{action}")).await.json["isEnabled"], false);
    assert_eq!(actions(&["enable", "Nobody"]).out, "Nobody is on\n");
}
