//! People, roles and keys by command.

use diesel::prelude::*;
use doorward::base::Timestamp;
use doorward::db::schema::login_identifiers as i;
use doorward::identity::{Tenant, User};

use crate::ground::Ground;
use crate::ground::binary::Installation;
use crate::ground::on_both;

on_both!(
    a_role_is_granted_and_taken_but_not_from_the_last_admin,
    somebody_is_disabled_and_let_in_again,
    an_owner_is_invited_by_a_link_that_is_shown_once,
    keys_are_published_before_they_sign_and_a_revoked_one_is_gone,
    jobs_are_listed_and_only_a_dead_one_is_retried,
);

/// The tenants `a` and `b`, and two people in `a`.
async fn town(ground: &Ground) -> Installation {
    let installation = Installation::on(ground);
    installation.write("config/tenants.toml", &["a", "b"].map(tenant).concat());
    assert_eq!(installation.run(&["tenants", "apply", "--yes"]).code, 0);
    settle(ground, "ada@example.com");
    settle(ground, "bob@example.com");
    installation
}

fn tenant(name: &str) -> String {
    format!(
        "[[tenants]]\nname = '{name}'\ndisplay_name = '{name}'\npublic_url = {{ test = 'http://{name}.localhost' }}\n\
         [[tenants.clients]]\npublic_id = '{name}-web'\nname = 'Web'\nkind = 'browser'\ndefault = true\n"
    )
}

/// A person of the tenant `a`, who is called by an address.
fn settle(ground: &Ground, email: &str) {
    let mut conn = ground.connect();
    let tenant = Tenant::named(&mut conn, "a").unwrap().unwrap();
    let user = User::new(tenant.id, None, None, Timestamp(1_795_348_800_000_000));
    user.insert(&mut conn).unwrap();
    let row = (i::tenant_id.eq(tenant.id), i::kind.eq("email"), i::value.eq(email), i::user_id.eq(user.id));
    diesel::insert_into(i::table)
        .values((row, i::created_at.eq(user.created_at)))
        .execute(&mut conn)
        .unwrap();
}

async fn a_role_is_granted_and_taken_but_not_from_the_last_admin(ground: Ground) {
    let installation = town(&ground).await;
    let users = |words: &[&str]| installation.run(&[&["users"], words, &["--tenant", "a"]].concat());

    let granted = users(&["grant", "Ada@Example.com", "admin"]);
    let again = users(&["grant", "ada@example.com", "admin"]);
    let last = users(&["revoke", "ada@example.com", "admin"]);
    users(&["grant", "bob@example.com", "admin"]);
    let taken = users(&["revoke", "ada@example.com", "admin"]);
    let listed = users(&["list"]);

    assert_eq!(granted.out, "Ada@Example.com has admin in a\n", "{granted:?}");
    assert_eq!(again.out, "nothing to do: had it already\n");
    assert!(last.code == 1 && last.err.contains("last admin"), "{last:?}");
    assert_eq!(taken.out, "ada@example.com no longer has admin in a\n", "{taken:?}");
    assert!(
        listed.out.lines().any(|line| line.contains("bob@example.com  -     active  admin")),
        "{}",
        listed.out
    );
    assert!(users(&["grant", "eve@example.com", "admin"]).err.contains("Nobody logs in with this address"));
    assert!(users(&["grant", "bob@example.com", "king"]).err.contains("no such role. It has: admin."));
}

async fn somebody_is_disabled_and_let_in_again(ground: Ground) {
    let installation = town(&ground).await;
    let users =
        |word: &str, tenant: &str| installation.run(&["users", word, "ada@example.com", "--tenant", tenant]);

    let disabled = users("disable", "a");
    let listed = installation.run(&["users", "list", "--tenant", "a", "--json"]);
    assert_eq!(users("unlock", "a").out, "nothing to do: no guess was counted\n");
    let (again, enabled) = (users("disable", "a"), users("enable", "a"));

    assert_eq!(disabled.out, "ada@example.com is disabled, their sessions are ended\n", "{disabled:?}");
    let listed: serde_json::Value = serde_json::from_str(&listed.out).unwrap();
    assert_eq!(
        (&listed[0]["state"], &listed[1]["state"]),
        (&"disabled".into(), &"active".into()),
        "{listed}"
    );
    assert_eq!(again.out, "nothing to do: was disabled already\n");
    assert_eq!(enabled.out, "ada@example.com may log in again\n");
    assert!(users("disable", "b").err.contains("Nobody logs in with this address"));
    assert!(users("disable", "nowhere").err.contains("There is no tenant called \"nowhere\""));
}

async fn an_owner_is_invited_by_a_link_that_is_shown_once(ground: Ground) {
    let installation = town(&ground).await;

    let invited =
        installation.run(&["users", "invite", "eve@example.com", "--tenant", "a", "--role", "admin"]);
    let wrong = installation.run(&["users", "invite", "eve", "--tenant", "a"]);
    let mails = installation.run(&["mail", "list"]);

    assert!(
        invited.out.starts_with("http://a.localhost/") && invited.out.lines().count() == 1,
        "{invited:?}"
    );
    assert!(invited.err.contains("makes eve@example.com admin of a, once"), "{invited:?}");
    assert_eq!(wrong.code, 1, "{wrong:?}");
    assert!(mails.out.contains("mail.send"), "{mails:?}");
}

async fn keys_are_published_before_they_sign_and_a_revoked_one_is_gone(ground: Ground) {
    let installation = town(&ground).await.with("DOORWARD_LIFETIMES__JWKS", "1");
    let keys = |words: &[&str]| installation.run(&[&["keys"], words, &["--tenant", "b"]].concat());

    let none = keys(&["list"]);
    let published = keys(&["rotate"]);
    let id = published.out.split(' ').next().unwrap().to_owned();
    let early = Installation::on(&ground).run(&["keys", "rotate", "--tenant", "b"]);
    tokio::time::sleep(std::time::Duration::from_millis(2100)).await;
    let activated = keys(&["rotate"]);
    let revoked = keys(&["revoke", &id]);
    let again = keys(&["revoke", &id]);

    assert_eq!(none.out, "no key yet: the first login makes it\n", "{none:?}");
    assert!(published.out.contains(" is published; from "), "{published:?}");
    assert!(early.out.starts_with(&format!("{id} is published; from ")), "it signs too early: {early:?}");
    assert_eq!(activated.out, format!("{id} signs now\n"), "{activated:?}");
    assert!(revoked.out.contains(" is revoked; "), "{revoked:?}");
    assert!(again.code == 1 && again.err.contains("no such key"), "{again:?}");
}

async fn jobs_are_listed_and_only_a_dead_one_is_retried(ground: Ground) {
    let installation = town(&ground).await;
    installation.run(&["users", "invite", "eve@example.com", "--tenant", "a"]);

    let listed = installation.run(&["jobs", "list", "--state", "queued", "--name", "mail.send", "--json"]);
    let none = installation.run(&["jobs", "list", "--state", "dead"]);
    let unknown = installation.run(&["jobs", "retry", "0199aaaa-aaaa-7aaa-8aaa-aaaaaaaaaaaa"]);
    let all = installation.run(&["jobs", "retry", "--all"]);

    let listed: serde_json::Value = serde_json::from_str(&listed.out).unwrap();
    assert_eq!(listed.as_array().unwrap().len(), 1, "{listed}");
    assert_eq!((none.out.as_str(), all.out.as_str()), ("there are none\n", "0 dead jobs run again\n"));
    assert!(unknown.code == 1 && unknown.err.contains("no dead or waiting job"), "{unknown:?}");
}
