//! Which texts are a master key, and what development makes for itself.

use std::os::unix::fs::PermissionsExt;

use super::*;
use crate::components::config::{Overrides, Variables, load};

const GOOD: &str = "q83vEjRWeJq83vASNFZ4mrze8BI0VniavN7wEjRWeJo=";
const RANDOM: &str = "Zk1v0yTqX3mWJr8sNcA5dPeL7hUbG2oKi9fQxYw4VtE=";

fn started(base: &Path, variables: &Variables) -> Loaded {
    let mut loaded = load(&Overrides::default(), variables, base).unwrap();
    loaded.ensure_master_key(base).unwrap();
    loaded
}

#[test]
fn random_bytes_are_a_key_in_base64_and_in_hex() {
    let hex = "664d6fd324ea5f7996 26bf2c35c03975".replace(' ', "") + "e2fb8546c1b6a0a8bd7d0c58c38556d1";

    assert!(parse(RANDOM).is_ok());
    assert!(parse(RANDOM.trim_end_matches('=')).is_ok());
    assert!(parse(&hex).is_ok());
}

#[test]
fn a_key_of_another_length_is_refused() {
    assert!(parse(&RANDOM[..40]).is_err());
    assert!(parse(&format!("{}AAAA", RANDOM.trim_end_matches('='))).is_err());
    assert!(parse("correct horse battery staple").is_err());
    assert!(parse(" ").is_err());
}

#[test]
fn a_key_with_a_pattern_is_refused() {
    let encoded = |bytes: [u8; 32]| base64::prelude::BASE64_STANDARD.encode(bytes);
    let run = std::array::from_fn(|at| at as u8);
    let text = *b"Thirty-two letters are no secret";

    assert!(parse(&encoded([0; 32])).is_err());
    assert!(parse(&encoded(run)).is_err());
    assert!(parse(&encoded(text)).is_err());
    assert!(parse(GOOD).is_err());
}

#[test]
fn an_example_is_refused_and_named_so() {
    let why = "is an example; make one with `openssl rand -base64 32`";

    assert_eq!(parse("changeme").unwrap_err(), why);
    assert_eq!(parse("ThisExampleKeyIsNotForProduction0123456789x=").unwrap_err(), why);
    assert_eq!(parse(PRINTED[0]).unwrap_err(), why);
}

#[test]
fn one_bad_key_among_several_refuses_all() {
    let other = RANDOM.replace('Z', "Y");

    assert_eq!(parse(&format!("{RANDOM}\n{other}")).unwrap().len(), 2);
    assert!(parse(&format!("{RANDOM},changeme")).is_err());
}

#[test]
fn development_makes_a_key_that_only_its_owner_reads_and_keeps_it() {
    let base = tempfile::tempdir().unwrap();

    let first = started(base.path(), &Variables::new());
    let second = started(base.path(), &Variables::new());

    let mode = fs::metadata(base.path().join(MADE)).unwrap().permissions().mode();
    let key = |loaded: &Loaded| loaded.config.keys.master.as_ref().unwrap().expose_secret().to_owned();
    assert_eq!(mode & 0o777, 0o600);
    assert_eq!(key(&first), key(&second));
    assert_eq!(first.insecure_reasons(&[]), []);
    assert_eq!(fs::read_dir(base.path().join("data")).unwrap().count(), 1);
}

#[test]
fn no_other_environment_makes_a_key() {
    let base = tempfile::tempdir().unwrap();
    let variables = Variables::from([("DOORWARD_ENV".to_owned(), "test".to_owned())]);

    let loaded = started(base.path(), &variables);

    assert!(!base.path().join("data").exists());
    assert!(loaded.insecure_reasons(&[]).iter().any(|reason| reason.setting == "keys.master"));
}
