//! PostgreSQL lost with its machine, and brought back to a moment from a base backup and the archive of its log.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::{Duration, Instant};

use diesel::connection::SimpleConnection;
use diesel::prelude::*;
use diesel::sql_types::Text;
use doorward::base::{Timestamp, UserId};
use doorward::components::Clock;
use doorward::db::schema::users;
use serde_json::json;

use crate::cli::backup::key;
use crate::ground::app::{App, Door, config};
use crate::ground::binary::Installation;
use crate::ground::cluster::{self, url};
use crate::ground::people::{Holder, PASSWORD};
use crate::ground::recovering::{program, resume};
use crate::ground::{Ground, Kind};

#[derive(QueryableByName)]
struct Said {
    #[diesel(sql_type = Text)]
    said: String,
}

fn says(conn: &mut PgConnection, question: &str) -> String {
    diesel::sql_query(format!("SELECT ({question})::text AS said")).get_result::<Said>(conn).unwrap().said
}

fn done(command: &mut Command) {
    let output = command.current_dir("/").output().unwrap();
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
}

/// What happened before the moment that is gone back to, and after it.
struct Story {
    before: [Holder; 2],
    after: UserId,
    moment: String,
}

async fn live(app: &App, door: &Door, (port, base): (u16, &Path)) -> Story {
    let ada = app.person(door, "ada@a.example").await;
    let early = app.session(door, ada).await;
    let mut base_backup = program("pg_basebackup");
    base_backup.args(["-h", "127.0.0.1", "-U", "doorward", "--checkpoint=fast", "--wal-method=stream"]);
    done(base_backup.args(["-p", &port.to_string(), "-D"]).arg(base));
    done(program("pg_verifybackup").arg(base));
    let before = [early, app.session(door, ada).await];
    let conn = &mut PgConnection::establish(&url(port, "doorward")).unwrap();
    tokio::time::sleep(Duration::from_millis(500)).await;
    let moment = says(conn, "clock_timestamp()");
    tokio::time::sleep(Duration::from_millis(500)).await;
    let out = app.post_as(door, &before[0].access, "/auth/logout", json!({})).await;
    assert_eq!(out.status, 200, "{}", out.text);
    let after = app.person(door, "after@a.example").await;
    archived(conn);
    Story { before, after, moment }
}

/// The log up to now lies in the archive.
fn archived(conn: &mut PgConnection) {
    let last = says(conn, "SELECT pg_walfile_name(pg_switch_wal())");
    let began = Instant::now();
    while says(conn, "SELECT coalesce(last_archived_wal, '') FROM pg_stat_archiver") < last {
        assert!(began.elapsed() < Duration::from_secs(30), "{last} is not archived");
        std::thread::sleep(Duration::from_millis(50));
    }
}

/// The base backup as a data folder that goes back to the moment.
fn lay(base: &Path, archive: &Path, moment: &str) -> PathBuf {
    let folder = cluster::folder();
    let data = folder.join("data");
    fs::rename(base, &data).unwrap();
    let settings = format!(
        "restore_command = 'cp {}/%f %p'\nrecovery_target_time = '{moment}'\nrecovery_target_action = 'promote'\n",
        archive.display()
    );
    let file = data.join("postgresql.conf");
    fs::write(&file, fs::read_to_string(&file).unwrap() + &settings).unwrap();
    fs::write(data.join("recovery.signal"), "").unwrap();
    folder
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
#[ignore = "two clusters of its own: `make faults` runs it"]
async fn dur_3_postgresql_goes_back_to_a_moment_and_revives_nobody() {
    let (archive, shelf) = (cluster::folder(), cluster::folder());
    let base = shelf.join("base");
    let settings = format!(
        "-c wal_level=replica -c archive_mode=on -c archive_command='cp %p {}/%f'",
        archive.display()
    );
    let (port, leash) = cluster::start(&settings);
    let mut admin = PgConnection::establish(&url(port, "postgres")).unwrap();
    admin.batch_execute("CREATE DATABASE doorward").unwrap();
    doorward::db::migrate(&url(port, "doorward"), "test", Timestamp::EPOCH).unwrap();
    let ground = Ground::at(Kind::Postgres, url(port, "doorward"));
    let app = App::with_clock(ground.clone(), config(&ground), Clock::real()).await;
    let door = app.native("a").await;

    let story = live(&app, &door, (port, &base)).await;
    drop(app.running.platform.stop().await);
    drop(leash);
    let (port, _leash) = resume(&lay(&base, &archive, &story.moment), "");
    let ground = Ground::at(Kind::Postgres, url(port, "doorward"));
    let installation = Installation::on(&ground).with("DOORWARD_MASTER_KEY", &key());
    recovered(port).await;
    let restored = installation.run(&["restore", "--after-recovery"]);

    assert!(restored.code == 0 && restored.out.starts_with("ended 2 sessions"), "{restored:?}");
    let late: i64 = users::table.find(story.after).count().get_result(&mut ground.connect()).unwrap();
    assert_eq!(late, 0, "it did not go back");
    nobody_is_in(&installation, &door, &story.before).await;
    [archive, shelf].iter().for_each(|folder| drop(fs::remove_dir_all(folder)));
}

async fn recovered(port: u16) {
    let conn = &mut PgConnection::establish(&url(port, "doorward")).unwrap();
    let began = Instant::now();
    while says(conn, "pg_is_in_recovery()") == "true" {
        assert!(began.elapsed() < Duration::from_secs(60), "it goes on replaying");
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
}

async fn nobody_is_in(installation: &Installation, door: &Door, holders: &[Holder]) {
    let running = installation.serve().await;
    for holder in holders {
        let refresh = json!({ "refreshToken": holder.refresh });
        assert_eq!(running.ask(door, "/auth/refresh-tokens", refresh).await, 401);
    }
    let login = json!({ "email": "ada@a.example", "password": PASSWORD });
    assert_eq!(running.ask(door, "/auth/password-based/login", login).await, 200);
}
