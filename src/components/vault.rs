//! Keeps secrets: seals them to the one place where they may lie, and makes tags that only this key makes.

use std::fmt;
use std::sync::Arc;

use aws_lc_rs::aead::{AES_256_GCM, Aad, NONCE_LEN, Nonce, RandomizedNonceKey};
use aws_lc_rs::constant_time::verify_slices_are_equal;
use aws_lc_rs::{hkdf, hmac};
use moka::sync::Cache;
use uuid::Uuid;
use zeroize::Zeroizing;

use crate::base::{Error, Result, TenantId};

const FORMAT: u8 = 1;
const ID_LEN: usize = 4;
const HEAD_LEN: usize = 1 + ID_LEN;
const CACHED_KEYS: u64 = 4_096;

/// Where a sealed value lies. It opens there and nowhere else.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Place {
    pub tenant: Option<TenantId>,
    pub table: &'static str,
    pub column: &'static str,
    pub row: Uuid,
}

#[derive(Clone)]
pub struct MasterKey(Zeroizing<[u8; 32]>);

#[derive(Clone)]
pub struct Vault(Arc<Inner>);

struct Inner {
    /// The first seals, all open. Never empty.
    first: Root,
    older: Vec<Root>,
    derived: Cache<Derived, Arc<RandomizedNonceKey>>,
}

struct Root {
    id: [u8; ID_LEN],
    prk: hkdf::Prk,
}

type Derived = ([u8; ID_LEN], Option<TenantId>, &'static str);

const CANARY: Place = Place { tenant: None, table: "instance", column: "canary", row: Uuid::nil() };
const SONG: &[u8] = b"this database and this master key belong together";

impl Vault {
    /// Refuses to be without a key, and the same key twice.
    pub fn new(keys: &[MasterKey]) -> Result<Self> {
        let (first, older) = keys.split_first().ok_or_else(|| Error::internal("there is no master key"))?;
        let first = Root::new(first)?;
        let older = older.iter().map(Root::new).collect::<Result<Vec<_>>>()?;
        let ids = || std::iter::once(&first).chain(&older).map(|root| root.id);
        if ids().enumerate().any(|(at, id)| ids().skip(at + 1).any(|other| other == id)) {
            return Err(Error::internal("the same master key is given twice"));
        }
        Ok(Self(Arc::new(Inner { first, older, derived: Cache::new(CACHED_KEYS) })))
    }

    pub fn seal(&self, place: &Place, plain: &[u8]) -> Result<Vec<u8>> {
        let root = &self.0.first;
        let mut text = Zeroizing::new(Vec::with_capacity(plain.len() + AES_256_GCM.tag_len()));
        text.extend_from_slice(plain);
        let nonce = self
            .sealing_key(root, place)?
            .seal_in_place_append_tag(Aad::from(context(root, place)), &mut *text)
            .map_err(|_| Error::internal("a value could not be sealed"))?;
        Ok([&[FORMAT], &root.id[..], nonce.as_ref(), &text].concat())
    }

    /// Fails, without saying which, when the value was changed, moved, or sealed under a key that is not here.
    pub fn open(&self, place: &Place, sealed: &[u8]) -> Result<Zeroizing<Vec<u8>>> {
        self.try_open(place, sealed).ok_or_else(|| {
            Error::internal(format!("a sealed value in {}.{} does not open", place.table, place.column))
        })
    }

    fn try_open(&self, place: &Place, sealed: &[u8]) -> Option<Zeroizing<Vec<u8>>> {
        let (head, rest) = sealed.split_at_checked(HEAD_LEN)?;
        let (nonce, text) = rest.split_at_checked(NONCE_LEN)?;
        let root = self.roots().find(|root| head == [&[FORMAT], &root.id[..]].concat())?;
        let nonce = Nonce::try_assume_unique_for_key(nonce).ok()?;
        let mut text = Zeroizing::new(text.to_vec());
        let key = self.sealing_key(root, place).ok()?;
        let length = key.open_in_place(nonce, Aad::from(context(root, place)), &mut text).ok()?.len();
        text.truncate(length);
        Some(text)
    }

    /// False of what an older key sealed: to be sealed anew before that key is taken away.
    pub fn is_current(&self, sealed: &[u8]) -> bool {
        sealed.get(..HEAD_LEN) == Some(&[&[FORMAT], &self.0.first.id[..]].concat())
    }

    /// The tag of `data` for one purpose and tenant; another purpose or tenant has another key.
    pub fn mac(&self, purpose: &'static str, tenant: Option<TenantId>, data: &[u8]) -> Result<[u8; 32]> {
        self.0.first.mac(purpose, tenant, data)
    }

    /// Under any of the keys, so that a tag outlives a rotation. Takes the same time wherever the tags differ.
    pub fn mac_matches(
        &self,
        purpose: &'static str,
        tenant: Option<TenantId>,
        data: &[u8],
        tag: &[u8],
    ) -> Result<bool> {
        self.roots().try_fold(false, |matched, root| {
            let expected = root.mac(purpose, tenant, data)?;
            Ok(matched | verify_slices_are_equal(&expected, tag).is_ok())
        })
    }

    /// To be kept in the database, so that a node with another master key is noticed before it writes.
    pub fn seal_canary(&self) -> Result<Vec<u8>> {
        self.seal(&CANARY, SONG)
    }

    pub fn check_canary(&self, sealed: &[u8]) -> Result<()> {
        match self.try_open(&CANARY, sealed) {
            Some(song) if *song == SONG => Ok(()),
            _ => Err(Error::internal("this database was sealed under another master key")),
        }
    }

    fn roots(&self) -> impl Iterator<Item = &Root> {
        std::iter::once(&self.0.first).chain(&self.0.older)
    }

    fn sealing_key(&self, root: &Root, place: &Place) -> Result<Arc<RandomizedNonceKey>> {
        let named = (root.id, place.tenant, place.table);
        if let Some(key) = self.0.derived.get(&named) {
            return Ok(key);
        }
        let bytes = root.derive("seal", place.tenant, place.table)?;
        let key = RandomizedNonceKey::new(&AES_256_GCM, bytes.as_ref()).map_err(|_| underivable())?;
        let key = Arc::new(key);
        self.0.derived.insert(named, key.clone());
        Ok(key)
    }
}

impl Root {
    fn new(key: &MasterKey) -> Result<Self> {
        let prk = hkdf::Salt::new(hkdf::HKDF_SHA256, b"doorward vault 1").extract(key.0.as_ref());
        let mut root = Self { id: [0; ID_LEN], prk };
        let id = root.derive("id", None, "")?;
        root.id.iter_mut().zip(id.iter()).for_each(|(id, byte)| *id = *byte);
        Ok(root)
    }

    fn derive(&self, use_: &str, tenant: Option<TenantId>, name: &str) -> Result<Zeroizing<[u8; 32]>> {
        let info = joined(&[use_.as_bytes(), &tenant_bytes(tenant), name.as_bytes()]);
        let mut key = Zeroizing::new([0; 32]);
        self.prk
            .expand(&[&info], hkdf::HKDF_SHA256)
            .and_then(|okm| okm.fill(key.as_mut()))
            .map_err(|_| underivable())?;
        Ok(key)
    }

    fn mac(&self, purpose: &str, tenant: Option<TenantId>, data: &[u8]) -> Result<[u8; 32]> {
        let key = hmac::Key::new(hmac::HMAC_SHA256, self.derive("mac", tenant, purpose)?.as_ref());
        hmac::sign(&key, data).as_ref().try_into().map_err(Error::internal)
    }
}

fn underivable() -> Error {
    Error::internal("a key could not be derived")
}

fn context(root: &Root, place: &Place) -> Vec<u8> {
    joined(&[
        &[FORMAT],
        &root.id,
        &tenant_bytes(place.tenant),
        place.table.as_bytes(),
        place.column.as_bytes(),
        place.row.as_bytes(),
    ])
}

/// "No tenant" is not the nil tenant.
fn tenant_bytes(tenant: Option<TenantId>) -> Vec<u8> {
    tenant.map(|tenant| tenant.as_bytes().to_vec()).unwrap_or_default()
}

/// With lengths, so that `ab`, `c` is not `a`, `bc`.
fn joined(parts: &[&[u8]]) -> Vec<u8> {
    parts.iter().flat_map(|part| [&(part.len() as u64).to_be_bytes()[..], part].concat()).collect()
}

impl MasterKey {
    pub fn from_bytes(bytes: &[u8; 32]) -> Self {
        Self(Zeroizing::new(*bytes))
    }
}

impl fmt::Debug for MasterKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("MasterKey(…)")
    }
}

impl fmt::Debug for Vault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Vault(…)")
    }
}

#[cfg(test)]
mod tests;
