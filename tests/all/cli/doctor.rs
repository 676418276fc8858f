//! The doctor and the verifier.

use diesel::prelude::*;

use crate::ground::Ground;
use crate::ground::app::App;
use crate::ground::binary::Installation;
use crate::ground::on_both;

on_both!(
    a_sound_installation_is_told_line_by_line,
    a_drift_is_warned_of_and_a_lost_master_key_fails,
    verify_names_each_fault_with_its_table_and_row,
);

async fn a_sound_installation_is_told_line_by_line(ground: Ground) {
    let installation = Installation::on(&ground);

    let doctor = installation.run(&["doctor"]);
    let json = installation.run(&["doctor", "--json"]);

    // The tests' own cluster runs without fsync, and the doctor does not let that pass.
    let postgres = ground.url().starts_with("postgres");
    assert_eq!(doctor.code, if postgres { 5 } else { 0 }, "{doctor:?}");
    assert!(
        doctor.out.starts_with("ok    settings      right and secure enough for test\n"),
        "{}",
        doctor.out
    );
    let lasting = if postgres { "synchronous_commit=on, fsync=off" } else { "synchronous=FULL" };
    assert!(doctor.out.contains(lasting), "{}", doctor.out);
    let json: serde_json::Value = serde_json::from_str(&json.out).unwrap();
    let well = |finding: &serde_json::Value| finding["is"] == "ok" || finding["what"] == "durability";
    assert!(json.as_array().unwrap().iter().all(well), "{json}");
}

async fn a_drift_is_warned_of_and_a_lost_master_key_fails(ground: Ground) {
    let app = App::start(ground.clone()).await;
    app.running.platform.stop().await;
    let installation = Installation::on(&ground).with("DOORWARD_JOBS__LEASE", "60");
    installation.write("config/tenants.toml", "");

    let doctor = installation.run(&["doctor"]);
    let unmended = installation.with("DATABASE_URL", "postgres://nobody@127.0.0.1:1/none").run(&["doctor"]);

    assert_eq!(doctor.code, 5, "{doctor:?}");
    assert!(doctor.out.contains("fail  master key    this database was sealed under another master key\n"));
    assert!(
        doctor.out.contains("warn  tenants       the file and the database differ in a, b\n"),
        "{}",
        doctor.out
    );
    assert!(doctor.out.contains("-> `doorward tenants plan` shows how\n"));
    assert!(
        unmended.code == 5 && unmended.out.contains("fail  database      does not answer"),
        "{unmended:?}"
    );
}

async fn verify_names_each_fault_with_its_table_and_row(ground: Ground) {
    ground.leave_unsound("the fault is what is looked for");
    let installation = Installation::on(&ground);
    let sound = installation.run(&["verify"]);
    installation.write(
        "config/tenants.toml",
        "[[tenants]]\nname = 'a'\ndisplay_name = 'A'\npublic_url = { test = 'http://a.localhost' }\n\
        [[tenants.clients]]\npublic_id = 'a'\nname = 'a'\nkind = 'browser'\ndefault = true\n",
    );
    let applied = installation.run(&["tenants", "apply", "--yes"]);
    assert_eq!(applied.code, 0, "{applied:?}");
    use doorward::db::schema::{clients, roles};
    diesel::update(clients::table).set(clients::is_default.eq(false)).execute(&mut ground.connect()).unwrap();
    diesel::update(roles::table).set(roles::is_mandatory.eq(false)).execute(&mut ground.connect()).unwrap();

    let verified = installation.run(&["verify"]);
    let json = installation.run(&["verify", "--json"]);

    assert_eq!((sound.code, sound.out.as_str()), (0, "the database is sound\n"), "{sound:?}");
    assert_eq!(verified.code, 5, "{verified:?}");
    assert!(verified.out.starts_with("TABLE    ID "), "{}", verified.out);
    assert!(verified.out.contains("  has not exactly one default client\n"), "{}", verified.out);
    assert!(verified.out.contains("  has no mandatory role admin\n"), "{}", verified.out);
    let found: serde_json::Value = serde_json::from_str(&json.out).unwrap_or_else(|_| panic!("{json:?}"));
    assert_eq!(found[0]["table"], "tenants");
}
