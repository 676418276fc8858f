//! Where a page ended: the values that the list is sorted by, of its last row. Signed, so that no place of another list or
//! tenant and no invented one is ever a place here.

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use serde_json::{Value, json};

use super::field::{Datum, Field};
use crate::base::{Error, Result, TenantId};
use crate::components::vault::Vault;
use crate::http::Tree;

const PURPOSE: &str = "services.after";
const TAG: usize = 32;

/// A list: of which resource, and in which order.
pub struct List<'l> {
    pub path: &'static str,
    pub sort: &'l [(Field, bool)],
}

impl List<'_> {
    /// The place of a row, which shows every field that it is sorted by.
    pub fn place(&self, vault: &Vault, tenant: TenantId, row: &Value) -> Result<String> {
        let value = |(field, _): &(Field, bool)| {
            row.get(field.name).ok_or_else(|| Error::internal(format!("a row without `{}`", field.name)))
        };
        let values = self.sort.iter().map(value).collect::<Result<Vec<&Value>>>()?;
        let text = serde_json::to_vec(&values).map_err(Error::internal)?;
        let tag = vault.mac(PURPOSE, Some(tenant), &self.signed(&text))?;
        Ok(URL_SAFE_NO_PAD.encode([tag.as_slice(), &text].concat()))
    }

    /// The values at a place. None: it is none of this list.
    pub fn read(&self, vault: &Vault, tenant: TenantId, place: &str) -> Option<Vec<Datum>> {
        let bytes = URL_SAFE_NO_PAD.decode(place).ok()?;
        let (tag, text) = bytes.split_first_chunk::<TAG>()?;
        let ours = vault.mac_matches(PURPOSE, Some(tenant), &self.signed(text), tag).ok()?;
        let values: Vec<Value> = serde_json::from_slice(text).ok().filter(|_| ours)?;
        let each = self.sort.iter().zip(values);
        each.map(|((field, _), value)| field.read(&Tree::from(value))).collect()
    }

    fn signed(&self, text: &[u8]) -> Vec<u8> {
        let sort: Vec<(&str, bool)> = self.sort.iter().map(|(field, down)| (field.name, *down)).collect();
        [json!([self.path, sort]).to_string().as_bytes(), text].concat()
    }
}
