//! Logins: who gets in, and what everybody else is told.

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use diesel::prelude::*;
use doorward::auth::password::events::{Outcome, import};
use doorward::base::Timestamp;
use doorward::components::config::{Config, Environment};
use doorward::db::schema::{memberships, sessions};
use serde_json::json;

use super::kit::{ADA, LOGIN, OTHER, RIGHT, imported, password, plain, quiet, start};
use super::watch;
use crate::ground::app::{App, Door, Reply};
use crate::ground::{Ground, on_both};

on_both!(
    the_right_password_gives_a_session_that_me_shows,
    a_browser_gets_its_secrets_as_cookies_alone,
    enum_1_every_wrong_login_answers_alike,
    enum_2_every_wrong_login_does_the_same_work,
    arg_1_beyond_the_line_the_answer_is_busy_and_nobody_inside_waits,
    arg_2_cheap_refusals_cost_no_hash,
    arg_3_an_unknown_user_costs_a_hash,
    an_unverified_address_is_told_of_only_to_its_owner,
    pw_2_a_long_password_is_never_cut,
    pw_5_a_password_counts_as_typed_but_for_its_composition,
    pw_6_the_same_password_twice_is_two_argon2id_strings,
    pw_7_an_imported_hash_becomes_ours_at_the_first_login,
    pw_7_a_hash_that_asks_for_too_much_is_not_imported,
    who_is_disabled_while_hashing_gets_no_session,
    whose_roles_change_while_hashing_comes_in_all_the_same,
    who_gets_a_new_password_while_hashing_gets_no_session,
    two_logins_that_bring_a_hash_up_to_date_at_once_are_let_in,
    ses_2_a_planted_cookie_is_never_adopted,
    a_new_place_is_told_by_mail_and_a_known_one_is_not,
);

async fn the_right_password_gives_a_session_that_me_shows(ground: Ground) {
    let app = start(ground).await;
    let door = app.native("a").await;
    let ada = app.resident(&door, ADA).await;

    let reply = app.login(&door, " Ada@Example.com ", RIGHT).await;
    let me = app.get_as(&door, reply.says("accessToken"), "/auth/me").await;

    assert_eq!(reply.status, 200, "{}", reply.text);
    assert_eq!(reply.json["session"]["type"], "user");
    assert!(
        reply.says("refreshToken").starts_with("dwr_1_") && reply.says("knownDevice").starts_with("dwd_1_")
    );
    assert_eq!(me.json["user"]["id"], json!(ada), "{}", me.text);
    assert_eq!(me.json["user"]["passwordLogin"]["email"], ADA);
}

async fn a_browser_gets_its_secrets_as_cookies_alone(ground: Ground) {
    let app = start(ground).await;
    let door = app.browser("a").await;
    app.resident(&door, ADA).await;

    let reply = app.login(&door, ADA, RIGHT).await;

    assert_eq!(reply.status, 200, "{}", reply.text);
    assert!(reply.json["refreshToken"].is_null() && reply.json["knownDevice"].is_null());
    assert!(reply.cookie("__Host-dw-a-web").is_some() && reply.cookie("__Host-dwd-a-web").is_some());
}

/// Six accounts that do not get in, each for a reason of its own.
async fn six(app: &App, door: &Door) -> Vec<Reply> {
    app.resident(door, ADA).await;
    app.settle(door, imported("sso@example.com", None)).await;
    let off = app.resident(door, "off@example.com").await;
    app.disable(off);
    app.resident(&app.native("b").await, "neighbour@example.com").await;
    app.resident(door, "locked@example.com").await;
    app.block(door, "locked@example.com").await;
    // The gate's own record of it is written now, not in the middle of somebody's work. It is noted after the answer
    // has left, so the last one may be a moment late.
    let house = &app.running.house;
    for _ in 0..3 {
        tokio::time::sleep(std::time::Duration::from_millis(100)).await;
        house.denials.write_down(&house.db, house.clock.now(), true).await.unwrap();
    }
    let mut replies = Vec::new();
    for (email, password) in [
        ("nobody@example.com", RIGHT),
        (ADA, OTHER),
        ("off@example.com", RIGHT),
        ("sso@example.com", RIGHT),
        ("neighbour@example.com", RIGHT),
        ("locked@example.com", RIGHT),
    ] {
        let (before, _) = (app.running.house.hasher.counts().done(), watch::take(&app.ground));
        let mut reply = app.login(door, email, password).await;
        let hashes = app.running.house.hasher.counts().done() - before;
        reply.text = format!("{hashes} {:?}", watch::take(&app.ground));
        replies.push(reply);
    }
    replies
}

async fn enum_1_every_wrong_login_answers_alike(ground: Ground) {
    let app = start(ground).await;
    let door = app.native("a").await;

    let replies = six(&app, &door).await;

    let first = plain(&replies[0]);
    assert_eq!((first.0, replies[0].key()), (401, "authPasswordBased.login.invalidEmailPasswordCombination"));
    assert!(replies.iter().all(|reply| plain(reply) == first));
}

async fn enum_2_every_wrong_login_does_the_same_work(ground: Ground) {
    watch::begin();
    let app = start(ground).await;
    let door = app.native("a").await;

    let work: Vec<String> = six(&app, &door).await.into_iter().map(|reply| reply.text).collect();

    let (locked, others): (Vec<_>, Vec<_>) = work.iter().enumerate().partition(|(at, _)| *at == 5);
    assert!(locked[0].1.starts_with("1 "), "{work:?}");
    assert!(others.iter().all(|(_, done)| **done == work[0]), "{work:?}");
    assert_eq!(work[0], r#"1 ["login_identifiers", "guess_counters", "audit_records"]"#);
}

async fn arg_1_beyond_the_line_the_answer_is_busy_and_nobody_inside_waits(ground: Ground) {
    let mut slow = quiet(&ground);
    slow.hashing.memory_kib = 32_768.try_into().unwrap();
    slow.hashing.passes = 10.try_into().unwrap();
    slow.hashing.permits = 1.try_into().unwrap();
    slow.hashing.queue = 4;
    let app = App::with(ground, slow).await;
    let door = app.native("a").await;
    app.resident(&door, ADA).await;
    let token = app.token(&door, ADA).await;
    let emails: Vec<String> = (0..30).map(|number| format!("user{number}@example.com")).collect();

    let storm = futures_util::future::join_all(emails.iter().map(|email| app.login(&door, email, RIGHT)));
    let inside = async {
        tokio::time::sleep(std::time::Duration::from_millis(50)).await;
        let most = app.running.house.hasher.counts().in_flight();
        (most, app.get_as(&door, &token, "/auth/me").await.status.as_u16())
    };
    let (replies, (most, me)) = tokio::join!(storm, inside);

    let busy: Vec<&Reply> = replies.iter().filter(|reply| reply.status == 503).collect();
    assert!(
        busy.len() >= 10 && busy.iter().all(|reply| reply.headers.contains_key("retry-after")),
        "{}",
        busy.len()
    );
    assert!(most <= 1, "{most} at once");
    assert_eq!(me, 200);
    assert!(app.most_failures() <= 1, "what nobody looked at is no guess");
}

async fn arg_2_cheap_refusals_cost_no_hash(ground: Ground) {
    let mut narrow = quiet(&ground);
    narrow.limits.guesses_per_address_per_minute = 1.try_into().unwrap();
    let app = App::with(ground, narrow).await;
    let door = app.native("a").await;
    app.login(&door, "first@example.com", RIGHT).await;
    let before = app.running.house.hasher.counts().done();

    let long = app.login(&door, ADA, &"x".repeat(1025)).await;
    let broken = Reply::of(
        app.request(&door, reqwest::Method::POST, LOGIN).header("content-type", "application/json").body("{"),
    );
    let nobody = Door { host: "nobody.example".into(), client: "unknown".into(), ..door.clone() };
    let stranger = app.login(&nobody, ADA, RIGHT).await;
    let hasty = app.login(&door, ADA, RIGHT).await;

    assert_eq!((long.status.as_u16(), broken.await.status.as_u16()), (422, 400));
    assert_eq!((stranger.status.as_u16(), hasty.status.as_u16()), (400, 429));
    assert!(hasty.headers.contains_key("retry-after"));
    assert_eq!(app.running.house.hasher.counts().done(), before);
}

async fn arg_3_an_unknown_user_costs_a_hash(ground: Ground) {
    let app = start(ground).await;
    let door = app.native("a").await;
    let before = app.running.house.hasher.counts().done();

    app.login(&door, "nobody@example.com", RIGHT).await;

    assert_eq!(app.running.house.hasher.counts().done(), before + 1);
}

async fn an_unverified_address_is_told_of_only_to_its_owner(ground: Ground) {
    let app = start(ground).await;
    let door = app.native("a").await;
    let hash = app.running.house.hasher.hash(None, &password(RIGHT)).await.unwrap();
    let unproven =
        doorward::auth::password::events::Imported { is_verified: false, ..imported(ADA, Some(hash)) };
    app.settle(&door, unproven).await;

    let wrong = app.login(&door, ADA, OTHER).await;
    let right = app.login(&door, ADA, RIGHT).await;

    assert_eq!(wrong.key(), "authPasswordBased.login.invalidEmailPasswordCombination");
    assert_eq!((right.status.as_u16(), right.key()), (403, "authPasswordBased.login.emailNotVerified"));
}

async fn with_password(app: &App, door: &Door, text: &str) {
    let hash = app.running.house.hasher.hash(None, &password(text)).await.unwrap();
    app.settle(door, imported(ADA, Some(hash))).await;
}

async fn pw_2_a_long_password_is_never_cut(ground: Ground) {
    let app = start(ground).await;
    let door = app.native("a").await;
    let long = "abcdefghij".repeat(20);
    with_password(&app, &door, &long).await;

    assert_eq!(app.login(&door, ADA, &long[..72]).await.status, 401);
    assert_eq!(app.login(&door, ADA, &long[..128]).await.status, 401);
    assert_eq!(app.login(&door, ADA, &long).await.status, 200);
}

async fn pw_5_a_password_counts_as_typed_but_for_its_composition(ground: Ground) {
    let app = start(ground).await;
    let door = app.native("a").await;
    with_password(&app, &door, "caf\u{e9} Au lait s'il vous pla\u{ee}t").await;

    let spelt = "cafe\u{301} Au lait s'il vous plai\u{302}t";
    assert_eq!(app.login(&door, ADA, spelt).await.status, 200);
    assert_eq!(app.login(&door, ADA, &format!(" {spelt}")).await.status, 401);
    assert_eq!(app.login(&door, ADA, &spelt.to_lowercase()).await.status, 401);
    assert_eq!(app.login(&door, ADA, &format!("{spelt}\0")).await.status.as_u16() / 100, 4);
}

async fn pw_6_the_same_password_twice_is_two_argon2id_strings(ground: Ground) {
    let app = start(ground).await;
    let door = app.native("a").await;

    let (ada, bob) = (app.resident(&door, ADA).await, app.resident(&door, "bob@example.com").await);

    let (one, other) = (app.hash_of(ada), app.hash_of(bob));
    assert!(one.starts_with("$argon2id$v=19$m=") && one != other, "{one}");
    let defaults = Config::defaults(Environment::Production).hashing;
    assert!(defaults.memory_kib.get() >= 19_456 && defaults.passes.get() >= 2);
    assert!(!app.letters().iter().any(|letter| format!("{letter:?}").contains(RIGHT)));
}

/// bcrypt, cost 4, of `RIGHT`.
fn foreign() -> String {
    bcrypt::hash(RIGHT, 4).unwrap()
}

async fn pw_7_an_imported_hash_becomes_ours_at_the_first_login(ground: Ground) {
    let app = start(ground).await;
    let door = app.native("a").await;
    let ada = app.settle(&door, imported(ADA, Some(foreign()))).await;

    let wrong = app.login(&door, ADA, OTHER).await;
    let (kept, right) = (app.hash_of(ada), app.login(&door, ADA, RIGHT).await);

    assert_eq!((wrong.status.as_u16(), right.status.as_u16()), (401, 200));
    assert!(kept.starts_with("$2b$") && app.hash_of(ada).starts_with("$argon2id$"));
    assert_eq!(app.login(&door, ADA, RIGHT).await.status, 200);
}

async fn pw_7_a_hash_that_asks_for_too_much_is_not_imported(ground: Ground) {
    let app = start(ground).await;
    let door = app.native("a").await;
    let greedy =
        "$argon2id$v=19$m=4194304,t=2,p=1$c2FsdHNhbHRzYWx0c2E$aGFzaGhhc2hoYXNoaGFzaGhhc2hoYXNoaGFzaGhhc2g";

    let people = vec![imported("greedy@example.com", Some(greedy.into())), imported(ADA, Some(foreign()))];
    let outcomes = import(&app.scope(door.tenant).await, people).await.unwrap();

    assert!(matches!(outcomes[..], [Outcome::Refused(_), Outcome::Made(_)]), "{outcomes:?}");
}

/// A login during whose hash something happens.
async fn meanwhile(ground: Ground, happens: impl FnOnce(&App, doorward::base::UserId)) -> Reply {
    let mut slow = quiet(&ground);
    slow.hashing.memory_kib = 131_072.try_into().unwrap();
    slow.hashing.passes = 10.try_into().unwrap();
    let app = App::with(ground, slow).await;
    let door = app.native("a").await;
    let ada = app.resident(&door, ADA).await;
    let counts = app.running.house.hasher.counts();
    let during = async {
        while counts.in_flight() == 0 {
            tokio::time::sleep(std::time::Duration::from_millis(1)).await;
        }
        happens(&app, ada);
        assert_eq!(counts.in_flight(), 1, "the hash was over too soon");
    };
    let (reply, ()) = tokio::join!(app.login(&door, ADA, RIGHT), during);
    reply
}

const WRONG: &str = "authPasswordBased.login.invalidEmailPasswordCombination";

async fn who_is_disabled_while_hashing_gets_no_session(ground: Ground) {
    let reply = meanwhile(ground, |app, ada| app.disable(ada)).await;

    assert_eq!((reply.status.as_u16(), reply.key()), (401, WRONG), "{}", reply.text);
}

/// The password is right, and what they hold is asked at each of their requests.
async fn whose_roles_change_while_hashing_comes_in_all_the_same(ground: Ground) {
    let demote = |app: &App, ada| {
        let theirs = memberships::table.filter(memberships::user_id.eq(ada));
        let raised = diesel::update(theirs).set(memberships::epoch.eq(memberships::epoch + 1));
        assert_eq!(raised.execute(&mut app.ground.connect()), Ok(1));
    };

    assert_eq!(meanwhile(ground, demote).await.status, 200);
}

async fn who_gets_a_new_password_while_hashing_gets_no_session(ground: Ground) {
    use doorward::db::schema::password_logins as logins;
    let change = |app: &App, ada| {
        let row = diesel::update(logins::table.find(ada))
            .set((logins::password_hash.eq(foreign()), logins::changed_at.eq(Timestamp::EPOCH)));
        assert_eq!(row.execute(&mut app.ground.connect()), Ok(1));
    };

    let reply = meanwhile(ground, change).await;

    assert_eq!((reply.status.as_u16(), reply.key()), (401, WRONG), "{}", reply.text);
}

/// The first of them writes the hash anew, and the password that the other one has checked is still the same.
async fn two_logins_that_bring_a_hash_up_to_date_at_once_are_let_in(ground: Ground) {
    let app = start(ground).await;
    let door = app.native("a").await;
    app.settle(&door, imported(ADA, Some(foreign()))).await;

    let replies = futures_util::future::join_all((0..2).map(|_| app.login(&door, ADA, RIGHT))).await;

    let told: Vec<u16> = replies.iter().map(|reply| reply.status.as_u16()).collect();
    assert_eq!(told, [200; 2]);
}

async fn ses_2_a_planted_cookie_is_never_adopted(ground: Ground) {
    let app = start(ground).await;
    let door = app.browser("a").await;
    app.resident(&door, ADA).await;
    let first = app.login(&door, ADA, RIGHT).await.cookie("__Host-dw-a-web").unwrap();

    let again =
        app.request(&door, reqwest::Method::POST, LOGIN).header("cookie", format!("__Host-dw-a-web={first}"));
    let again = Reply::of(again.json(&json!({ "email": ADA, "password": RIGHT }))).await;

    let second = again.cookie("__Host-dw-a-web").unwrap();
    assert_ne!(session_of(&first), session_of(&second));
    let live = sessions::table.filter(sessions::revoked_at.is_null()).count();
    assert_eq!(live.get_result::<i64>(&mut app.ground.connect()), Ok(2));
}

/// The part of a refresh token that names its session.
fn session_of(token: &str) -> Vec<u8> {
    let bytes = URL_SAFE_NO_PAD.decode(token.strip_prefix("dwr_1_").unwrap()).unwrap();
    bytes[..16].to_vec()
}

async fn a_new_place_is_told_by_mail_and_a_known_one_is_not(ground: Ground) {
    let mut behind = quiet(&ground);
    behind.proxies.trusted = vec!["127.0.0.1/32".parse().unwrap()];
    let app = App::with(ground, behind).await;
    let door = app.native("a").await;
    app.resident(&door, ADA).await;
    let from = async |address: &str| {
        let request = app.request(&door, reqwest::Method::POST, LOGIN).header("x-forwarded-for", address);
        Reply::of(request.json(&json!({ "email": ADA, "password": RIGHT }))).await
    };

    let (home, near) = (from("192.0.2.1").await, from("192.0.2.77").await);
    let before = app.mails().len();
    let away = from("198.51.100.9").await;

    assert_eq!((home.status.as_u16(), near.status.as_u16(), away.status.as_u16()), (200, 200, 200));
    assert_eq!((before, app.mails()), (0, vec!["sessions/new_device"]));
}
