//! Names that people and devices go by: what nobody sees may not stand in them.

use serde_json::json;

use super::{House, NEW};
use crate::ground::people::PASSWORD;
use crate::ground::{Ground, on_both};

on_both!(
    inj_7_a_name_of_a_person_holds_nothing_invisible,
    inj_7_a_name_of_a_device_holds_nothing_invisible,
    names_of_every_script_are_taken,
);

const HIDDEN: [&str; 9] = [
    "Eve\r\nBcc: x",
    "\u{202e}evil",
    "a\u{2066}b",
    "Ada\u{200b}",
    "\u{feff}Ada",
    "A\u{ad}da",
    "a\u{e0041}b",
    "\u{200d}Ada",
    "A\u{301}\u{301}\u{301}\u{301}\u{301}\u{301}\u{301}\u{301}\u{301}",
];

const SEEN: [&str; 7] = [
    "Zoë van der Bërg",
    "O’Neill-Смирнова",
    "नक्\u{200d}षत्र",
    "می\u{200c}خواهم",
    "李小龍",
    "Nguyễn Thị",
    "E\u{301}\u{323}va",
];

async fn inj_7_a_name_of_a_person_holds_nothing_invisible(ground: Ground) {
    let house = House::start(ground).await;
    let door = house.app.native("a").await;
    let user = house.app.person(&door, "ada@example.com").await;
    let ada = house.app.session(&door, user).await;

    for name in HIDDEN {
        let body = json!({ "email": "new@example.com", "password": NEW, "name": name });
        let new = house.post(&door, "sign-up", body).await;
        let request =
            house.app.request(&door, reqwest::Method::PATCH, "/api/v1/auth/me").bearer_auth(&ada.access);
        let request = request.json(&json!({ "name": name }));
        let renamed = crate::ground::app::Reply::of(request).await;
        for reply in [new, renamed] {
            assert_eq!(reply.status, 422, "{name:?}: {}", reply.text);
            assert!(reply.json["errors"]["$.name"].is_object(), "{}", reply.text);
        }
    }
}

async fn inj_7_a_name_of_a_device_holds_nothing_invisible(ground: Ground) {
    let house = House::start(ground).await;
    let door = house.app.native("a").await;
    house.app.person(&door, "ada@example.com").await;

    for name in HIDDEN {
        let device = json!({ "platform": "other", "name": name });
        let body = json!({ "email": "ada@example.com", "password": PASSWORD, "device": device });
        let reply = house.post(&door, "login", body).await;
        assert_eq!(reply.status, 422, "{name:?}: {}", reply.text);
        assert!(reply.json["errors"]["$.device.name"].is_object(), "{}", reply.text);
    }
}

async fn names_of_every_script_are_taken(ground: Ground) {
    let house = House::start(ground).await;
    let door = house.app.native("a").await;

    for name in SEEN {
        let body = json!({ "email": "new@example.com", "password": NEW, "name": name });
        assert_eq!(house.post(&door, "sign-up", body).await.status, 202, "{name}");
    }
}
