//! The machine's clock is set while a server serves: forward and back, by as much as the seed says. The long form, with
//! the real program, is `faults::clock`.

use std::time::Duration;

use diesel::prelude::*;
use doorward::base::Timestamp;
use doorward::db::schema::{guess_counters, password_logins, sessions};
use doorward::db::tx::Work;
use serde_json::{Value, json};

use crate::account::{House, NEW, token};
use crate::ground::app::{App, Door, config};
use crate::ground::chance::Chance;
use crate::ground::people::{Holder, PASSWORD};
use crate::ground::work::{idle, until};
use crate::ground::{Ground, on_both};

on_both!(
    what_had_ended_stays_ended_when_the_clock_is_set_back,
    what_was_made_while_the_clock_was_ahead_lives_and_waits_as_long_as_ever,
    a_clock_that_is_set_back_empties_nobodys_budget,
    a_token_from_before_the_clock_was_set_back_is_to_be_refreshed,
);

const DAY: u64 = 24 * 3600;
const LOGIN: &str = "/auth/password-based/login";

/// So many seconds ahead of where it is, or behind.
fn jump(app: &App, seconds: i64) {
    app.clock.set(Timestamp(app.clock.now().0 + seconds * 1_000_000));
}

async fn settled(app: &App) {
    until("the earlier time holds", async || app.clock.is_behind().is_none()).await;
}

/// By any way that is there, each with what it is good for.
struct Held {
    holder: Holder,
    pending: String,
    link: String,
    code: Value,
}

impl Held {
    async fn of(house: &House, door: &Door) -> Self {
        let app = &house.app;
        let user = app.person(door, "ada@example.com").await;
        let holder = app.session(door, user).await;
        let row = diesel::update(password_logins::table.find(user));
        row.set(password_logins::otp_enabled_at.eq(app.clock.now()))
            .execute(&mut app.ground.connect())
            .unwrap();
        let login = json!({ "email": "ada@example.com", "password": PASSWORD });
        let pending = app.post(door, LOGIN, login).await.says("accessToken").to_owned();
        house.mail("ada@example.com").await;
        let asked = house.forgot(door, "ada@example.com").await;
        let mail = house.mail("ada@example.com").await;
        let request = asked.says("requestId");
        let code =
            json!({ "email": "ada@example.com", "requestId": request, "code": mail.code(), "password": NEW });
        Self { holder, pending, link: token(&mail), code }
    }

    async fn statuses(&self, house: &House, door: &Door) -> [u16; 5] {
        let app = &house.app;
        let resend = "/api/v1/auth/password-based/resend-otp";
        let page = format!("/account/reset?token={}", self.link);
        let replies = [
            app.get_as(door, &self.holder.access, "/auth/me").await,
            app.refresh(door, &self.holder.refresh).await,
            app.post_as(door, &self.pending, resend, json!({})).await,
            app.get(door, &page).await,
            house.post(door, "reset-password", self.code.clone()).await,
        ];
        replies.map(|reply| reply.status.as_u16())
    }
}

async fn what_had_ended_stays_ended_when_the_clock_is_set_back(ground: Ground) {
    let mut chance = Chance::seeded("CLOCK_SEED");
    let house = House::start(ground).await;
    let door = house.app.native("a").await;
    let held = Held::of(&house, &door).await;
    let ahead = i64::try_from(31 * DAY + chance.next(3650 * DAY)).unwrap();

    jump(&house.app, ahead);
    assert_eq!(held.statuses(&house, &door).await, [401, 401, 401, 404, 401], "after {ahead} seconds");
    jump(&house.app, 60 - ahead);
    let at_once = held.statuses(&house, &door).await;
    settled(&house.app).await;
    let settled = held.statuses(&house, &door).await;

    let when = format!("CLOCK_SEED={}, {ahead} seconds", chance.seed());
    assert_eq!((at_once, settled), ([401, 401, 401, 404, 401], [401, 401, 401, 404, 401]), "{when}");
    let fresh = house.app.session(&door, held.holder.user).await;
    assert_eq!(house.app.get_as(&door, &fresh.access, "/auth/me").await.status, 200, "{when}");
}

async fn what_was_made_while_the_clock_was_ahead_lives_and_waits_as_long_as_ever(ground: Ground) {
    let mut chance = Chance::seeded("CLOCK_SEED");
    let app = App::with(ground.clone(), idle(&ground)).await;
    let door = app.native("a").await;
    let ada = app.person(&door, "ada@example.com").await;
    let ahead = i64::try_from(3600 + chance.next(3650 * DAY)).unwrap();
    jump(&app, ahead);
    let holder = app.session(&door, ada).await;
    for _ in 0..5 {
        app.post(&door, LOGIN, json!({ "email": "ada@example.com", "password": NEW })).await;
    }
    let soon = Some(app.clock.now() + Duration::from_secs(60));
    app.enqueue(None, vec![Work { scheduled_at: soon, ..Work::job("test.later", json!({})) }]).await;

    jump(&app, -ahead);
    settled(&app).await;

    let when = format!("CLOCK_SEED={}, {ahead} seconds", chance.seed());
    let (now, mut conn) = (app.clock.now(), ground.connect());
    let job = app.jobs("test.later").remove(0);
    assert!(job.scheduled_at <= now + Duration::from_secs(60), "{when}: {job:?}");
    let ends = sessions::table.select((sessions::idle_expires_at, sessions::absolute_expires_at));
    let (idle, absolute): (Timestamp, Timestamp) = ends.get_result(&mut conn).unwrap();
    assert!(idle > now && absolute > idle && absolute <= now + Duration::from_secs(30 * DAY), "{when}");
    let closed = guess_counters::table.select(diesel::dsl::max(guess_counters::blocked_until));
    let closed: Option<Timestamp> = closed.get_result(&mut conn).unwrap();
    assert!(closed.unwrap() <= now + Duration::from_secs(900), "{when}: {closed:?}");
    assert_eq!(app.refresh(&door, &holder.refresh).await.status, 200, "{when}");
}

async fn a_clock_that_is_set_back_empties_nobodys_budget(ground: Ground) {
    let mut config = config(&ground);
    config.limits.address_per_minute = 20.try_into().unwrap();
    let app = App::with(ground, config).await;
    let door = app.native("a").await;

    let mut served = 0;
    for at in 0..20 {
        if at == 10 {
            jump(&app, -86_400);
            settled(&app).await;
        }
        served += usize::from(app.get(&door, "/multitenant/current").await.status == 200);
    }

    assert_eq!(served, 20, "a jump took away what nobody had spent");
    assert_eq!(app.get(&door, "/multitenant/current").await.status, 429);
}

/// A client that is told so asks for another one, and nobody has to log in.
async fn a_token_from_before_the_clock_was_set_back_is_to_be_refreshed(ground: Ground) {
    let app = App::start(ground).await;
    let door = app.native("a").await;
    let ada = app.person(&door, "ada@example.com").await;
    let holder = app.session(&door, ada).await;

    jump(&app, -3600);
    settled(&app).await;
    let before = app.get_as(&door, &holder.access, "/auth/me").await;
    app.advance(20);
    let pair = app.refresh(&door, &holder.refresh).await;
    let after = app.get_as(&door, pair.says("accessToken"), "/auth/me").await;

    assert_eq!(
        (before.status.as_u16(), before.key()),
        (401, "sessionStore.verifyAndDecodeJWT.expiredToken"),
        "{}",
        before.text
    );
    assert_eq!((pair.status.as_u16(), after.status.as_u16()), (200, 200), "{}", pair.text);
}
