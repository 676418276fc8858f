//! A tenant: its row, its settings, and how it is found.

use std::collections::BTreeMap;

use diesel::prelude::*;
use serde::{Deserialize, Serialize};

use crate::base::password::ALONE;
use crate::base::{TenantId, Timestamp};
use crate::db::schema::{tenant_hosts, tenants};
use crate::db::{DbConn, Json, columns};

#[derive(Debug, Clone, Queryable, Selectable, Insertable)]
#[diesel(table_name = tenants, treat_none_as_default_value = false)]
pub struct Tenant {
    pub id: TenantId,
    /// Short, unique, and part of no secret: `demo`.
    pub name: String,
    pub display_name: String,
    /// An identity, not an address: changed only by moving.
    pub issuer: String,
    /// From which links in mails come. Never taken from a request.
    pub public_url: String,
    pub data: Json<serde_json::Value>,
    pub settings: Json<TenantSettings>,
    pub epoch: i64,
    pub created_at: Timestamp,
    pub updated_at: Timestamp,
    pub suspended_at: Option<Timestamp>,
    pub deleted_at: Option<Timestamp>,
}

/// The least minimum where every login asks for a second factor.
const WITH_FACTOR: usize = 8;

crate::choice! {
    /// Who may make an account.
    SignUp { Open = "open", Invitation = "invitation", Closed = "closed" }
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, rename_all = "camelCase")]
pub struct TenantSettings {
    pub sign_up: SignUp,
    /// Other tenants at which this home's password is accepted. They list each other, or nobody is.
    pub sign_in_at: Vec<String>,
    pub languages: Vec<String>,
    pub accent: Option<String>,
    /// As the tenants file names them; `brand` is the accent.
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    pub colours: BTreeMap<String, String>,
    pub sender: Option<String>,
    pub password_minimum: Option<u32>,
    /// Every password login asks for the code that is mailed, whether the person chose so or not.
    pub email_code: bool,
    /// Issuers that this tenant had: their tokens are good until the last of them has died.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub former_issuers: Vec<FormerIssuer>,
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct FormerIssuer {
    pub issuer: String,
    pub until: Timestamp,
}

impl Default for TenantSettings {
    fn default() -> Self {
        Self {
            sign_up: SignUp::Open,
            sign_in_at: Vec::new(),
            languages: vec!["en".into(), "nl".into()],
            accent: None,
            colours: BTreeMap::new(),
            sender: None,
            password_minimum: None,
            email_code: false,
            former_issuers: Vec::new(),
        }
    }
}

impl Tenant {
    pub fn is_open(&self) -> bool {
        self.suspended_at.is_none() && self.deleted_at.is_none()
    }

    /// Its own, or one that it had and whose tokens are still alive.
    pub fn issues(&self, issuer: &str, now: Timestamp) -> bool {
        let former = &self.settings.0.former_issuers;
        self.issuer == issuer || former.iter().any(|one| one.issuer == issuer && now < one.until)
    }

    /// In code points. A tenant may ask for more, never for less.
    pub fn shortest_password(&self) -> usize {
        let floor = if self.settings.0.email_code { WITH_FACTOR } else { ALONE };
        let own = self.settings.0.password_minimum.and_then(|own| usize::try_from(own).ok());
        own.map_or(floor, |own| own.max(floor))
    }

    pub fn find(conn: &mut DbConn, id: TenantId) -> QueryResult<Option<Self>> {
        tenants::table.find(id).select(columns::<Self>()).get_result(conn).optional()
    }

    pub fn named(conn: &mut DbConn, name: &str) -> QueryResult<Option<Self>> {
        tenants::table.filter(tenants::name.eq(name)).select(columns::<Self>()).get_result(conn).optional()
    }

    pub fn at_host(conn: &mut DbConn, host: &str) -> QueryResult<Option<TenantId>> {
        tenant_hosts::table.find(host).select(tenant_hosts::tenant_id).get_result(conn).optional()
    }

    pub fn has_pages_at(conn: &mut DbConn, host: &str) -> QueryResult<bool> {
        let urls = ["https", "http"].map(|scheme| format!("{scheme}://{host}"));
        let urls: Vec<String> = urls.iter().flat_map(|url| [url.clone(), format!("{url}/")]).collect();
        let there = tenants::table.filter(tenants::public_url.eq_any(urls)).select(tenants::id);
        let there: Option<TenantId> = there.first(conn).optional()?;
        Ok(there.is_some())
    }

    pub fn issuing(conn: &mut DbConn, issuers: &[String; 2]) -> QueryResult<Option<TenantId>> {
        let of_one = tenants::table.filter(tenants::issuer.eq_any(issuers.clone()));
        // Https first: the other one exists on a developer's machine only.
        of_one.order(tenants::issuer.desc()).select(tenants::id).first(conn).optional()
    }

    /// Whatever was decided in this tenant before is old.
    pub fn raise_epoch(conn: &mut DbConn, id: TenantId, now: Timestamp) -> QueryResult<usize> {
        use tenants as t;
        diesel::update(t::table.find(id))
            .set((t::epoch.eq(t::epoch + 1), t::updated_at.eq(now)))
            .execute(conn)
    }

    /// The epoch, if the tenant is open: what a write compares with what its request saw.
    pub fn open_epoch(conn: &mut DbConn, id: TenantId) -> QueryResult<Option<i64>> {
        tenants::table
            .find(id)
            .filter(tenants::suspended_at.is_null())
            .filter(tenants::deleted_at.is_null())
            .select(tenants::epoch)
            .get_result(conn)
            .optional()
    }
}
