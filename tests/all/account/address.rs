//! A changed address, and taking the change back.

use serde_json::{Value, json};

use super::{House, NEW, token};
use crate::ground::app::{Door, Reply};
use crate::ground::people::{Holder, PASSWORD};
use crate::ground::{Ground, on_both};

on_both!(
    rst_10_an_address_changes_when_its_mailbox_proves_it_and_the_old_one_takes_it_back,
    rst_10_what_is_verified_cannot_be_said,
    a_taken_address_is_answered_as_a_free_one,
    an_old_login_needs_the_password,
    an_address_that_was_left_is_kept_for_its_owner,
    what_proved_the_old_address_proves_nothing_of_the_new_one,
);

async fn change(house: &House, door: &Door, holder: &Holder, body: Value) -> Reply {
    house.app.post_as(door, &holder.access, "/auth/password-based/update-email", body).await
}

async fn rst_10_an_address_changes_when_its_mailbox_proves_it_and_the_old_one_takes_it_back(ground: Ground) {
    let house = House::start(ground).await;
    let door = house.app.native("a").await;
    let user = house.app.person(&door, "old@example.com").await;
    let holder = house.app.session(&door, user).await;

    let asked =
        change(&house, &door, &holder, json!({ "email": "new@example.com", "password": PASSWORD })).await;
    let mail = house.mail("new@example.com").await;
    assert_eq!(
        (asked.status.as_u16(), house.meant(&door, "old@example.com")),
        (200, Some(user)),
        "{}",
        asked.text
    );
    let confirmed = house.post(&door, "confirm-email", json!({ "token": token(&mail) })).await;
    assert_eq!(confirmed.status, 200, "{}", confirmed.text);
    assert_eq!(
        (house.meant(&door, "old@example.com"), house.meant(&door, "new@example.com")),
        (None, Some(user))
    );

    house.app.advance(71 * 3600);
    let undo = token(&house.mail("old@example.com").await);
    let undone = house.post(&door, "undo-email", json!({ "token": undo })).await;

    assert_eq!(undone.status, 200, "{}", undone.text);
    assert_eq!(
        (house.meant(&door, "old@example.com"), house.meant(&door, "new@example.com")),
        (Some(user), None)
    );
    assert_eq!(house.app.refresh(&door, &holder.refresh).await.status, 401);
    assert!(!house.opens(user, PASSWORD).await, "whoever changed the address may know the password");
    let reset = token(&house.mail("old@example.com").await);
    let reset = house.post(&door, "reset-password", json!({ "resetToken": reset, "password": NEW })).await;
    assert_eq!(reset.status, 200, "{}", reset.text);
}

async fn rst_10_what_is_verified_cannot_be_said(ground: Ground) {
    let house = House::start(ground).await;
    let door = house.app.native("a").await;

    for member in ["verifiedAt", "emailVerified", "isVerified", "email_verified", "roles"] {
        let body = json!({ "email": "ada@example.com", "password": NEW, member: true });
        let reply = house.post(&door, "sign-up", body).await;
        assert_eq!(reply.status, 422, "{member}: {}", reply.text);
    }
}

async fn a_taken_address_is_answered_as_a_free_one(ground: Ground) {
    let house = House::start(ground).await;
    let door = house.app.native("a").await;
    let user = house.app.person(&door, "ada@example.com").await;
    let other = house.app.person(&door, "eve@example.com").await;
    let holder = house.app.session(&door, user).await;

    let taken = change(&house, &door, &holder, json!({ "email": "eve@example.com" })).await;
    let free = change(&house, &door, &holder, json!({ "email": "new@example.com" })).await;
    house.settled().await;

    assert_eq!((taken.status, taken.text.len()), (free.status, free.text.len()));
    assert_eq!(house.mail("eve@example.com").await.subject(), "You already have an account at Tenant a");
    assert_eq!(house.meant(&door, "eve@example.com"), Some(other));
}

async fn an_old_login_needs_the_password(ground: Ground) {
    let house = House::start(ground).await;
    let door = house.app.native("a").await;
    let user = house.app.person(&door, "ada@example.com").await;
    let holder = house.app.session(&door, user).await;

    let wrong = change(&house, &door, &holder, json!({ "email": "new@example.com", "password": NEW })).await;
    house.app.advance(601);
    let fresh = house.app.refresh(&door, &holder.refresh).await;
    let holder = Holder { access: fresh.says("accessToken").to_owned(), ..holder };
    let without = change(&house, &door, &holder, json!({ "email": "new@example.com" })).await;
    let with =
        change(&house, &door, &holder, json!({ "email": "new@example.com", "password": PASSWORD })).await;

    assert_eq!((wrong.status.as_u16(), wrong.key()), (401, "authPasswordBased.updateEmail.invalidPassword"));
    assert_eq!(
        (without.status.as_u16(), without.key()),
        (403, "authPasswordBased.updateEmail.passwordRequired")
    );
    assert_eq!(with.status, 200, "{}", with.text);
}

async fn an_address_that_was_left_is_kept_for_its_owner(ground: Ground) {
    let house = House::start(ground).await;
    let door = house.app.native("a").await;
    let user = house.app.person(&door, "old@example.com").await;
    let holder = house.app.session(&door, user).await;
    change(&house, &door, &holder, json!({ "email": "new@example.com" })).await;
    let proof = token(&house.mail("new@example.com").await);
    house.post(&door, "confirm-email", json!({ "token": proof })).await;
    let undo = token(&house.mail("old@example.com").await);

    house.sign_up(&door, "old@example.com").await;
    let told = house.mail("old@example.com").await;
    let undone = house.post(&door, "undo-email", json!({ "token": undo })).await;

    assert_eq!(told.subject(), "You already have an account at Tenant a");
    assert_eq!((undone.status.as_u16(), house.meant(&door, "old@example.com")), (200, Some(user)));
}

async fn what_proved_the_old_address_proves_nothing_of_the_new_one(ground: Ground) {
    let house = House::start(ground).await;
    let door = house.app.native("a").await;
    let user = house.app.person(&door, "old@example.com").await;
    let holder = house.app.session(&door, user).await;
    house.forgot(&door, "old@example.com").await;
    let reset = token(&house.mail("old@example.com").await);
    change(&house, &door, &holder, json!({ "email": "new@example.com" })).await;
    let proof = token(&house.mail("new@example.com").await);

    house.post(&door, "confirm-email", json!({ "token": proof })).await;
    let late = house.post(&door, "reset-password", json!({ "resetToken": reset, "password": NEW })).await;

    assert_eq!(late.status, 401);
    assert!(house.opens(user, PASSWORD).await);
}
