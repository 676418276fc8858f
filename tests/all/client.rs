//! The TypeScript client: generated from the document that is checked in, compiled, and walked under Node.

use std::process::Command;

use crate::ground::app::App;
use crate::ground::{Ground, on_both};
use crate::recipes::{client_packages, in_real_time, local_tenant, root, run};

on_both!(the_typed_client_walks_through_a_session);

#[test]
fn the_clients_types_are_those_of_the_document() {
    let folder = client_packages();
    let kept = folder.join("src/schema.d.ts");
    let made = root().join("target/schema.d.ts");
    let program = folder.join("node_modules/.bin/openapi-typescript");
    let mut generate = Command::new(program);
    generate
        .arg("../../docs/openapi.json")
        .arg("--output")
        .arg(&made)
        .arg("--alphabetize")
        .current_dir(&folder);
    run(&mut generate);

    if std::env::var_os("UPDATE").is_some() {
        std::fs::copy(&made, &kept).unwrap();
    }
    let same = std::fs::read_to_string(&made).unwrap() == std::fs::read_to_string(&kept).unwrap_or_default();
    assert!(same, "the types are old. Write them anew with\n\n    UPDATE=1 cargo test --test all client::\n");
}

async fn the_typed_client_walks_through_a_session(ground: Ground) {
    let app = in_real_time(ground).await;
    let door = local_tenant(&app, "local", &app.url(""), true).await;
    let user = app.person(&door, "ada@example.com").await;
    let holder = app.session(&door, user).await;
    let expired = expired(&app, &holder.access).await;
    let folder = client_packages();
    let built = folder.join(format!("dist/{}", door.host.replace(':', "-")));
    run(Command::new(folder.join("node_modules/.bin/tsc"))
        .arg("--project")
        .arg(&folder)
        .arg("--outDir")
        .arg(&built));

    let mut walk = Command::new("node");
    walk.arg(built.join("test/walk.js"))
        .env("DOORWARD_URL", app.url(""))
        .env("DOORWARD_CLIENT", &door.client);
    walk.env("DOORWARD_TENANT", "local")
        .env("DOORWARD_EXPIRED", expired)
        .env("DOORWARD_REFRESH", holder.refresh);
    let said = run(&mut walk);

    assert_eq!(said, "walked\n");
    std::fs::remove_dir_all(built).unwrap();
}

/// The same token as it was an hour ago.
async fn expired(app: &App, access: &str) -> String {
    use doorward::identity::token::{self, Claims, Kind};
    let house = &app.running.house;
    let now = token::read(house, Kind::Access, access).await.unwrap().claims.clone();
    let then = Claims { iat: now.iat - 3600, exp: now.exp - 3600, ..now };
    token::sign(house, Kind::Access, &then).await.unwrap()
}
