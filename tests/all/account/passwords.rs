//! What may become a password, wherever one is set, and that it stands nowhere afterwards.

use diesel::prelude::*;
use diesel::sql_types::Text;
use doorward::db::DbConn;
use doorward::db::schema::{login_identifiers, password_logins};
use doorward::identity::tenant::TenantSettings;
use doorward::identity::{Scope, Tenant, User};
use serde_json::{Value, json};

use super::{House, NEW, token};
use crate::ground::app::{Door, Reply};
use crate::ground::people::PASSWORD;
use crate::ground::{Ground, Kind, on_both};

on_both!(
    pw_1_eight_characters_do_where_a_second_factor_is_asked_of_everybody_and_fifteen_elsewhere,
    pw_1_a_tenant_raises_the_floor_and_lowers_it_never,
    pw_4_two_hundred_common_passwords_are_refused_wherever_one_is_set,
    pw_4_what_is_known_of_a_person_is_refused_wherever_one_is_set,
    pw_6_no_password_stands_anywhere_in_the_database,
    pw_9_a_link_that_an_admin_sent_sets_a_password_once_and_opens_nothing_else,
    a_password_counts_at_another_tenant_only_if_both_list_each_other,
);

const ADA: &str = "ada@example.com";

async fn settle(house: &House, door: &Door, bend: impl Fn(&mut TenantSettings) + Send + 'static) {
    let tenant = door.tenant;
    let scope = Scope::of_house(house.app.running.house.clone(), None);
    let edited = scope.write(move |tx| {
        let tenant = Tenant::find(tx.conn, tenant)?.unwrap();
        let mut wanted = doorward::tenancy::entity::described(tx.conn)?.remove(&tenant.name).unwrap();
        bend(&mut wanted.settings);
        doorward::tenancy::steps::edit(tx, &tenant, &wanted)
    });
    edited.await.unwrap();
}

/// Every way in which a password is set, each ready to be tried: none is used up by a password that is not taken.
struct Ways<'a> {
    house: &'a House,
    door: Door,
    access: String,
    verify: String,
    reset: String,
    invitation: String,
}

impl<'a> Ways<'a> {
    const ALL: [&'static str; 5] =
        ["sign-up", "verify-email", "reset-password", "update-password", "invitation"];

    async fn open(house: &'a House, door: &Door) -> Self {
        house.app.person(door, ADA).await;
        // Somebody else: a reset ends sessions, and a change ends resets.
        let eve = house.app.person(door, "eve@example.com").await;
        house.app.promote(door, eve).await;
        let access = house.app.session(door, eve).await.access;
        house.forgot(door, ADA).await;
        let reset = token(&house.mail(ADA).await);
        house.sign_up(door, "new@example.com").await;
        let verify = token(&house.mail("new@example.com").await);
        let body = json!({ "email": "guest@example.com", "roles": [] });
        house.app.post_as(door, &access, "/api/v1/auth/invitation", body).await;
        let invitation = token(&house.mail("guest@example.com").await);
        Self { house, door: door.clone(), access, verify, reset, invitation }
    }

    async fn set(&self, way: &str, password: &str) -> Reply {
        let (house, door) = (self.house, &self.door);
        match way {
            "sign-up" => {
                house.post(door, way, json!({ "email": "ada.two@example.com", "password": password })).await
            }
            "verify-email" => {
                house.post(door, way, json!({ "verifyToken": self.verify, "password": password })).await
            }
            "reset-password" => {
                house.post(door, way, json!({ "resetToken": self.reset, "password": password })).await
            }
            "update-password" => {
                let path = "/auth/password-based/update-password";
                house.app.post_as(door, &self.access, path, json!({ "password": password })).await
            }
            _ => {
                let body = json!({ "token": self.invitation, "password": password, "name": "Guest" });
                house.app.post(door, "/api/v1/auth/invitation/accept", body).await
            }
        }
    }
}

fn why(reply: &Reply) -> (u16, &str) {
    (reply.status.as_u16(), reply.json["errors"]["$.password"]["key"].as_str().unwrap_or(""))
}

async fn pw_1_eight_characters_do_where_a_second_factor_is_asked_of_everybody_and_fifteen_elsewhere(
    ground: Ground,
) {
    let house = House::start(ground).await;
    let (alone, second) = (house.app.native("a").await, house.app.native("b").await);
    settle(&house, &second, |settings| settings.email_code = true).await;
    // The accent is a character of its own until it is composed; the fox is one of four bytes.
    let long = ["qz7 vR2 \u{1f98a}k9 we\u{301}", "qz7 vR2 \u{1f98a}k9 we\u{301}t"];
    let short = ["q7\u{1f98a}vRe\u{301}", "q7\u{1f98a}vRe\u{301}#x"];

    for (door, [few, enough]) in [(&alone, long), (&second, short)] {
        let ways = Ways::open(&house, door).await;
        for way in Ways::ALL {
            assert_eq!(why(&ways.set(way, few).await), (422, "validator.length"), "{way} {few}");
        }
        for way in Ways::ALL {
            let set = ways.set(way, enough).await;
            assert!(set.status.is_success(), "{way} {enough}: {}", set.text);
        }
        assert!(house.mail(ADA).await.subject().ends_with("was changed"));
    }
}

async fn pw_1_a_tenant_raises_the_floor_and_lowers_it_never(ground: Ground) {
    let house = House::start(ground).await;
    let (strict, lax) = (house.app.native("a").await, house.app.native("b").await);
    settle(&house, &strict, |settings| settings.password_minimum = Some(20)).await;
    settle(&house, &lax, |settings| settings.password_minimum = Some(8)).await;
    let set = async |door: &Door, password: &str| {
        let body = json!({ "email": "eve@example.com", "password": password });
        house.post(door, "sign-up", body).await.status.as_u16()
    };

    assert_eq!(set(&strict, "qz7 vR2 k9 w#tLp4 u").await, 422);
    assert_eq!(set(&strict, "qz7 vR2 k9 w#tLp4 uN").await, 202);
    assert_eq!((set(&lax, "qz7 vR2 k9 w#t").await, set(&lax, "qz7 vR2 k9 w#tL").await), (422, 202));
}

async fn pw_4_two_hundred_common_passwords_are_refused_wherever_one_is_set(ground: Ground) {
    let house = House::start(ground).await;
    let door = house.app.native("a").await;
    // Where eight characters are enough the list itself decides.
    settle(&house, &door, |settings| settings.email_code = true).await;
    let ways = Ways::open(&house, &door).await;
    let list = include_str!("../../../assets/common-passwords.txt");
    let fitting: Vec<&str> = list.lines().filter(|word| word.len() >= 8).collect();
    assert!(fitting.len() >= 10_000, "{}", fitting.len());

    for word in fitting.iter().step_by(fitting.len() / 200) {
        for way in Ways::ALL {
            let refused = ways.set(way, word).await;
            // A few are little more than a part of somebody's address, which is looked for first.
            let (status, key) = why(&refused);
            let known = ["validator.password.common", "validator.password.personal"].contains(&key);
            assert!(status == 422 && known, "{way} {word}: {}", refused.text);
        }
    }
    for way in Ways::ALL {
        assert!(ways.set(way, NEW).await.status.is_success(), "{way}: and used nothing up");
    }
}

async fn pw_4_what_is_known_of_a_person_is_refused_wherever_one_is_set(ground: Ground) {
    let house = House::start(ground).await;
    let door = house.app.native("a").await;
    let ways = Ways::open(&house, &door).await;

    for way in Ways::ALL {
        let refused = ways.set(way, "Tenant a Tenant a 26").await;
        assert_eq!(why(&refused), (422, "validator.password.personal"), "{way}: {}", refused.text);
    }
    let own = [
        ("sign-up", "ada.two@example.com!"),
        ("reset-password", "ada@example.com ADA"),
        ("update-password", "eve@example.com EVE"),
    ];
    for (way, password) in own
        .into_iter()
        .chain([("verify-email", "new@example.com 2026"), ("invitation", "guest@example.com 26")])
    {
        let refused = ways.set(way, password).await;
        assert_eq!(why(&refused), (422, "validator.password.personal"), "{way}: {}", refused.text);
    }
}

#[derive(QueryableByName)]
struct Line {
    #[diesel(sql_type = Text)]
    text: String,
}

/// All that stands in the database: the files themselves, or every row of every table.
fn everything(ground: &Ground) -> Vec<u8> {
    if ground.kind == Kind::Sqlite {
        let path = ground.url().trim_start_matches("sqlite://").to_owned();
        let files = ["", "-wal"].map(|end| std::fs::read(format!("{path}{end}")).unwrap_or_default());
        return files.concat();
    }
    let DbConn::Pg(mut pg) = ground.connect() else { panic!("two databases") };
    let names =
        "SELECT table_name::text AS text FROM information_schema.tables WHERE table_schema = 'public'";
    let names: Vec<Line> = diesel::sql_query(names).load(&mut pg).unwrap();
    let rows = names.into_iter().flat_map(|name| {
        let rows = format!("SELECT t::text AS text FROM \"{}\" t", name.text);
        diesel::sql_query(rows).load::<Line>(&mut pg).unwrap()
    });
    rows.flat_map(|row| row.text.into_bytes()).collect()
}

fn holds(all: &[u8], needle: &str) -> bool {
    let hex: String = needle.bytes().map(|byte| format!("{byte:02x}")).collect();
    [needle, &hex].iter().any(|needle| all.windows(needle.len()).any(|part| part == needle.as_bytes()))
}

async fn pw_6_no_password_stands_anywhere_in_the_database(ground: Ground) {
    let house = House::start(ground).await;
    let door = house.app.native("a").await;
    let ways = Ways::open(&house, &door).await;
    let secrets = Ways::ALL.map(|way| format!("{way} walnut drizzle 53 canopy"));
    for (way, password) in Ways::ALL.iter().zip(&secrets) {
        let set = ways.set(way, password).await;
        assert!(set.status.is_success(), "{way}: {}", set.text);
        house.post(&door, "login", json!({ "email": ADA, "password": password })).await;
    }

    let all = everything(&house.app.ground);

    assert!(holds(&all, ADA), "the search finds what does stand there");
    for secret in
        secrets.iter().map(String::as_str).chain([NEW, PASSWORD, &ways.reset, &ways.verify, &ways.invitation])
    {
        assert!(!holds(&all, secret), "{secret}");
    }
    house.settled().await;
    let hashes = password_logins::table.select(password_logins::password_hash.assume_not_null());
    let hashes: Vec<String> = hashes.load(&mut house.app.ground.connect()).unwrap();
    assert!(hashes.len() >= 2 && hashes.iter().all(|hash| is_argon2id(hash)), "{hashes:?}");
}

/// `$argon2id$v=19$m=…,t=…,p=1$` with a salt of sixteen bytes, as 22 letters without padding.
fn is_argon2id(hash: &str) -> bool {
    let parts: Vec<&str> = hash.split('$').collect();
    matches!(parts[..], ["", "argon2id", "v=19", cost, salt, _] if cost.starts_with("m=") && salt.len() == 22)
}

async fn pw_9_a_link_that_an_admin_sent_sets_a_password_once_and_opens_nothing_else(ground: Ground) {
    let house = House::start(ground).await;
    let door = house.app.native("a").await;
    let boss = house.app.person(&door, "boss@example.com").await;
    house.app.promote(&door, boss).await;
    let admin = house.app.session(&door, boss).await;
    let bob = house.app.person(&door, "bob@example.com").await;
    let path = format!("/api/v1/auth/user/{bob}/one-time-password");
    let sent = house.app.post_as(&door, &admin.access, &path, json!({})).await;
    let mail = house.mail("bob@example.com").await;
    let token = token(&mail);
    assert_eq!(sent.status, 200, "{}", sent.text);
    assert!(!sent.text.contains(&token) && !sent.text.contains(&mail.code()), "{}", sent.text);

    for (event, member) in
        [("verify-email", "verifyToken"), ("confirm-email", "token"), ("undo-email", "token")]
    {
        assert_eq!(house.post(&door, event, json!({ member: token })).await.status, 401, "{event}");
    }
    let login = json!({ "email": "bob@example.com", "password": token });
    assert_eq!(house.post(&door, "login", login).await.status, 401);
    assert_eq!(house.app.get_as(&door, &token, "/auth/me").await.status, 401);
    let reset = |password: &str| {
        house.post(&door, "reset-password", json!({ "resetToken": token, "password": password }))
    };
    let (first, second) = (reset(NEW).await, reset("another-lantern-47-orbit-kettle").await);

    assert_eq!((first.status.as_u16(), second.status.as_u16()), (200, 401), "{}", first.text);
    let login = house.post(&door, "login", json!({ "email": "bob@example.com", "password": NEW })).await;
    assert_eq!((login.status.as_u16(), &login.json["session"]["next"]), (200, &json!(null)));
}

async fn a_password_counts_at_another_tenant_only_if_both_list_each_other(ground: Ground) {
    let house = House::start(ground).await;
    let (a, b) = (house.app.native("a").await, house.app.native("b").await);
    let user = house.app.person(&a, ADA).await;
    let (tenant, scope) = (b.tenant, Scope::of_house(house.app.running.house.clone(), None));
    let joined = scope.write(move |tx| {
        use login_identifiers as i;
        User::join(tx.conn, tenant, user, tx.now)?;
        let named = (i::tenant_id.eq(tenant), i::kind.eq("email"), i::value.eq(ADA), i::user_id.eq(user));
        Ok(diesel::insert_into(i::table).values((named, i::created_at.eq(tx.now))).execute(tx.conn)?)
    });
    joined.await.unwrap();
    let login = || house.post(&b, "login", json!({ "email": ADA, "password": PASSWORD }));
    let neither = login().await;
    settle(&house, &b, |settings| settings.sign_in_at = vec!["a".into()]).await;
    let one = login().await;
    settle(&house, &a, |settings| settings.sign_in_at = vec!["b".into()]).await;
    let both = login().await;

    assert_eq!(
        (neither.status.as_u16(), one.status.as_u16(), both.status.as_u16()),
        (401, 401, 200),
        "{}",
        both.text
    );
    assert_eq!((one.key(), both.says("tenantId")), (neither.key(), ""));
    let me = house.app.get_as(&b, both.says("accessToken"), "/auth/me").await;
    assert_eq!(me.json["user"]["id"], json!(user), "{}", me.text);
    let boss = house.app.person(&b, "boss@example.com").await;
    house.app.promote(&b, boss).await;
    let admin = house.app.session(&b, boss).await;
    let listed = house.app.post_as(&b, &admin.access, "/auth/list-users", json!({})).await;
    let ids: Vec<&Value> =
        listed.json["users"].as_array().unwrap().iter().map(|shown| &shown["id"]).collect();
    assert!(ids.contains(&&json!(user)), "{}", listed.text);
    settle(&house, &a, |settings| settings.sign_in_at = Vec::new()).await;
    assert_eq!(login().await.status, 401);
}
