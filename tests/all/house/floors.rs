//! The floors: a file uses its own room and the rooms below it, never one beside or above.

use super::source::{File, House};
use super::{assert_clean, house_with};

/// From the ground up. Rooms of one floor are strangers to each other.
const FLOORS: &[&[&str]] = &[
    &["base"],
    &["db"],
    &["http"],
    &["components"],
    &["identity"],
    &["services"],
    &[
        "sessions",
        "permissions",
        "tenancy",
        "devices",
        "feature_flags",
        "files",
        "audit",
        "jobs",
        "proofs",
        "tokens",
        "guesses",
    ],
    &["management", "users", "development"],
    &["triggers"],
    &["webhooks"],
    &["actions"],
    &["cronjobs", "inbound"],
    &["packs"],
    &["auth"],
    &["authentication"],
    &["openapi"],
    &["app"],
    &["cli"],
    &["main", "lib"],
];

fn floor(room: &str) -> Option<usize> {
    let room = room.split('/').next()?;
    FLOORS.iter().position(|rooms| rooms.contains(&room))
}

fn faults(house: &House) -> Vec<String> {
    let macros: Vec<&str> = house.files.iter().flat_map(macros_of).collect();
    house.files.iter().flat_map(|file| faults_of(file, &macros)).collect()
}

/// Exported macros stand at the crate's root, whichever room wrote them.
fn macros_of(file: &File) -> impl Iterator<Item = &str> {
    file.code
        .split("#[macro_export]")
        .skip(1)
        .filter_map(|text| text.split("macro_rules! ").nth(1).map(ident))
}

fn faults_of(file: &File, macros: &[&str]) -> Vec<String> {
    let room = file.room();
    let Some(own) = floor(&room) else {
        return vec![format!("src/{}: the room `{room}` is on no floor; give it one here", file.path)];
    };
    let wrong = uses(file).into_iter().filter_map(|(line, used)| {
        let place = format!("src/{}:{line}: `{room}`", file.path);
        match floor(&used) {
            None if macros.contains(&used.as_str()) => None,
            None => Some(format!("{place} uses `crate::{used}`, which is no room")),
            Some(floor) if floor < own || is_own(&room, &used) => None,
            Some(floor) if floor == own => {
                Some(format!("{place} uses `{used}`, a stranger on its own floor"))
            }
            Some(_) => Some(format!("{place} uses `{used}`, which is above it")),
        }
    });
    wrong.collect()
}

/// `auth` itself, the landing of the ways in, belongs to each of them and knows them all.
fn is_own(room: &str, used: &str) -> bool {
    room == used || (room == "auth" && used.starts_with("auth/"))
}

/// Every room that the file names by a path, with the line.
fn uses(file: &File) -> Vec<(usize, String)> {
    let mut found = Vec::new();
    for (at, _) in file.code.match_indices("crate::") {
        let path = file.code.split_at(at + "crate::".len()).1;
        let starts = heads(path);
        found.extend(starts.into_iter().map(|room| (file.line(at), room)));
    }
    // From the top of a room, `super::` is the crate.
    let is_top = file.name() == "mod.rs" && file.path.matches('/').count() == 1;
    let climb = if is_top { "super::" } else { "super::super::" };
    for (at, _) in file.code.match_indices(climb) {
        let next = ident(file.code.split_at(at + climb.len()).1);
        let rooms =
            if file.path.starts_with("auth/") && !is_top { format!("auth/{next}") } else { next.to_owned() };
        if floor(next).is_some() || rooms.starts_with("auth/") {
            found.push((file.line(at), rooms));
        }
    }
    found
}

/// `{base::Error, auth::totp::x}` gives `base` and `auth/totp`; a macro at the crate's root is no room.
fn heads(path: &str) -> Vec<String> {
    let Some(group) = path.strip_prefix('{') else { return head(path).into_iter().collect() };
    let mut depth = 0;
    let mut starts = vec![0];
    for (at, c) in group.char_indices() {
        match c {
            '{' => depth += 1,
            '}' if depth == 0 => break,
            '}' => depth -= 1,
            ',' if depth == 0 => starts.push(at + 1),
            _ => {}
        }
    }
    starts.into_iter().filter_map(|at| head(group.split_at(at).1.trim_start())).collect()
}

fn head(path: &str) -> Option<String> {
    let room = ident(path);
    let rest = path.strip_prefix(room)?;
    if room.is_empty() || rest.starts_with('!') || room.starts_with("__") {
        return None;
    }
    let way = rest.strip_prefix("::").map(ident).filter(|way| !way.is_empty());
    match way {
        Some(way) if room == "auth" => Some(format!("auth/{way}")),
        _ => Some(room.to_owned()),
    }
}

fn ident(text: &str) -> &str {
    let end = text.find(|c: char| !c.is_alphanumeric() && c != '_').unwrap_or(text.len());
    text.split_at(end).0
}

#[test]
fn no_room_uses_a_room_beside_or_above_it() {
    assert_clean(&faults(&House::read()));
}

#[test]
fn a_use_upwards_is_seen() {
    let grouped = house_with("sessions/entity.rs", "use crate::{base::Error, users::Person};");
    assert_eq!(faults(&grouped), ["src/sessions/entity.rs:1: `sessions` uses `users`, which is above it"]);

    let inline = house_with("db/conn.rs", "\nfn f() { crate::components::clock::now() }");
    assert_eq!(faults(&inline), ["src/db/conn.rs:2: `db` uses `components`, which is above it"]);
}

#[test]
fn a_use_sideways_is_seen() {
    let rooms = house_with("sessions/events.rs", "use crate::tenancy;");
    assert_eq!(
        faults(&rooms),
        ["src/sessions/events.rs:1: `sessions` uses `tenancy`, a stranger on its own floor"]
    );

    let ways = house_with("auth/password/events.rs", "use crate::auth::totp::events;");
    assert_eq!(faults(&ways).len(), 1, "{:?}", faults(&ways));

    let climbing = house_with("auth/password/events.rs", "use super::super::totp::events;");
    assert_eq!(faults(&climbing).len(), 1, "{:?}", faults(&climbing));
}

#[test]
fn a_climb_out_of_a_room_is_seen() {
    let from_its_door = house_with("sessions/mod.rs", "use super::users;");
    let from_inside = house_with("sessions/entity.rs", "use super::super::users;");

    assert_eq!(faults(&from_its_door).len(), 1);
    assert_eq!(faults(&from_inside).len(), 1);
}

#[test]
fn a_room_without_a_floor_is_seen() {
    assert_eq!(faults(&house_with("attic/mod.rs", "")).len(), 1);
    assert_eq!(faults(&house_with("cli/mod.rs", "use crate::attic;")).len(), 1);
}

#[test]
fn what_is_below_or_said_in_prose_is_nobodys_fault() {
    let text = "//! As crate::cli does.\nuse crate::base::Error;\nuse crate::{db, http::{Answer, cli}};\n\
                const S: &str = \"crate::app\";\nuse crate::sessions::entity;\ncrate::refusals! {}";
    assert_clean(&faults(&house_with("sessions/events.rs", text)));
}
