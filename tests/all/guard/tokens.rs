//! JWT-1…8: tokens forged with the tenant's own key, so that only their form can betray them.

use aws_lc_rs::hmac;
use aws_lc_rs::rand::SystemRandom;
use aws_lc_rs::signature::{ECDSA_P256_SHA256_FIXED_SIGNING, EcdsaKeyPair};
use base64::Engine;
use base64::engine::general_purpose::{STANDARD, URL_SAFE_NO_PAD};
use diesel::prelude::*;
use doorward::base::SessionId;
use doorward::db::schema::sessions;
use doorward::identity::token::{self, Kind};

use crate::ground::Ground;
use crate::ground::app::{App, Door, START};
use crate::ground::forge::{Forger, claim, with_signature};
use crate::ground::on_both;

on_both!(
    jwt_1_the_algorithm_comes_from_the_key_and_not_from_the_header,
    jwt_2_a_header_that_names_a_key_or_more_than_ours_is_refused,
    jwt_3_a_claim_of_another_type_is_refused_and_not_skipped,
    jwt_4_a_minute_of_leeway_is_too_much_and_none_revives_a_session,
    jwt_5_issuer_and_audience_are_compared_exactly,
    jwt_6_a_token_of_another_type_is_no_access_token,
    jwt_6_a_token_is_of_nobody_but_its_session_says_so,
    jwt_7_doubled_deep_and_large_tokens_are_refused_and_forgotten,
    jwt_8_signatures_at_the_edges_are_refused,
);

async fn forger(ground: Ground) -> (App, Door, Forger) {
    let app = App::start(ground).await;
    let door = app.native("a").await;
    let user = app.person(&door, "ada@a.example").await;
    let holder = app.session(&door, user).await;
    let forger = Forger::of(&app, &door, &holder.access);
    assert_eq!(status(&app, &door, &forger.with(&[])).await, 200, "the forger's own hand is good");
    (app, door, forger)
}

async fn status(app: &App, door: &Door, token: &str) -> u16 {
    app.get_as(door, token, "/session/list").await.status.as_u16()
}

async fn refused(app: &App, door: &Door, token: &str, what: &str) {
    assert_eq!(status(app, door, token).await, 401, "{what}");
}

fn spki(point: &[u8]) -> Vec<u8> {
    let head = b"\x30\x59\x30\x13\x06\x07\x2a\x86\x48\xce\x3d\x02\x01\x06\x08\x2a\x86\x48\xce\x3d\x03\x01\x07\x03\x42\x00";
    [head.as_slice(), point].concat()
}

/// The public key in every form in which somebody may have taken it for a shared secret.
fn public_forms(point: &[u8]) -> Vec<Vec<u8>> {
    let der = spki(point);
    let pem = format!("-----BEGIN PUBLIC KEY-----\n{}\n-----END PUBLIC KEY-----", STANDARD.encode(&der));
    let (x, y) = (URL_SAFE_NO_PAD.encode(&point[1..33]), URL_SAFE_NO_PAD.encode(&point[33..]));
    let jwk = format!(r#"{{"kty":"EC","crv":"P-256","x":"{x}","y":"{y}"}}"#);
    vec![point.to_vec(), der, pem.clone().into_bytes(), format!("{pem}\n").into_bytes(), jwk.into_bytes()]
}

async fn jwt_1_the_algorithm_comes_from_the_key_and_not_from_the_header(ground: Ground) {
    let (app, door, forger) = forger(ground).await;
    let body = URL_SAFE_NO_PAD.encode(forger.payload(&[]));

    for alg in ["none", "None", "nOnE", "NONE", "", "ES384", "ES512", "RS256", "PS256", "EdDSA", "es256"] {
        let header = forger.header().replace("ES256", alg);
        refused(&app, &door, &forger.token(&header, &forger.payload(&[])), alg).await;
        let unsigned = format!("{}.{body}.", URL_SAFE_NO_PAD.encode(&header));
        refused(&app, &door, &unsigned, alg).await;
    }
    for secret in public_forms(forger.public()) {
        let header = forger.header().replace("ES256", "HS256");
        let signed = format!("{}.{body}", URL_SAFE_NO_PAD.encode(&header));
        let tag = hmac::sign(&hmac::Key::new(hmac::HMAC_SHA256, &secret), signed.as_bytes());
        refused(&app, &door, &with_signature(&signed, tag.as_ref()), "HS256").await;
    }
    let made = EcdsaKeyPair::generate_pkcs8(&ECDSA_P256_SHA256_FIXED_SIGNING, &SystemRandom::new()).unwrap();
    let own = EcdsaKeyPair::from_pkcs8(&ECDSA_P256_SHA256_FIXED_SIGNING, made.as_ref()).unwrap();
    refused(&app, &door, &Forger { pair: own, ..forger }.with(&[]), "a key of their own").await;
}

async fn jwt_2_a_header_that_names_a_key_or_more_than_ours_is_refused(ground: Ground) {
    let (app, door, forger) = forger(ground).await;
    let extras = [
        r#""jku":"https://evil.example/jwks""#,
        r#""x5u":"https://evil.example/cert""#,
        r#""jwk":{"kty":"EC"}"#,
        r#""x5c":["MIIB"]"#,
        r#""crit":["exp"]"#,
        r#""crit":[]"#,
        r#""b64":false"#,
        r#""zip":"DEF""#,
        r#""cty":"JWT""#,
    ];
    let kid = forger.kid.to_string();
    let long = "k".repeat(10_000);
    let kids =
        ["../../etc/passwd", "' OR 1=1 --", "https://evil.example/key", "", &long, &kid.to_uppercase()];

    for extra in extras {
        let header = forger.header().replacen('{', &format!("{{{extra},"), 1);
        refused(&app, &door, &forger.token(&header, &forger.payload(&[])), extra).await;
    }
    for other in kids {
        let header = forger.header().replace(&kid, other);
        refused(&app, &door, &forger.token(&header, &forger.payload(&[])), other).await;
    }
    for header in [
        r#"{"typ":"at+jwt","alg":"ES256"}"#.to_owned(),
        forger.header().replace(&format!("\"{kid}\""), "5"),
        forger.header().replace(&format!("\"{kid}\""), "null"),
        "[]".to_owned(),
        String::new(),
    ] {
        refused(&app, &door, &forger.token(&header, &forger.payload(&[])), &header).await;
    }
}

async fn jwt_3_a_claim_of_another_type_is_refused_and_not_skipped(ground: Ground) {
    let (app, door, forger) = forger(ground).await;
    let numbers =
        ["\"1795348900\"", "1e400", "-1", "null", "[1795348900]", "{}", "true", "1795348900.5", "1e30"];
    let texts = ["5", "1e400", "-1", "null", "[]", "{}", "true", "\"\"", "[null]"];

    for claim in ["exp", "iat", "nbf"] {
        for value in numbers {
            refused(&app, &door, &forger.with(&[(claim, Some(value))]), &format!("{claim}: {value}")).await;
        }
    }
    for claim in ["iss", "aud", "sub", "tenant", "session", "client_id"] {
        for value in texts {
            refused(&app, &door, &forger.with(&[(claim, Some(value))]), &format!("{claim}: {value}")).await;
        }
    }
    for claim in ["exp", "iat", "iss", "aud", "sub", "tenant", "session", "client_id"] {
        refused(&app, &door, &forger.with(&[(claim, None)]), &format!("without {claim}")).await;
    }
}

async fn jwt_4_a_minute_of_leeway_is_too_much_and_none_revives_a_session(ground: Ground) {
    ground.leave_unsound("rows are bent by hand");
    let (app, door, forger) = forger(ground.clone()).await;
    let now = START.seconds();
    let at = |seconds: i64| (now + seconds).to_string();

    refused(&app, &door, &forger.with(&[("iat", Some(&at(-99))), ("exp", Some(&at(-61)))]), "-61 s").await;
    refused(&app, &door, &forger.with(&[("iat", Some(&at(61))), ("exp", Some(&at(99)))]), "+61 s").await;
    refused(&app, &door, &forger.with(&[("nbf", Some(&at(61)))]), "nbf +61 s").await;
    let just = forger.with(&[("iat", Some(&at(-99))), ("exp", Some(&at(-2)))]);
    assert_eq!(status(&app, &door, &just).await, 200);

    let ended = diesel::update(sessions::table).set(sessions::revoked_at.eq(START));
    ended.execute(&mut ground.connect()).unwrap();
    app.advance(2);
    refused(&app, &door, &just, "within the leeway, of a session that has ended").await;
}

async fn jwt_5_issuer_and_audience_are_compared_exactly(ground: Ground) {
    let (app, door, forger) = forger(ground).await;
    let issuer = forger.claims.iter().find(|(name, _)| name == "iss").unwrap().1.trim_matches('"').to_owned();
    let others = [
        format!("{issuer}/"),
        issuer.to_uppercase(),
        issuer.replace("http:", "https:"),
        issuer.rsplit_once(':').unwrap().0.to_owned(),
        issuer.replace("//a.", "//b."),
        format!(" {issuer}"),
    ];

    for other in &others {
        let (iss, aud) = (format!("\"{other}\""), format!("[\"{other}\"]"));
        refused(&app, &door, &forger.with(&[("iss", Some(&iss))]), other).await;
        refused(&app, &door, &forger.with(&[("aud", Some(&aud))]), other).await;
        refused(&app, &door, &forger.with(&[("iss", Some(&iss)), ("aud", Some(&aud))]), other).await;
    }
    let several = format!("[\"https://backend.example\",\"{issuer}\"]");
    assert_eq!(status(&app, &door, &forger.with(&[("aud", Some(&several))])).await, 200);
    let backend = "[\"https://backend.example\"]";
    refused(&app, &door, &forger.with(&[("aud", Some(backend))]), "a backend's alone").await;
}

async fn jwt_6_a_token_of_another_type_is_no_access_token(ground: Ground) {
    let (app, door, forger) = forger(ground).await;
    let others =
        ["JWT", "", "at+JWT", "AT+JWT", "application/at+jwt", "login-pending+jwt", "logout+jwt", "dpop+jwt"];
    let untyped = forger.header().replace(r#""typ":"at+jwt","#, "");

    for typ in others {
        let header = forger.header().replace("at+jwt", typ);
        refused(&app, &door, &forger.token(&header, &forger.payload(&[])), typ).await;
    }
    refused(&app, &door, &forger.token(&untyped, &forger.payload(&[])), "no typ").await;
    let session = forger.claims.iter().find(|(name, _)| name == "session").unwrap().1.clone();
    let pending = [("pending", Some(session.as_str())), ("session", None)];
    refused(&app, &door, &forger.with(&pending), "a pending login as access token").await;
    let both = [("pending", Some(session.as_str()))];
    refused(&app, &door, &forger.with(&both), "pending and session at once").await;

    let house = &app.running.house;
    let access = forger.with(&[]);
    assert!(token::read(house, Kind::Access, &access).await.is_ok());
    assert!(
        token::read(house, Kind::Pending, &access).await.is_err(),
        "remembered as one kind, read as the other"
    );
    let pending =
        forger.token(&forger.header().replace("at+jwt", "login-pending+jwt"), &forger.payload(&pending));
    assert!(token::read(house, Kind::Pending, &pending).await.is_ok());
    refused(&app, &door, &pending, "a pending token").await;
}

async fn jwt_6_a_token_is_of_nobody_but_its_session_says_so(ground: Ground) {
    let (app, door, forger) = forger(ground).await;
    let bob = app.person(&door, "bob@a.example").await;
    let his = app.session(&door, bob).await;
    let quoted = |text: &str| format!("\"{text}\"");
    let (session, nobody) = (quoted(&claim(&his.access, "session")), quoted(&SessionId::new().to_string()));

    refused(&app, &door, &forger.with(&[("sub", Some(&quoted(&bob.to_string())))]), "her session, his name")
        .await;
    refused(&app, &door, &forger.with(&[("session", Some(&session))]), "his session, her name").await;
    refused(&app, &door, &forger.with(&[("session", Some(&nobody))]), "no session at all").await;
    let web = Door { client: "a-web".into(), ..door.clone() };
    refused(&app, &web, &forger.with(&[("client_id", Some("\"a-web\""))]), "another client's").await;
}

async fn jwt_7_doubled_deep_and_large_tokens_are_refused_and_forgotten(ground: Ground) {
    let (app, door, forger) = forger(ground).await;
    let twice = forger.payload(&[]).replacen('{', "{\"exp\":9999999999,", 1);
    let deep = format!("{}1{}", "[".repeat(1000), "]".repeat(1000));
    let session =
        format!("{{\"session\":{},", forger.claims.iter().find(|(name, _)| name == "session").unwrap().1);
    let again = forger.payload(&[]).replacen('{', &session, 1);
    let header = forger.header().replacen('{', "{\"alg\":\"none\",", 1);
    let good = forger.with(&[]);
    let damaged = [
        forger.token(&forger.header(), &twice),
        forger.token(&forger.header(), &again),
        forger.token(&header, &forger.payload(&[])),
        forger.with(&[("scope", Some(&deep))]),
        forger.with(&[("scope", Some(&format!("\"{}\"", "s".repeat(1 << 20))))]),
        format!("{good}="),
        format!("{good}.x"),
        good[..good.len() - 1].to_owned(),
        good.rsplit_once('.').unwrap().0.to_owned(),
        good.replace('.', ".."),
        ".".repeat(4000),
        String::new(),
    ];

    let before = remembered(&app);
    for token in damaged {
        let read = token::read(&app.running.house, Kind::Access, &token).await;
        assert!(read.is_err(), "{}", &token[..token.len().min(80)]);
        if (1..8000).contains(&token.len()) {
            refused(&app, &door, &token, "over the wire").await;
        }
    }
    // What was refused is not remembered: a stranger would choose what memory holds.
    assert_eq!(remembered(&app), before);
}

fn remembered(app: &App) -> u64 {
    let claims = &app.running.house.claims;
    claims.run_pending_tasks();
    claims.entry_count()
}

async fn jwt_8_signatures_at_the_edges_are_refused(ground: Ground) {
    let (app, door, forger) = forger(ground).await;
    let good = forger.with(&[]);
    let (signed, signature) = good.rsplit_once('.').unwrap();
    let signature = URL_SAFE_NO_PAD.decode(signature).unwrap();
    let (r, s) = signature.split_at(32);
    let order = b"\xff\xff\xff\xff\x00\x00\x00\x00\xff\xff\xff\xff\xff\xff\xff\xff\xbc\xe6\xfa\xad\xa7\x17\x9e\x84\xf3\xb9\xca\xc2\xfc\x63\x25\x51";
    let zero = [0; 32];
    let mut one = zero;
    one[31] = 1;
    let der = [b"\x30\x44\x02\x20".as_slice(), r, b"\x02\x20", s].concat();
    let vectors: [(&str, Vec<u8>); 13] = [
        ("(0, 0)", [zero, zero].concat()),
        ("(0, s)", [&zero, s].concat()),
        ("(r, 0)", [r, &zero].concat()),
        ("(1, 1)", [one, one].concat()),
        ("(n, s)", [order.as_slice(), s].concat()),
        ("(r, n)", [r, order.as_slice()].concat()),
        ("(n, n)", [order.as_slice(), order].concat()),
        ("all ones", vec![0xff; 64]),
        ("63 bytes", signature[..63].to_vec()),
        ("65 bytes", [&signature[..], b"\0"].concat()),
        ("none", Vec::new()),
        ("DER", der),
        ("swapped", [s, r].concat()),
    ];

    for (what, vector) in vectors {
        refused(&app, &door, &with_signature(signed, &vector), what).await;
    }
}
