//! What may become a password, and what a login may send.

use super::*;

const STRICT: Policy<'static> =
    Policy { minimum: ALONE, words: &["maria.jansen@example.com", "Maria Jansen", "Waterschap Noord"] };

fn key(text: &str) -> String {
    let password = NewPassword::parse(text.to_owned()).unwrap();
    password.check(&STRICT).map(|()| "taken".to_owned()).unwrap_or_else(|e| e.key.into_owned())
}

#[test]
fn length_counts_code_points() {
    let with_factor = Policy { minimum: 8, words: &[] };
    let eight = NewPassword::parse("vK7é🦀ñqz".to_owned()).unwrap();
    let seven = NewPassword::parse("vK7é🦀ñq".to_owned()).unwrap();

    assert_eq!(key("kraai vlieg reg"), "taken");
    assert_eq!(key("kraai vlieg re"), "validator.length");
    assert!(eight.check(&with_factor).is_ok());
    assert_eq!(seven.check(&with_factor).unwrap_err().key, "validator.length");
}

#[test]
fn there_are_no_composition_rules() {
    assert_eq!(key("aaaa bbbb cccc dddd"), "taken");
    assert_eq!(key("zwaluwen boven het riet"), "taken");
    assert_eq!(key("correct lamp battery meadow"), "taken");
}

#[test]
fn each_refusal_has_a_key_of_its_own() {
    assert_eq!(key("Maria.Jansen@example.com"), "validator.password.personal");
    assert_eq!(key("mariajansen2026!"), "validator.password.personal");
    assert_eq!(key("WaterschapNoord#1"), "validator.password.personal");
    assert_eq!(key("Password12345678"), "validator.password.common");
    assert_eq!(key("ghijklmnopqrstuv"), "validator.password.guessable");
}

#[test]
fn a_decomposed_spelling_is_the_same_password_and_nothing_else_is() {
    let text = |text: &str| Password::parse(text.to_owned()).unwrap().expose().to_owned();

    assert_eq!(text("caf\u{e9} au lait"), text("cafe\u{301} au lait"));
    assert_ne!(text("Café"), text("café"));
    assert_ne!(text(" café "), text("café"));
    assert_eq!(text("ﬁn"), "ﬁn");
}

#[test]
fn a_long_password_is_refused_and_never_cut() {
    let fitting = "é".repeat(512);
    let decomposed = "e\u{301}".repeat(512);

    assert_eq!(Password::parse(fitting.clone()).unwrap().expose().len(), 1024);
    assert_eq!(Password::parse(decomposed).unwrap().expose(), fitting);
    assert_eq!(Password::parse("a".repeat(1025)).unwrap_err().key, "validator.length");
    assert_eq!(Password::parse("e\u{301}".repeat(513)).unwrap_err().key, "validator.length");
    assert_eq!(Password::parse("a".repeat(100_000)).unwrap_err().key, "validator.length");
}

#[test]
fn nul_and_lone_surrogates_are_refused() {
    let nul = serde_json::from_str::<NewPassword>(r#""abc\u0000def""#).unwrap_err().to_string();

    assert!(nul.starts_with("validator.disallowedCharacters: "), "{nul}");
    assert!(serde_json::from_str::<Password>(r#""abc\ud800def""#).is_err());
}

#[test]
fn debug_prints_no_password() {
    let password: NewPassword = serde_json::from_str("\"zwaluwen boven het riet\"").unwrap();

    assert_eq!(format!("{password:?} {:?}", password.as_password()), "NewPassword(…) Password(…)");
}

#[test]
fn the_longest_password_is_judged_in_little_time() {
    let long = NewPassword::parse("aB3$".repeat(256)).unwrap();
    let began = std::time::Instant::now();

    let _ = long.check(&STRICT);

    assert!(began.elapsed() < std::time::Duration::from_secs(2), "{:?}", began.elapsed());
}
