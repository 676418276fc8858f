//! The clients and suites of Feathers, unmodified, against a server that they know nothing of.

use std::process::Command;

use super::people::town;
use crate::ground::{Ground, on_both};
use crate::recipes::{block, packages, run};
use crate::rights::kit::Desk;

on_both!(
    the_suite_for_adapters_passes_through_the_rest_client,
    the_guides_lines_work_with_the_unmodified_client,
);

async fn the_suite_for_adapters_passes_through_the_rest_client(ground: Ground) {
    let app = town(ground).await;
    let door = app.native("a").await;
    let user = app.person(&door, "ada@example.com").await;
    let token = app.session(&door, user).await.access;
    let folder = packages("tests/feathers");

    let mut suite = Command::new("node");
    suite.args(["node_modules/mocha/bin/mocha.js", "--reporter=dot", "suites/adapter.mjs"]);
    suite.env("DOORWARD_URL", app.url("")).env("DOORWARD_CLIENT", &door.client).env("DOORWARD_TOKEN", token);
    let said = run(suite.current_dir(folder));

    assert!(said.contains("79 passing") && !said.contains("pending"), "{said}");
}

async fn the_guides_lines_work_with_the_unmodified_client(ground: Ground) {
    let app = town(ground).await;
    let door = app.native("a").await;
    let ada = Desk::admin(&app, &door, "ada@example.com").await;
    let folder = packages("tests/feathers");
    let lines = block("docs/services.md", "js");
    let lines = lines.replace("http://localhost:3000", &app.url("")).replace("demo-app", &door.client);
    let made = folder.join("made");
    std::fs::create_dir_all(&made).unwrap();
    let file = made.join(format!("guide-{}.mjs", app.running.address.unwrap().port()));
    std::fs::write(&file, format!("const accessToken = '{}'\n{lines}\nconsole.log(page.total)", ada.token))
        .unwrap();

    let said = run(Command::new("node").arg(&file));
    std::fs::remove_file(file).unwrap();

    assert_eq!(said, "1\n");
    let me = app.get_as(&door, &ada.token, "/api/v1/auth/me").await;
    assert_eq!(me.json["user"]["name"], "Ada");
}
