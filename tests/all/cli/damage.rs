//! Bytes of an SQLite file that change by themselves: found and named, or a letter within a row, or without effect; in
//! a backup always found.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use diesel::prelude::*;
use diesel::sql_types::Text;
use doorward::components::Clock;
use doorward::components::copies::is_unchanged;
use doorward::components::vault::{MasterKey, Vault};
use doorward::db::DbConn;
use doorward::db::copy::{Look, damage};
use doorward::management::entity::rules;

use super::backup::key;
use crate::ground::app::{App, MASTER, config};
use crate::ground::binary::Installation;
use crate::ground::chance::Chance;
use crate::ground::spawned::Spawned;
use crate::ground::{Ground, Kind, run};

#[test]
fn flipped_bytes_are_found_and_named_or_change_a_value_or_nothing() {
    run(Kind::Sqlite, flips);
}

#[test]
fn a_server_does_not_start_on_a_damaged_file_and_verify_names_the_table() {
    run(Kind::Sqlite, start);
}

#[test]
fn an_index_that_disagrees_with_its_table_is_told_while_it_is_served() {
    run(Kind::Sqlite, disagrees);
}

const FLIPS: usize = 300;

/// A file with something in each corner: a town of people with sessions, and its backup.
async fn copy(ground: &Ground) -> (Installation, PathBuf) {
    let app = App::with_clock(ground.clone(), config(ground), Clock::real()).await;
    let door = app.native("a").await;
    for at in 0..20 {
        let user = app.person(&door, &format!("p{at}@a.example")).await;
        app.session(&door, user).await;
    }
    drop(app.running.platform.stop().await);
    let installation = Installation::on(ground).with("DOORWARD_MASTER_KEY", &key());
    let ran = installation.run(&["backup", "copy.db"]);
    assert_eq!(ran.code, 0, "{ran:?}");
    let copy = installation.path("copy.db");
    (installation, copy)
}

#[derive(QueryableByName)]
struct Line {
    #[diesel(sql_type = Text)]
    line: String,
}

fn lines(conn: &mut DbConn, question: &str) -> Option<Vec<String>> {
    let lines: Vec<Line> = diesel::sql_query(question).load(conn).ok()?;
    Some(lines.into_iter().map(|row| row.line).collect())
}

/// Every value of every table, a line for each row; none where one cannot be read.
fn dump(conn: &mut DbConn) -> Option<BTreeMap<String, Vec<String>>> {
    let tables = "SELECT name AS line FROM sqlite_schema WHERE type = 'table' ORDER BY name";
    let mut all = BTreeMap::new();
    for table in lines(conn, tables)? {
        let columns = format!(
            "SELECT group_concat('hex(quote(\"' || name || '\"))', '||char(31)||') AS line FROM pragma_table_info('{table}')"
        );
        let columns = lines(conn, &columns)?.remove(0);
        let rows = lines(conn, &format!("SELECT {columns} AS line FROM \"{table}\" NOT INDEXED"))?;
        all.insert(table, rows);
    }
    Some(all)
}

/// How many rows are not the same, where there are as many.
fn differences(one: &BTreeMap<String, Vec<String>>, other: &BTreeMap<String, Vec<String>>) -> Option<usize> {
    let mut differ = 0;
    for (table, rows) in one {
        let others = other.get(table).filter(|others| others.len() == rows.len())?;
        differ += rows.iter().zip(others).filter(|(row, other)| row != other).count();
    }
    (one.len() == other.len()).then_some(differ)
}

#[derive(Debug, PartialEq)]
enum Came {
    Found(String),
    Harmless,
    /// A letter of a text, a digit of a time: SQLite keeps no sums of its pages.
    OneRow,
    Silent,
}

fn judge(file: &Path, sound: &BTreeMap<String, Vec<String>>) -> Came {
    let mut conn = match DbConn::open(&file.display().to_string()) {
        Ok(conn) => conn,
        Err(error) => return Came::Found(error.to_string()),
    };
    let vault = Vault::new(&[MasterKey::from_bytes(&MASTER)]).unwrap();
    match rules::faults(&mut conn, Some(&vault), Clock::real().now()) {
        Err(error) => Came::Found(error.words()),
        Ok(faults) if !faults.is_empty() => Came::Found(format!("{}: {}", faults[0].table, faults[0].says)),
        Ok(_) => match dump(&mut conn).and_then(|now| differences(sound, &now)) {
            Some(0) => Came::Harmless,
            Some(1) => Came::OneRow,
            _ => Came::Silent,
        },
    }
}

async fn flips(ground: Ground) {
    let (installation, copy) = copy(&ground).await;
    let bytes = std::fs::read(&copy).unwrap();
    let sound = dump(&mut DbConn::open(&copy.display().to_string()).unwrap()).unwrap();
    std::fs::write(&copy, &bytes).unwrap();
    let mut chance = Chance::seeded("FLIP_SEED");
    let (mut found, mut harmless, mut rows) = (0, 0, 0);

    for flip in 0..FLIPS {
        let at = place(&mut chance, &bytes, flip % 2 == 0);
        let mut changed = bytes.clone();
        changed[at] ^= 1 << chance.next(8);
        let file = installation.path("flipped.db");
        for beside in ["flipped.db-wal", "flipped.db-shm"] {
            drop(std::fs::remove_file(installation.path(beside)));
        }
        std::fs::write(&file, &changed).unwrap();
        let when = format!("FLIP_SEED={}, byte {at}", chance.seed());
        match judge(&file, &sound) {
            Came::Found(words) => {
                assert!(words.len() > 10, "{when}: {words}");
                found += 1;
            }
            Came::Harmless => harmless += 1,
            Came::OneRow => rows += 1,
            Came::Silent => panic!("{when}: rows came or went, and nobody said so"),
        }
        std::fs::write(&copy, &changed).unwrap();
        assert_eq!(is_unchanged(&copy).unwrap(), Some(false), "{when}: the backup's digest did not tell");
    }
    println!("{FLIPS} flips: {found} found and named, {harmless} without effect, {rows} within a row each");
    assert!(found > FLIPS / 10, "FLIP_SEED={}: too few were found", chance.seed());
}

/// Anywhere, or where something stands: most of a small file is empty.
fn place(chance: &mut Chance, bytes: &[u8], anywhere: bool) -> usize {
    loop {
        let at = usize::try_from(chance.next(bytes.len() as u64)).unwrap();
        if anywhere || bytes[at] != 0 {
            return at;
        }
    }
}

/// The first page of a table: what hangs on it is lost.
fn first_page_of(file: &Path, table: &str) -> usize {
    let question = format!("SELECT CAST(rootpage AS TEXT) AS line FROM sqlite_schema WHERE name = '{table}'");
    let conn = &mut DbConn::open(&file.display().to_string()).unwrap();
    let page: usize = lines(conn, &question).unwrap().remove(0).parse().unwrap();
    (page - 1) * 4096
}

async fn start(ground: Ground) {
    ground.leave_unsound("the damage is what is looked for");
    let (installation, copy) = copy(&ground).await;
    let bytes = std::fs::read(&copy).unwrap();
    let file = installation.path("damaged.db");
    std::fs::write(&file, &bytes).unwrap();
    let at = first_page_of(&file, "audit_records");
    let damaged = |at: usize, bits: u8| {
        let mut changed = bytes.clone();
        changed[at] ^= bits;
        std::fs::write(&file, changed).unwrap();
        let url = format!("sqlite://{}", file.display());
        let there = Installation::bare().with("DOORWARD_ENV", "test").with("DOORWARD_MASTER_KEY", &key());
        let there = there.with("DATABASE_URL", &url);
        move |command: &str| there.run(&[command])
    };

    let told = |at: usize| {
        let run = damaged(at, 0x55);
        (run("serve"), run("verify"), run("doctor"))
    };

    let (serve, verify, doctor) = told(at);
    let (head_serve, head_verify, _) = told(0);
    let name = bytes.windows(9).rposition(|text| text == b"tries INT").unwrap();
    let renamed = damaged(name, 1)("verify");

    assert!(serve.code == 1 && serve.err.contains("is damaged:\n"), "{serve:?}");
    assert!(serve.err.contains("the table audit_records is damaged"), "{serve:?}");
    assert!(serve.err.contains("`doorward restore FILE` puts a backup in its place"), "{serve:?}");
    assert!(verify.code == 5 && verify.out.contains("the table audit_records is damaged"), "{verify:?}");
    assert!(doctor.code == 5 && doctor.out.contains("the table audit_records is damaged"), "{doctor:?}");
    assert!(renamed.code == 5 && renamed.out.contains("one_time_proofs is not as"), "{renamed:?}");
    assert!(head_serve.code == 1 && head_serve.err.contains("nothing can be read"), "{head_serve:?}");
    assert!(head_verify.code == 5 && head_verify.out.contains("nothing can be read"), "{head_verify:?}");
}

async fn disagrees(ground: Ground) {
    ground.leave_unsound("the damage is what is looked for");
    let (_installation, copy) = copy(&ground).await;
    let (bytes, word) = (std::fs::read(&copy).unwrap(), b"p7@a.example");
    let places = (0..bytes.len() - word.len()).filter(|at| bytes[*at..].starts_with(word));
    // In one index of them all a letter changes so that the order of its rows stays.
    let only_whole = |at: &usize| {
        let mut changed = bytes.clone();
        changed[*at + 11] += 1;
        std::fs::write(&copy, changed).unwrap();
        let Ok(mut conn) = DbConn::open(copy.to_str().unwrap()) else { return false };
        let found = |conn: &mut DbConn, look| damage(conn, look).map_or(true, |damage| !damage.is_empty());
        !found(&mut conn, Look::Quick) && found(&mut conn, Look::Whole)
    };
    places.into_iter().find(only_whole).expect("an index that holds the address");
    let served = Ground::at(Kind::Sqlite, format!("sqlite://{}", copy.display()));

    let server = Spawned::with(&served, &[]);

    let began = Instant::now();
    while !server.text().contains("missing from index") {
        assert!(began.elapsed() < Duration::from_secs(30), "{}", server.text());
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
    assert!(
        server.text().contains("the database is damaged; `doorward verify` looks closer"),
        "{}",
        server.text()
    );
}
