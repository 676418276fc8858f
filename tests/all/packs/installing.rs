//! What a pack does to a tenant, and what stands in its way.

use reqwest::Method;
use serde_json::{Value, json};

use super::{names, wanted, welcome};
use crate::ground::app::{App, Door};
use crate::ground::{Ground, on_both};
use crate::rights::kit::{Desk, told};

on_both!(
    a_pack_is_compared_installed_upgraded_and_removed,
    what_was_changed_by_hand_is_told_and_stays_unless_overwritten,
    what_has_a_name_of_the_packs_already_is_left_alone,
    of_fifty_who_install_at_once_one_does_and_nothing_is_made_twice,
    what_is_wrong_with_a_pack_is_told_part_by_part_and_nothing_is_made,
);

async fn start(ground: Ground) -> (App, Door) {
    let app = App::start(ground).await;
    let door = app.native("a").await;
    (app, door)
}

fn lines(diff: &Value) -> Vec<String> {
    let lines = diff["lines"].as_array().unwrap();
    let word = |line: &Value, name: &str| line[name].as_str().unwrap().to_owned();
    let line =
        |line: &Value| format!("{} {} {}", word(line, "change"), word(line, "kind"), word(line, "name"));
    lines.iter().map(line).collect()
}

async fn a_pack_is_compared_installed_upgraded_and_removed(ground: Ground) {
    let (app, door) = start(ground).await;
    let ada = Desk::admin(&app, &door, "ada@a.example").await;
    let first = wanted(&welcome("1"));

    let diff = ada.send("/packs/diff", first.clone()).await;
    assert_eq!(
        lines(&diff.json),
        ["make role guest", "make role greeter", "make action Greet", "make cronJob Morning"]
    );
    assert_eq!(diff.json["installed"], Value::Null);
    let empty = json!({ "roles": ["admin"], "actions": [], "cronjobs": [], "packs": [] });
    assert_eq!(names(&ada).await, empty, "a comparison changes nothing");

    let made = ada.send("/packs", first.clone()).await;
    assert_eq!(made.status, 201, "{}", made.text);
    assert_eq!(
        names(&ada).await,
        json!({ "roles": ["admin", "greeter", "guest"], "actions": ["Greet"], "cronjobs": ["Morning"], "packs": ["1"] })
    );
    let action = ada.look("/actions?name=Greet").await.json["data"][0].clone();
    assert_eq!(action["configuration"]["subject"], "Hello");
    assert_eq!(action["runsAs"].as_str(), Some(ada.named("greeter").await.as_str()));
    assert_eq!(ada.look("/cronjobs").await.json["data"][0]["timezone"], "UTC");
    let same = ada.send("/packs/diff", first.clone()).await;
    assert!(lines(&same.json).iter().all(|line| line.starts_with("leave ")), "{}", same.text);
    assert_eq!(told(&ada.send("/packs", first).await), (409, "packs.installed"));

    let one = format!("/packs/{}", made.says("id"));
    becomes_the_next(&ada, &one, &action).await;

    assert_eq!(ada.ask(Method::DELETE, &one, None).await.status, 200);
    assert_eq!(names(&ada).await, empty);
    let audited = ada.look("/audit?$limit=100").await.text;
    for record in
        ["packs.install", "packs.upgrade", "packs.remove", "actions.remove", "permissions.delete_role"]
    {
        assert!(audited.contains(&format!("\"{record}\"")), "{record}");
    }
}

async fn becomes_the_next(ada: &Desk<'_>, one: &str, action: &Value) {
    let mut next = welcome("2");
    next["roles"] =
        json!([{ "identifier": "greeter", "permissions": ["auth:user:list", "auth:user:manage"] }]);
    next["actions"][0]["priority"] = json!(7);
    next["cronJobs"] = json!([]);
    let diff = ada.send("/packs/diff", wanted(&next)).await;
    assert_eq!(
        lines(&diff.json),
        ["change role greeter", "change action Greet", "remove role guest", "remove cronJob Morning"]
    );
    let upgraded = ada.ask(Method::PUT, one, Some(wanted(&next))).await;
    assert_eq!(
        (upgraded.status.as_u16(), &upgraded.json["version"]),
        (200, &json!("2")),
        "{}",
        upgraded.text
    );
    assert_eq!(
        names(ada).await,
        json!({ "roles": ["admin", "greeter"], "actions": ["Greet"], "cronjobs": [], "packs": ["2"] })
    );
    let again = ada.look("/actions?name=Greet").await.json["data"][0].clone();
    assert_eq!((&again["id"], &again["priority"]), (&action["id"], &json!(7)), "the same one, changed");
}

async fn what_was_changed_by_hand_is_told_and_stays_unless_overwritten(ground: Ground) {
    let (app, door) = start(ground).await;
    let ada = Desk::admin(&app, &door, "ada@a.example").await;
    let made = ada.send("/packs", wanted(&welcome("1"))).await;
    let one = format!("/packs/{}", made.says("id"));
    let action = format!("/actions/{}", ada.look("/actions").await.json["data"][0]["id"].as_str().unwrap());
    assert_eq!(ada.ask(Method::PATCH, &action, Some(json!({ "isEnabled": false }))).await.status, 200);
    ada.delete(&ada.named("guest").await).await;

    let diff = ada.send("/packs/diff", wanted(&welcome("2"))).await;
    assert_eq!(
        lines(&diff.json),
        ["make role guest", "leave role greeter", "change action Greet", "leave cronJob Morning"]
    );
    let by_hand: Vec<&Value> =
        diff.json["lines"].as_array().unwrap().iter().map(|line| &line["changedByHand"]).collect();
    assert_eq!(by_hand, [false, false, true, false]);

    let refused = ada.ask(Method::PUT, &one, Some(wanted(&welcome("2")))).await;
    assert_eq!(told(&refused), (409, "packs.changedByHand"), "{}", refused.text);
    assert!(refused.text.contains("$.pack.actions.Greet"), "{}", refused.text);
    assert_eq!(ada.look(&action).await.json["isEnabled"], false);
    assert_eq!(ada.look("/packs").await.json["data"][0]["version"], "1");

    let mut overwriting = wanted(&welcome("2"));
    overwriting["overwrite"] = json!(true);
    assert_eq!(ada.ask(Method::PUT, &one, Some(overwriting)).await.status, 200);
    assert_eq!(ada.look(&action).await.json["isEnabled"], true);
    ada.named("guest").await;
}

async fn what_has_a_name_of_the_packs_already_is_left_alone(ground: Ground) {
    let (app, door) = start(ground).await;
    let ada = Desk::admin(&app, &door, "ada@a.example").await;
    ada.filled("guest", &["auth:user:list"]).await;

    let diff = ada.send("/packs/diff", wanted(&welcome("1"))).await;
    assert_eq!(diff.json["conflicts"], json!([{ "kind": "role", "name": "guest" }]));
    let refused = ada.send("/packs", wanted(&welcome("1"))).await;

    assert_eq!(told(&refused), (409, "packs.conflict"), "{}", refused.text);
    assert!(refused.text.contains("$.pack.roles.guest"), "{}", refused.text);
    let left = json!({ "roles": ["admin", "guest"], "actions": [], "cronjobs": [], "packs": [] });
    assert_eq!(names(&ada).await, left);
    let mut mandatory = welcome("1");
    mandatory["roles"] = json!([{ "identifier": "admin", "permissions": [] }]);
    mandatory["actions"] = json!([]);
    assert_eq!(told(&ada.send("/packs", wanted(&mandatory)).await), (409, "packs.conflict"));
}

async fn of_fifty_who_install_at_once_one_does_and_nothing_is_made_twice(ground: Ground) {
    let (app, door) = start(ground).await;
    let ada = Desk::admin(&app, &door, "ada@a.example").await;

    let all = (0..50).map(|_| ada.send("/packs", wanted(&welcome("1"))));
    let all = futures_util::future::join_all(all).await;

    let made: Vec<_> = all.iter().filter(|reply| reply.status == 201).collect();
    assert_eq!(made.len(), 1, "{}", all[0].text);
    for reply in all.iter().filter(|reply| reply.status != 201) {
        assert!([409, 429, 503].contains(&reply.status.as_u16()), "{}", reply.text);
    }
    assert_eq!(
        names(&ada).await,
        json!({ "roles": ["admin", "greeter", "guest"], "actions": ["Greet"], "cronjobs": ["Morning"], "packs": ["1"] })
    );
}

async fn what_is_wrong_with_a_pack_is_told_part_by_part_and_nothing_is_made(ground: Ground) {
    let (app, door) = start(ground).await;
    let ada = Desk::admin(&app, &door, "ada@a.example").await;
    let broken = |edit: &dyn Fn(&mut Value)| {
        let mut wanted = wanted(&welcome("1"));
        edit(&mut wanted);
        wanted
    };
    let many = json!(vec![json!({ "identifier": "a" }); 51]);

    for (wanted, path) in [
        (broken(&|it| it["pack"]["name"] = json!("Wel come")), "$.pack.name"),
        (broken(&|it| it["pack"]["version"] = json!("")), "$.pack.version"),
        (broken(&|it| it["inputs"] = json!({})), "$.inputs.subject"),
        (broken(&|it| it["inputs"]["other"] = json!("x")), "$.inputs.other"),
        (broken(&|it| it["pack"]["roles"][1]["identifier"] = json!("É")), "$.pack.roles[1].identifier"),
        (broken(&|it| it["pack"]["roles"] = many.clone()), "$.pack"),
        (
            broken(&|it| it["pack"]["actions"][0]["listens"] = json!(["nobody.knows"])),
            "$.pack.actions[0].listens[0]",
        ),
        (broken(&|it| it["pack"]["actions"][0]["sudo"] = json!(true)), "$.pack.actions[0].sudo"),
        (broken(&|it| it["pack"]["actions"][0]["runsAs"] = json!(7)), "$.pack.actions[0].runsAs"),
        (broken(&|it| it["pack"]["actions"][0]["runsAs"] = json!("nobody")), "$.pack.actions[0].runsAs"),
        (
            broken(&|it| it["pack"]["cronJobs"][0]["expression"] = json!("often")),
            "$.pack.cronJobs[0].expression",
        ),
        (broken(&|it| it["inputs"]["zone"] = json!("Mars/Olympus")), "$.pack.cronJobs[0].timezone"),
        (broken(&|it| it["pack"]["roles"][1]["identifier"] = json!("guest")), "$.pack"),
        (broken(&|it| it["pack"]["sudo"] = json!(true)), "$.pack.sudo"),
    ] {
        let refused = ada.send("/packs", wanted).await;
        assert_eq!(told(&refused), (422, "validator.error"), "{path}: {}", refused.text);
        assert!(refused.json["errors"].get(path).is_some(), "{path}: {}", refused.text);
    }
    let unknown = broken(&|it| it["pack"]["roles"][1]["permissions"] = json!(["no:such:thing"]));
    assert_eq!(
        told(&ada.send("/packs", unknown).await),
        (422, "authPermission.roleAddPermissions.unknownPermission")
    );
    let empty = json!({ "roles": ["admin"], "actions": [], "cronjobs": [], "packs": [] });
    assert_eq!(names(&ada).await, empty);
}
