//! What stands in the database after a kill, read past the server and held against what callers were told.

use std::collections::{BTreeMap, BTreeSet};

use diesel::connection::SimpleConnection;
use diesel::prelude::*;
use doorward::base::{RecordId, RequestId, SessionId, SignUpId, Timestamp, UserId};
use doorward::db::schema::{audit_records, domain_events, jobs, sessions, sign_ups, users};
use doorward::db::{DbConn, Json};
use serde_json::Value;

use super::caller::{Caller, Known, Out};
use crate::ground::{Ground, Kind};

struct Row {
    user: UserId,
    generation: i64,
    is_ended: bool,
}

struct Ledger {
    sessions: BTreeMap<SessionId, Row>,
    /// How often each thing was told of each subject: `audit …` and `event …`.
    told: BTreeMap<(String, RecordId), i64>,
    profiles: BTreeMap<UserId, i64>,
    errands: BTreeMap<RequestId, String>,
    sign_ups: BTreeSet<SignUpId>,
}

/// `when` is said beside every failure: the seed and the round.
pub fn check(ground: &Ground, callers: &mut [Caller], when: &str) {
    let ledger = Ledger::read(ground);
    // Others may be put out in ways that are told of otherwise.
    let theirs = |row: &Row| callers.iter().any(|caller| caller.user == row.user);
    for (id, row) in ledger.sessions.iter().filter(|(_, row)| theirs(row)) {
        ledger.assert_whole(*id, row, when);
    }
    for caller in callers {
        ledger.assert_kept(caller, when);
        ledger.assert_signed_up(caller, when);
        ledger.assert_edited(caller, when);
    }
}

/// How much of what was acknowledged is not there, where that may be: in the order of [`Change`].
///
/// [`Change`]: super::caller::Change
pub fn lost(ground: &Ground, callers: &[Caller]) -> [i64; 5] {
    let ledger = Ledger::read(ground);
    let mut lost = [0; 5];
    for caller in callers {
        for (id, known) in &caller.sessions {
            let Some(row) = ledger.sessions.get(id) else {
                lost[0] += 1;
                continue;
            };
            lost[1] += (known.generation - row.generation).max(0);
            lost[3] += i64::from(known.out == Out::Acknowledged && !row.is_ended);
        }
        let told = ledger.told("audit users.edit_me", RecordId::of(caller.user.0));
        lost[2] += (caller.edits - told).max(0);
        let there = |(request, _): &&(RequestId, _)| ledger.errands.contains_key(request);
        lost[4] += i64::try_from(caller.signed_up.iter().filter(|asked| !there(asked)).count()).unwrap();
    }
    lost
}

impl Ledger {
    /// In one snapshot: what the killed server had sent to commit may still be committed while we read.
    fn read(ground: &Ground) -> Self {
        let conn = &mut ground.connect();
        let snapshot =
            if ground.kind == Kind::Postgres { "BEGIN ISOLATION LEVEL REPEATABLE READ" } else { "BEGIN" };
        conn.batch_execute(snapshot).unwrap();
        let rows = sessions::table.select((
            sessions::id,
            sessions::user_id,
            sessions::generation,
            sessions::revoked_at,
        ));
        let rows: Vec<(SessionId, UserId, i64, Option<Timestamp>)> = rows.load(conn).unwrap();
        let row = |(id, user, generation, ended): (_, _, _, Option<_>)| {
            (id, Row { user, generation, is_ended: ended.is_some() })
        };
        let profiles: Vec<(UserId, Json<Value>)> =
            users::table.select((users::id, users::profile)).load(conn).unwrap();
        let errands =
            jobs::table.filter(jobs::name.eq("account.sign_up")).filter(jobs::request_id.is_not_null());
        let errands = errands.select((jobs::request_id.assume_not_null(), jobs::state));
        Self {
            sessions: rows.into_iter().map(row).collect(),
            told: told(conn),
            profiles: profiles
                .into_iter()
                .map(|(id, json)| (id, json.0["at"].as_i64().unwrap_or(0)))
                .collect(),
            errands: errands.load::<(RequestId, String)>(conn).unwrap().into_iter().collect(),
            sign_ups: sign_ups::table.select(sign_ups::id).load(conn).unwrap().into_iter().collect(),
        }
    }

    fn told(&self, what: &str, subject: RecordId) -> i64 {
        self.told.get(&(what.to_owned(), subject)).copied().unwrap_or(0)
    }

    /// A session's beginning and its end are one transaction each: row, audit record and domain event, or none of them.
    fn assert_whole(&self, id: SessionId, row: &Row, when: &str) {
        let subject = RecordId::of(id.0);
        let ended = i64::from(row.is_ended);
        let told = [
            self.told("audit session.start", subject),
            self.told("event doorward.session.post.create", subject),
            self.told("audit session.end", subject),
            self.told("event doorward.session.post.delete", subject),
        ];
        assert_eq!(told, [1, 1, ended, ended], "{when}: session {id} is half written");
    }

    /// What was acknowledged is there; of what went unanswered, at most all of it.
    fn assert_kept(&self, caller: &mut Caller, when: &str) {
        let theirs: Vec<_> = self.sessions.iter().filter(|(_, row)| row.user == caller.user).collect();
        let begun = i64::try_from(theirs.len()).unwrap();
        let logins = self.told("audit password.login", RecordId::of(caller.user.0));
        assert_eq!(logins, begun, "{when}: {} has sessions without a login", caller.user);
        let most = caller.sessions.len() + caller.lost_logins;
        assert!(theirs.len() <= most, "{when}: {} sessions, at most {most} were asked for", theirs.len());
        for (id, known) in &mut caller.sessions {
            let row = self.sessions.get(id).unwrap_or_else(|| panic!("{when}: the login of {id} is lost"));
            assert_rotated(row, known, when);
            match known.out {
                Out::No => assert!(!row.is_ended, "{when}: {id} ended, and nobody asked for it"),
                Out::Acknowledged => assert!(row.is_ended, "{when}: the logout of {id} is lost"),
                Out::Asked => {}
            }
        }
    }

    /// The job stands, and once it is done so does what it was to make.
    fn assert_signed_up(&self, caller: &Caller, when: &str) {
        for (request, asked) in &caller.signed_up {
            let state =
                self.errands.get(request).unwrap_or_else(|| panic!("{when}: sign-up {request} is lost"));
            let made = self.sign_ups.contains(&SignUpId::of(asked.0));
            assert_eq!(made, state == "done", "{when}: sign-up {request} is {state}, and half made");
        }
    }

    fn assert_edited(&self, caller: &Caller, when: &str) {
        let (user, subject) = (caller.user, RecordId::of(caller.user.0));
        let at = self.profiles[&user];
        let (told, sent) = (caller.told, caller.sent);
        assert!((told..=sent).contains(&at), "{when}: {user} is at {at}, {told} acknowledged, {sent} sent");
        let audited = self.told("audit users.edit_me", subject);
        let thrown = self.told("event doorward.user.post.patch", subject);
        assert_eq!(audited, thrown, "{when}: edits of {user} are half written");
        assert!((caller.edits..=sent).contains(&audited), "{when}: {audited} edits of {user} are told");
    }
}

fn assert_rotated(row: &Row, known: &Known, when: &str) {
    let (least, most) = (known.generation, known.generation + i64::from(known.asked));
    let at = row.generation;
    assert!((least..=most).contains(&at), "{when}: a session is at {at}, acknowledged was {least}");
}

fn told(conn: &mut DbConn) -> BTreeMap<(String, RecordId), i64> {
    let records: Vec<(String, RecordId)> = audit_records::table
        .filter(audit_records::outcome.eq("success"))
        .filter(audit_records::target_id.is_not_null())
        .select((audit_records::action, audit_records::target_id.assume_not_null()))
        .load(conn)
        .unwrap();
    let events: Vec<(String, RecordId)> = domain_events::table
        .filter(domain_events::subject_id.is_not_null())
        .select((domain_events::trigger_name, domain_events::subject_id.assume_not_null()))
        .load(conn)
        .unwrap();
    let records = records.into_iter().map(|(action, id)| (format!("audit {action}"), id));
    let events = events.into_iter().map(|(trigger, id)| (format!("event {trigger}"), id));
    let mut told = BTreeMap::new();
    for what in records.chain(events) {
        *told.entry(what).or_default() += 1;
    }
    told
}
