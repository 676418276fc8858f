//! What the one form of an address makes equal, and what it refuses.

use super::*;

fn canonical(text: &str) -> String {
    Email::parse(text).unwrap().to_string()
}

fn refusal(text: &str) -> String {
    Email::parse(text).map(|e| e.to_string()).unwrap_err().key.into_owned()
}

#[test]
fn spellings_of_one_mailbox_are_one_address() {
    let plain = canonical("ada@example.com");

    assert_eq!(canonical("  Ada@EXAMPLE.com\n"), plain);
    assert_eq!(canonical("ada@ｅｘａｍｐｌｅ．ｃｏｍ"), plain);
    // The Kelvin sign is canonically a K.
    assert_eq!(canonical("\u{212a}im@example.com"), canonical("kim@example.com"));
    assert_eq!(canonical("jose\u{301}@example.com"), canonical("JOSÉ@example.com"));
    assert_eq!(canonical("a@BÜCHER.example"), "a@xn--bcher-kva.example");
    assert_eq!(canonical("a@xn--BCHER-kva.example"), "a@xn--bcher-kva.example");
    assert_eq!(canonical("o'neil+tag@example.com"), "o'neil+tag@example.com");
}

#[test]
fn an_address_that_looks_like_another_is_refused() {
    let disallowed = "validator.disallowedCharacters";

    // The Turkish letters: dotless i, and the dotted capital whose lower case is i with a loose dot.
    assert_eq!(refusal("m\u{131}ke@example.com"), disallowed);
    assert_eq!(refusal("M\u{130}KE@example.com"), disallowed);
    assert_eq!(refusal("ｍike@example.com"), disallowed);
    assert_eq!(refusal("p\u{430}ypal@example.com"), disallowed);
    assert_eq!(refusal("\u{441}\u{43e}\u{441}\u{43e}@example.com"), disallowed);
    assert_eq!(refusal("m\u{131}kéy@example.com"), disallowed);
    assert_eq!(refusal("mi\u{307}ke@example.com"), disallowed);
    assert_eq!(refusal("ﬁnn@example.com"), disallowed);
    assert_eq!(refusal("ada\u{436}@example.com"), disallowed);
    assert_eq!(refusal("ada\u{1f600}@example.com"), disallowed);
    assert_eq!(refusal("a@ex\u{430}mple.com"), disallowed);
    assert_eq!(refusal("a@xn--exmple-4nf.com"), disallowed);
}

#[test]
fn a_local_part_of_one_script_is_taken() {
    assert_eq!(canonical("ИВАН@пример.рф"), "иван@xn--e1afmkfd.xn--p1ai");
    assert_eq!(canonical("用户@例子.中国"), "用户@xn--fsqu00a.xn--fiqs8s");
    assert_eq!(canonical("søren@example.dk"), "søren@example.dk");
}

#[test]
fn a_punycode_alias_of_a_plain_domain_is_refused() {
    // RUSTSEC-2024-0421: labels that decode to ASCII, or to nothing.
    assert_eq!(refusal("a@xn--example-.com"), "validator.pattern");
    assert_eq!(refusal("a@xn--.com"), "validator.pattern");
    assert_eq!(refusal("a@xn--a.com"), "validator.pattern");
}

#[test]
fn quotes_comments_literals_and_second_ats_are_refused() {
    let refused = [
        "\"ada\"@example.com",
        "ada(x)@example.com",
        "ada@(x)example.com",
        "a@b@example.com",
        "ada@[127.0.0.1]",
        "ada@127.0.0.1",
        "ada@[IPv6:::1]",
        "ada@localhost",
        "@example.com",
        "ada@",
        "ada",
        ".ada@example.com",
        "a..b@example.com",
        "ada.@example.com",
        "ada@example.com.",
        "ada@-example.com",
        "ada@exam_ple.com",
        "ada @example.com",
        "Ada <ada@example.com>",
        "ada@example.com,eve@example.com",
        "ada@example..com",
        "",
    ];

    let taken: Vec<_> = refused.iter().filter(|text| Email::parse(text).is_ok()).collect();

    assert!(taken.is_empty(), "{taken:?}");
}

#[test]
fn unseen_characters_are_refused() {
    let disallowed = "validator.disallowedCharacters";

    assert_eq!(refusal("a\0da@example.com"), disallowed);
    assert_eq!(refusal("ada@example.com\r\nBcc: eve@example.com"), disallowed);
    assert_eq!(refusal("a\u{200b}da@example.com"), disallowed);
    assert_eq!(refusal("ada@exam\u{ad}ple.com"), disallowed);
    assert_eq!(refusal("a\u{202e}da@example.com"), disallowed);
    assert_eq!(refusal("ada@ex\u{2066}ample.com"), disallowed);
    assert_eq!(refusal("ada\u{feff}@example.com"), disallowed);
}

#[test]
fn an_address_has_at_most_254_bytes_after_it_got_its_form() {
    let domain = |length: usize| {
        format!("{}.{}.com", "d".repeat(63), vec!["e".repeat(60); 3].join("."))[..length].to_owned()
    };
    let fitting = format!("{}@{}", "l".repeat(64), &domain(189));

    assert_eq!(canonical(&fitting).len(), 254);
    assert_eq!(refusal(&format!("{}@{}", "l".repeat(64), &domain(190))), "validator.length");
    assert_eq!(refusal(&format!("{}@example.com", "l".repeat(65))), "validator.length");
    assert_eq!(refusal(&format!("a@{}.com", "ü".repeat(200))), "validator.pattern");
    assert_eq!(refusal(&"a".repeat(100_000)), "validator.length");
}

#[test]
fn the_form_is_stable() {
    let once = Email::parse("JOSÉ.o'Neil+ΟΔΟΣ@BÜCHER.example");
    let greek = canonical("ΟΔΟΣ@example.gr");

    assert!(once.is_err(), "two scripts");
    assert_eq!(canonical(&greek), greek);
    assert_eq!(canonical(&canonical("GROẞ@example.de")), canonical("groß@example.de"));
}

#[test]
fn debug_masks_and_display_shows() {
    let email = Email::parse("ada@example.com").unwrap();

    assert_eq!(format!("{email:?}"), "a***@example.com");
    assert_eq!(email.to_string(), "ada@example.com");
    assert_eq!(email.domain(), "example.com");
}

#[test]
fn look_alike_domains_share_a_skeleton() {
    let genuine = Email::parse("ada@apple.com").unwrap();
    let lookalike = Email::parse("ada@аррӏе.com").unwrap();

    assert_ne!(genuine, lookalike);
    assert_eq!(genuine.skeleton(), lookalike.skeleton());
}

#[test]
fn json_carries_the_form_and_an_error_says_the_key_without_the_input() {
    let email: Email = serde_json::from_str("\"Ada@Example.com\"").unwrap();
    let error = serde_json::from_str::<Email>("\"s3cret\"").unwrap_err().to_string();

    assert_eq!(serde_json::to_string(&email).unwrap(), "\"ada@example.com\"");
    assert!(error.starts_with("validator.pattern: "), "{error}");
    assert!(!error.contains("s3cret"));
}
