//! The clients and suites of Feathers, unmodified, against a server that they know nothing of.

use std::process::Command;

use super::people::town;
use crate::ground::app::{App, Door};
use crate::ground::people::PASSWORD;
use crate::ground::{Ground, on_both};
use crate::recipes::{block, packages, run};
use crate::rights::kit::Desk;

on_both!(
    the_suite_for_adapters_passes_through_the_rest_client,
    the_guides_lines_work_with_the_unmodified_client,
    the_guides_lines_about_sockets_work_too,
    the_guides_lines_about_streams_work_too,
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
    let before = format!("const accessToken = '{}'", ada.token);

    let said = guide(&app, &door, "docs/services.md", [&before, "console.log(page.total)"]);

    assert_eq!(said, "1\n");
    let me = app.get_as(&door, &ada.token, "/api/v1/auth/me").await;
    assert_eq!(me.json["user"]["name"], "Ada");
}

async fn the_guides_lines_about_sockets_work_too(ground: Ground) {
    let app = town(ground).await;
    let door = app.native("a").await;
    Desk::admin(&app, &door, "ada@example.com").await;
    let before = format!("const [email, password] = ['ada@example.com', '{PASSWORD}']");
    // Told before or after it is answered.
    let after = "setTimeout(() => process.exit(), 500)";

    let said = guide(&app, &door, "docs/sockets.md", [&before, after]);

    assert_eq!(said, "Ada has changed\n");
}

async fn the_guides_lines_about_streams_work_too(ground: Ground) {
    let app = town(ground).await;
    let door = app.native("a").await;
    let ada = Desk::admin(&app, &door, "ada@example.com").await;
    let before = format!("const token = '{}'", ada.token);
    let change = format!(
        "events.addEventListener('ready', () => fetch('{}', {{ method: 'PATCH', body: '{{\"name\":\"Ada\"}}', headers: {{
            'content-type': 'application/json', authorization: `Bearer ${{token}}` }} }}))
        setTimeout(() => process.exit(), 1500)",
        app.url(&format!("/api/v1/users/{}", ada.user)),
    );

    let said = told_by(&app, &door, ("docs/sockets.md", "javascript"), [&before, &change]);

    assert_eq!(said, "Ada has changed\n");
}

fn guide(app: &App, door: &Door, page: &str, around: [&str; 2]) -> String {
    told_by(app, door, (page, "js"), around)
}

/// Runs a page's lines against this server, between some of our own.
fn told_by(app: &App, door: &Door, (page, fence): (&str, &str), [before, after]: [&str; 2]) -> String {
    let lines = block(page, fence);
    let lines = lines.replace("http://localhost:3000", &app.url("")).replace("demo-app", &door.client);
    let made = packages("tests/feathers").join("made");
    std::fs::create_dir_all(&made).unwrap();
    let file = made.join(format!("guide-{}.mjs", app.running.address.unwrap().port()));
    std::fs::write(&file, format!("{before}\n{lines}\n{after}")).unwrap();
    let said = run(Command::new("node").arg(&file));
    std::fs::remove_file(file).unwrap();
    said
}
