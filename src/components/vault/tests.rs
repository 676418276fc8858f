//! A sealed value opens in its place and nowhere else (KEY-4).

use super::*;

fn key(byte: u8) -> MasterKey {
    MasterKey::from_bytes(&[byte; 32])
}

fn vault(keys: &[u8]) -> Vault {
    Vault::new(&keys.iter().map(|byte| key(*byte)).collect::<Vec<_>>()).unwrap()
}

fn tenant(byte: u8) -> TenantId {
    TenantId::of(Uuid::from_bytes([byte; 16]))
}

fn place() -> Place {
    Place { tenant: Some(tenant(1)), table: "totp", column: "seed", row: Uuid::from_bytes([9; 16]) }
}

#[test]
fn what_is_sealed_opens_in_its_place() {
    let vault = vault(&[1]);

    let sealed = vault.seal(&place(), b"seed").unwrap();

    assert_eq!(**vault.open(&place(), &sealed).unwrap(), *b"seed");
    assert!(!sealed.windows(4).any(|window| window == b"seed"));
}

#[test]
fn a_value_moved_to_another_row_does_not_open() {
    let sealed = vault(&[1]).seal(&place(), b"seed").unwrap();

    let moved = Place { row: Uuid::from_bytes([8; 16]), ..place() };

    assert!(vault(&[1]).open(&moved, &sealed).is_err());
}

#[test]
fn a_value_moved_to_another_column_does_not_open() {
    let sealed = vault(&[1]).seal(&place(), b"seed").unwrap();

    let moved = Place { column: "name", ..place() };

    assert!(vault(&[1]).open(&moved, &sealed).is_err());
}

#[test]
fn a_value_moved_to_another_tenant_or_to_none_does_not_open() {
    let sealed = vault(&[1]).seal(&place(), b"seed").unwrap();

    assert!(vault(&[1]).open(&Place { tenant: Some(tenant(2)), ..place() }, &sealed).is_err());
    assert!(vault(&[1]).open(&Place { tenant: None, ..place() }, &sealed).is_err());
}

#[test]
fn a_value_moved_to_another_table_does_not_open() {
    let sealed = vault(&[1]).seal(&place(), b"seed").unwrap();

    assert!(vault(&[1]).open(&Place { table: "totps", ..place() }, &sealed).is_err());
    assert!(vault(&[1]).open(&Place { table: "tot", column: "pseed", ..place() }, &sealed).is_err());
}

/// The derived keys differ too, so this holds even of one who could choose the associated data.
#[test]
fn another_tenant_and_another_table_have_another_key() {
    let root = Root::new(&key(1)).unwrap();

    let own = root.derive("seal", Some(tenant(1)), "totp").unwrap();

    assert_ne!(own, root.derive("seal", Some(tenant(2)), "totp").unwrap());
    assert_ne!(own, root.derive("seal", Some(tenant(1)), "keys").unwrap());
    assert_ne!(own, root.derive("mac", Some(tenant(1)), "totp").unwrap());
}

#[test]
fn the_associated_data_names_the_tenant_on_its_own() {
    let root = Root::new(&key(1)).unwrap();

    let own = context(&root, &place());

    assert_ne!(own, context(&root, &Place { tenant: Some(tenant(2)), ..place() }));
    assert_ne!(own, context(&root, &Place { tenant: None, ..place() }));
}

#[test]
fn a_value_with_any_byte_changed_or_cut_off_does_not_open() {
    let vault = vault(&[1]);
    let sealed = vault.seal(&place(), b"seed").unwrap();

    let changed = (0..sealed.len()).map(|at| {
        let mut changed = sealed.clone();
        changed[at] ^= 1;
        changed
    });
    let cut = (0..sealed.len()).map(|length| sealed[..length].to_vec());

    assert_eq!(changed.chain(cut).filter(|value| vault.open(&place(), value).is_ok()).count(), 0);
}

#[test]
fn the_same_value_is_sealed_differently_each_time() {
    let vault = vault(&[1]);

    assert_ne!(vault.seal(&place(), b"seed").unwrap(), vault.seal(&place(), b"seed").unwrap());
}

#[test]
fn after_a_rotation_the_old_opens_and_the_new_seals() {
    let old = vault(&[1]).seal(&place(), b"seed").unwrap();
    let both = vault(&[2, 1]);
    let new = both.seal(&place(), b"seed").unwrap();

    assert!(both.open(&place(), &old).is_ok());
    assert!(vault(&[2]).open(&place(), &new).is_ok());
    assert!(vault(&[2]).open(&place(), &old).is_err());
    assert!(both.is_current(&new) && !both.is_current(&old));
}

#[test]
fn a_vault_needs_a_key_and_takes_none_twice() {
    assert!(Vault::new(&[]).is_err());
    assert!(Vault::new(&[key(1), key(2), key(1)]).is_err());
}

#[test]
fn a_tag_is_for_one_purpose_and_tenant() {
    let vault = vault(&[1]);
    let tag = vault.mac("code", Some(tenant(1)), b"12345678").unwrap();

    assert!(vault.mac_matches("code", Some(tenant(1)), b"12345678", &tag).unwrap());
    assert!(!vault.mac_matches("link", Some(tenant(1)), b"12345678", &tag).unwrap());
    assert!(!vault.mac_matches("code", Some(tenant(2)), b"12345678", &tag).unwrap());
    assert!(!vault.mac_matches("code", None, b"12345678", &tag).unwrap());
    assert!(!vault.mac_matches("code", Some(tenant(1)), b"12345679", &tag).unwrap());
    assert!(!vault.mac_matches("code", Some(tenant(1)), b"12345678", &tag[..31]).unwrap());
}

#[test]
fn a_tag_outlives_a_rotation() {
    let tag = vault(&[1]).mac("code", None, b"12345678").unwrap();

    assert!(vault(&[2, 1]).mac_matches("code", None, b"12345678", &tag).unwrap());
    assert!(!vault(&[2]).mac_matches("code", None, b"12345678", &tag).unwrap());
}

#[test]
fn the_canary_dies_under_another_master_key() {
    let canary = vault(&[1]).seal_canary().unwrap();

    assert!(vault(&[1]).check_canary(&canary).is_ok());
    assert!(vault(&[2, 1]).check_canary(&canary).is_ok());
    assert!(vault(&[2]).check_canary(&canary).is_err());
    assert!(vault(&[1]).check_canary(b"").is_err());
}

#[test]
fn neither_key_nor_vault_prints_itself() {
    assert_eq!(format!("{:?} {:?}", key(65), vault(&[65])), "MasterKey(…) Vault(…)");
}
