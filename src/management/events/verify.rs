//! The whole database is held against its rules.

use tracing::instrument;

use super::super::entity::rules::{self, Fault};
use crate::base::Result;
use crate::identity::Scope;

/// Every fault, wrong or late. An empty list is what an operator wants to see after a restore or a crash.
#[instrument(name = "management.verify", skip_all)]
pub async fn verify(scope: &Scope) -> Result<Vec<Fault>> {
    let (vault, now) = (scope.house.vault.clone(), scope.now());
    scope.read(move |conn| rules::faults(conn, Some(&vault), now)).await
}
