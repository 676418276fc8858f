//! Sign-ups and proofs whose time is over are deleted, and with them the addresses and passwords that they hold.

use super::entity::SignUpRow;
use crate::identity::job::Outcome;
use crate::identity::{Claimed, Handler, Scope};
use crate::management::cleaning::{BATCH, PATIENCE, all};
use crate::proofs::Proof;

pub fn handler() -> Handler {
    Handler::new("account.clean", clean).at("17 * * * *").within(PATIENCE)
}

async fn clean(scope: Scope, _: Claimed) -> Outcome {
    let now = scope.now();
    all(&scope, "sign_ups", move |conn| Ok(SignUpRow::clean(conn, now, BATCH)?)).await?;
    Ok(all(&scope, "one_time_proofs", move |conn| Ok(Proof::clean(conn, now, BATCH)?)).await?)
}
