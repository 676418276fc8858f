//! What the hasher writes, what it takes from other systems, and how it behaves when it is full.

use super::*;
use crate::base::error::BUSY;

const TEXT: &str = "zwaluwen boven het riet";
const CHEAP: Cost = Cost { memory: 64, passes: 1 };

// Made by Python's hashlib, and the first by Openwall (`U*U`).
const BCRYPT: &str = "$2a$05$CCCCCCCCCCCCCCCCCCCCC.E5YPO9kmyuRGyh0XouQYb4YMJKvyOeW";
const PBKDF2_256: &str =
    "$pbkdf2-sha256$i=1000,l=32$MDEyMzQ1Njc4OWFiY2RlZg$3oebw/CfqbtJX2Jt+C3BkPjqEuUOD0suy0UquBm8CE4";
const PBKDF2_512: &str = "$pbkdf2-sha512$i=1000$MDEyMzQ1Njc4OWFiY2RlZg$vNgZUKO44/3+otIq7xG5F8J3wxlTne12bv5qQ17PviIWJcRvSQb275yv1RuNX/EuzF3+0/G5+T3aEUNckY2djA";
const DJANGO: &str = "pbkdf2_sha256$1000$seasalt$VC0Cp3c9CIVoZlZusK58I4EyeJbg0vMUBpmH0mfUg8o=";
const SCRYPT: &str =
    "$scrypt$ln=4,r=8,p=1$MDEyMzQ1Njc4OWFiY2RlZg$i8h9kYFGkK/GZ7wZW1idFBnxh69K78iTYX26CY6zaHA";

fn bounds() -> Bounds {
    Bounds { permits: 1, queue: 64, wait: Duration::from_secs(5), idle: Duration::from_secs(60) }
}

fn with(cost: Cost, peppers: Peppers) -> Hasher {
    Hasher::start(Settings { cost, peppers, bounds: bounds() }).unwrap()
}

fn cheap() -> Hasher {
    with(CHEAP, Peppers::default())
}

fn pepper(id: &str) -> Pepper {
    Pepper::new(id, id.repeat(32).as_bytes()).unwrap()
}

fn password(text: &str) -> Password {
    Password::parse(text.to_owned()).unwrap()
}

async fn verdict(hasher: &Hasher, text: &str, stored: &str) -> (bool, bool) {
    let verdict = hasher.verify(None, &password(text), Some(stored)).await.unwrap();
    (verdict.matches, verdict.rehash)
}

#[tokio::test]
async fn the_default_is_argon2id_at_its_real_cost() {
    let hasher = with(Cost::default(), Peppers::default());

    let stored = hasher.hash(None, &password(TEXT)).await.unwrap();

    assert!(stored.starts_with("$argon2id$v=19$m=19456,t=2,p=1$"), "{stored}");
    assert_eq!(verdict(&hasher, TEXT, &stored).await, (true, false));
    assert_eq!(hasher.counts().memory(), 19_456 * 1024);
}

#[tokio::test]
async fn two_hashes_of_one_password_differ_and_only_that_password_matches() {
    let hasher = cheap();
    let long = "é".repeat(100);
    let one = hasher.hash(None, &password(&long)).await.unwrap();
    let two = hasher.hash(None, &password(&long)).await.unwrap();

    assert_ne!(one, two);
    assert_eq!(verdict(&hasher, &long, &one).await, (true, false));
    assert_eq!(verdict(&hasher, &"é".repeat(36), &one).await, (false, false));
    assert_eq!(verdict(&hasher, &"é".repeat(64), &one).await, (false, false));
    assert_eq!(verdict(&hasher, &format!("{long} "), &one).await, (false, false));
}

#[tokio::test]
async fn the_reference_vector_of_argon2_verifies() {
    // From the reference implementation's test.c: "password", "somesalt", t=2, m=65536, p=1.
    let stored = "$argon2id$v=19$m=65536,t=2,p=1$c29tZXNhbHQ$CTFhFdXPJO1aFaMaO6Mm5c8y7cJHAph8ArZWb2GRPPc";

    assert_eq!(verdict(&cheap(), "password", stored).await, (true, true));
    assert_eq!(verdict(&cheap(), "passwore", stored).await, (false, false));
}

#[tokio::test]
async fn another_cost_asks_for_a_rehash() {
    let stored = cheap().hash(None, &password(TEXT)).await.unwrap();
    let dearer = with(Cost { memory: 128, passes: 1 }, Peppers::default());

    assert_eq!(verdict(&dearer, TEXT, &stored).await, (true, true));
    assert_eq!(verdict(&dearer, "wrong", &stored).await, (false, false));
}

#[tokio::test]
async fn foreign_hashes_verify_and_ask_for_a_rehash() {
    let hasher = cheap();

    assert_eq!(verdict(&hasher, "U*U", BCRYPT).await, (true, true));
    assert_eq!(verdict(&hasher, "U*U", &BCRYPT.replace("$2a", "$2b")).await, (true, true));
    assert_eq!(verdict(&hasher, "U*U", &BCRYPT.replace("$2a", "$2y")).await, (true, true));
    assert_eq!(verdict(&hasher, TEXT, PBKDF2_256).await, (true, true));
    assert_eq!(verdict(&hasher, TEXT, PBKDF2_512).await, (true, true));
    assert_eq!(verdict(&hasher, TEXT, DJANGO).await, (true, true));
    assert_eq!(verdict(&hasher, TEXT, SCRYPT).await, (true, true));
}

#[tokio::test]
async fn a_wrong_password_matches_no_foreign_hash() {
    let hasher = cheap();

    assert_eq!(verdict(&hasher, "U*V", BCRYPT).await, (false, false));
    assert_eq!(verdict(&hasher, "wrong", PBKDF2_256).await, (false, false));
    assert_eq!(verdict(&hasher, "wrong", PBKDF2_512).await, (false, false));
    assert_eq!(verdict(&hasher, "wrong", DJANGO).await, (false, false));
    assert_eq!(verdict(&hasher, "wrong", SCRYPT).await, (false, false));
}

#[test]
fn an_import_takes_what_can_be_verified() {
    let own =
        "$argon2id$v=19$m=19456,t=2,p=1$MDEyMzQ1Njc4OWFiY2RlZg$CTFhFdXPJO1aFaMaO6Mm5c8y7cJHAph8ArZWb2GRPPc";
    let texts = [own, BCRYPT, PBKDF2_256, PBKDF2_512, DJANGO, SCRYPT];

    assert_eq!(texts.map(accept_import), [Ok(()); 6]);
}

const HOSTILE: [&str; 22] = [
    "$argon2id$v=19$m=4194304,t=2,p=1$MDEyMzQ1Njc4OWFiY2RlZg$CTFhFdXPJO1aFaMaO6Mm5c8y7cJHAph8ArZWb2GRPPc",
    "$argon2id$v=19$m=19456,t=11,p=1$MDEyMzQ1Njc4OWFiY2RlZg$CTFhFdXPJO1aFaMaO6Mm5c8y7cJHAph8ArZWb2GRPPc",
    "$argon2id$v=19$m=19456,t=2,p=5$MDEyMzQ1Njc4OWFiY2RlZg$CTFhFdXPJO1aFaMaO6Mm5c8y7cJHAph8ArZWb2GRPPc",
    "$argon2id$v=19$m=19456,t=2,p=0$MDEyMzQ1Njc4OWFiY2RlZg$CTFhFdXPJO1aFaMaO6Mm5c8y7cJHAph8ArZWb2GRPPc",
    "$argon2id$v=19$m=19456,t=2,p=1$MDEyMzQ1Njc4OWFiY2RlZg$",
    "$argon2id$v=19$m=19456,t=2,p=1,m=4194304$MDEyMzQ1Njc4OWFiY2RlZg$CTFhFdXPJO1aFaMaO6Mm5c8y7cJHAph8ArZWb2GRPPc",
    "$argon2id$v=19$m=4294967297,t=2,p=1$MDEyMzQ1Njc4OWFiY2RlZg$CTFhFdXPJO1aFaMaO6Mm5c8y7cJHAph8ArZWb2GRPPc",
    "$dw1$k=one$argon2id$v=19$m=19456,t=2,p=1$MDEyMzQ1Njc4OWFiY2RlZg$CTFhFdXPJO1aFaMaO6Mm5c8y7cJHAph8ArZWb2GRPPc",
    "$2a$15$CCCCCCCCCCCCCCCCCCCCC.E5YPO9kmyuRGyh0XouQYb4YMJKvyOeW",
    "$2a$31$CCCCCCCCCCCCCCCCCCCCC.E5YPO9kmyuRGyh0XouQYb4YMJKvyOeW",
    "$2a$+5$CCCCCCCCCCCCCCCCCCCCC.E5YPO9kmyuRGyh0XouQYb4YMJKvyOeé",
    "$2x$05$CCCCCCCCCCCCCCCCCCCCC.E5YPO9kmyuRGyh0XouQYb4YMJKvyOeW",
    "$scrypt$ln=17,r=8,p=1$MDEyMzQ1Njc4OWFiY2RlZg$i8h9kYFGkK/GZ7wZW1idFBnxh69K78iTYX26CY6zaHA",
    "$scrypt$ln=63,r=8,p=1$MDEyMzQ1Njc4OWFiY2RlZg$i8h9kYFGkK/GZ7wZW1idFBnxh69K78iTYX26CY6zaHA",
    "$scrypt$ln=16,r=8,p=5$MDEyMzQ1Njc4OWFiY2RlZg$i8h9kYFGkK/GZ7wZW1idFBnxh69K78iTYX26CY6zaHA",
    "$scrypt$ln=4,r=8,p=4294967295$MDEyMzQ1Njc4OWFiY2RlZg$i8h9kYFGkK/GZ7wZW1idFBnxh69K78iTYX26CY6zaHA",
    "$pbkdf2-sha256$i=2000001,l=32$MDEyMzQ1Njc4OWFiY2RlZg$3oebw/CfqbtJX2Jt+C3BkPjqEuUOD0suy0UquBm8CE4",
    "$pbkdf2-sha256$i=0,l=32$MDEyMzQ1Njc4OWFiY2RlZg$3oebw/CfqbtJX2Jt+C3BkPjqEuUOD0suy0UquBm8CE4",
    "$pbkdf2-sha256$i=1000$MDEyMzQ1Njc4OWFiY2RlZg$",
    "pbkdf2_sha256$4000000000$seasalt$VC0Cp3c9CIVoZlZusK58I4EyeJbg0vMUBpmH0mfUg8o=",
    "plaintext",
    "",
];

#[tokio::test]
async fn a_hostile_string_is_refused_at_import_and_costs_no_more_than_a_decoy() {
    let hasher = cheap();
    let accepted: Vec<_> = HOSTILE.iter().filter(|text| accept_import(text).is_ok()).collect();
    assert!(accepted.is_empty(), "{accepted:?}");

    let began = Instant::now();
    let answers = HOSTILE.map(|text| hasher.verify(None, &DECOYED, Some(text)));
    let matched =
        futures_util::future::join_all(answers).await.into_iter().filter(|v| v.as_ref().unwrap().matches);

    assert_eq!(matched.count(), 0);
    assert!(began.elapsed() < Duration::from_secs(2));
    assert_eq!(hasher.counts().done(), HOSTILE.len() as u64);
}

static DECOYED: std::sync::LazyLock<Password> = std::sync::LazyLock::new(|| password(TEXT));

#[tokio::test]
async fn an_unknown_user_costs_one_hash_of_the_same_work() {
    let hasher = with(Cost { memory: 8192, passes: 2 }, Peppers::default());
    let stored = hasher.hash(None, &password(TEXT)).await.unwrap();

    let known = hasher.verify(None, &password("wrong"), Some(&stored)).await.unwrap();
    let unknown = hasher.verify(None, &password("wrong"), None).await.unwrap();

    assert_eq!(hasher.counts().done(), 3);
    assert!(!known.matches && !unknown.matches && !unknown.rehash);
    let work = |text: &str| text.split('$').nth(3).map(str::to_owned);
    assert_eq!(
        (work(&hasher.0.decoy), work(&stored)),
        (Some("m=8192,t=2,p=1".into()), work(&hasher.0.decoy))
    );
}

#[tokio::test]
async fn a_pepper_is_named_in_the_string_and_needed_to_verify() {
    let peppered = with(CHEAP, Peppers::of(pepper("one"), []));
    let stored = peppered.hash(None, &password(TEXT)).await.unwrap();
    let stripped = stored.replace("$dw1$k=one", "");

    assert!(stored.starts_with("$dw1$k=one$argon2id$v=19$"), "{stored}");
    assert_eq!(verdict(&peppered, TEXT, &stored).await, (true, false));
    assert_eq!(verdict(&cheap(), TEXT, &stored).await, (false, false));
    assert_eq!(verdict(&cheap(), TEXT, &stripped).await, (false, false));
    // A key that is gone must not turn into no key.
    let bare = cheap().hash(None, &password(TEXT)).await.unwrap();
    assert_eq!(verdict(&cheap(), TEXT, &format!("$dw1$k=gone{bare}")).await, (false, false));
}

#[tokio::test]
async fn hashes_without_a_pepper_or_with_an_older_one_verify_and_ask_for_a_rehash() {
    let (one, two) = (pepper("one"), pepper("two"));
    let bare = cheap().hash(None, &password(TEXT)).await.unwrap();
    let older = with(CHEAP, Peppers::of(one.clone(), [])).hash(None, &password(TEXT)).await.unwrap();
    let hasher = with(CHEAP, Peppers::of(two, [one]));

    assert_eq!(verdict(&hasher, TEXT, &bare).await, (true, true));
    assert_eq!(verdict(&hasher, TEXT, &older).await, (true, true));
    assert_eq!(verdict(&hasher, TEXT, PBKDF2_256).await, (true, true));
}

#[tokio::test]
async fn the_floor_is_what_the_slowest_foreign_scheme_took() {
    let hasher = cheap();
    assert_eq!(hasher.foreign_floor(), Duration::ZERO);

    hasher.rehearse(BCRYPT).await.unwrap();
    hasher.rehearse(SCRYPT).await.unwrap();
    let slow = hasher.verify(None, &password("U*U"), Some(BCRYPT)).await.unwrap();

    assert!(hasher.foreign_floor() >= slow.took);
    assert!(hasher.foreign_floor() < Duration::from_secs(2));
}

#[tokio::test]
async fn a_full_hasher_says_when_to_come_back() {
    let settings =
        Settings { cost: CHEAP, peppers: Peppers::default(), bounds: Bounds { queue: 0, ..bounds() } };
    let hasher = Hasher::start(settings).unwrap();

    let Err(Error::Refused(refused)) = hasher.hash(None, &password(TEXT)).await else {
        panic!("not refused")
    };

    assert_eq!((refused.refusal.status, refused.refusal.key), (503, BUSY.key));
    assert_eq!(refused.retry_after, Some(5));
}
