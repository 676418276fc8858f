//! `Idempotency-Key`: a call that makes something makes it once, however often it is sent (RACE-5). The answer is kept in the
//! transaction that made the thing. A twin waits for that transaction, and is then given what it left.
//!
//! A key belongs to who sent it, in their tenant, on one route. What is refused leaves nothing: it may be tried again.

use std::sync::Arc;
use std::time::Duration;

use aws_lc_rs::digest::{SHA256, digest};
use diesel::prelude::*;
use serde_json::json;

use super::route::{Input, Route};
use super::scope::{Around, Scope, Who};
use crate::base::{Error, HashedToken, RecordId, Result, TenantId, Timestamp};
use crate::components::vault::{Place, Vault};
use crate::db::schema::idempotency_keys as keys;
use crate::db::tx::Tx;
use crate::db::{BothDsl, DbConn};
use crate::http::Answer;
use crate::http::answer::Content;

crate::refusals! {
    UNUSABLE = 422 "idempotencyKey.unusable" "Send 22 to 255 characters as Idempotency-Key: at least 128 random bits.";
    REUSED = 422 "idempotencyKey.reused" "This Idempotency-Key was sent with other words before. Take a new one for each thing.";
    /// Seen by a caller only where the first call is not decided yet.
    TAKEN = 409 "idempotencyKey.inFlight" "The same call is being carried out. Send it again to be told what it came to.";
}

/// A call under a key.
pub struct Once {
    id: RecordId,
    tenant: TenantId,
    key: HashedToken,
    input: HashedToken,
    lifetime: Duration,
    vault: Vault,
}

/// Carries out a route. One that makes something does it once for each key.
pub async fn run(route: &Route, scope: &Scope, input: &Input) -> Result<Answer> {
    let Some(once) = Once::of(route, scope, input)? else {
        return route.run(scope.clone(), input.clone()).await;
    };
    let once = Arc::new(once);
    if let Some(answer) = once.kept(route, scope).await? {
        return Ok(answer);
    }
    let under = scope.around(Around { once: Some(once.clone()), ..scope.around.clone() });
    match route.run(under, input.clone()).await {
        Err(error) if error.is(&TAKEN) => once.kept(route, scope).await?.ok_or(error),
        outcome => outcome,
    }
}

impl Once {
    fn of(route: &Route, scope: &Scope, input: &Input) -> Result<Option<Self>> {
        let key = scope.incoming.idempotency_key.as_deref().filter(|_| route.creates);
        let (Some(key), Who::Session(live)) = (key, &scope.who) else { return Ok(None) };
        if !(22..=255).contains(&key.len()) {
            return Err(UNUSABLE.error());
        }
        let input = match input {
            Input::Members(members) => json!([members]),
            Input::Call(call) => json!([call.params, call.data, call.query.told()]),
            // Such a message says itself whether it came before.
            Input::Bytes(body) => json!([body]),
        };
        Ok(Some(Self {
            id: RecordId::new(),
            tenant: live.tenant,
            key: hashed(&json!([live.user, live.impersonator, route.method.word(), route.path, key])),
            input: hashed(&input),
            lifetime: scope.house.config.lifetimes.idempotent_recovery,
            vault: scope.house.vault.clone(),
        }))
    }

    /// What the first such call was answered.
    async fn kept(&self, route: &Route, scope: &Scope) -> Result<Option<Answer>> {
        let (tenant, key, than) = (self.tenant, self.key.clone(), scope.now() - self.lifetime);
        let read = scope.read(move |conn| {
            let row = keys::table.filter(keys::tenant_id.eq(tenant).and(keys::key_hash.eq(key.clone())));
            let row = row.filter(keys::created_at.gt(than));
            let row = row.select((keys::id, keys::input_hash, keys::answer_sealed));
            Ok(row.get_result::<(RecordId, HashedToken, Vec<u8>)>(conn).optional()?)
        });
        let Some((id, input, sealed)) = read.await? else { return Ok(None) };
        if input != self.input {
            return Err(REUSED.error());
        }
        let body = self.vault.open(&self.place(id), &sealed)?.to_vec();
        let answer = Answer::new(route.status, Content::Raw("application/json", body));
        Ok(Some(answer.header("idempotent-replayed", "true")))
    }

    /// Whoever comes second waits here for who came first.
    pub fn claim(&self, tx: &mut Tx) -> Result<()> {
        if self.insert(tx)? || (self.forget_old(tx)? && self.insert(tx)?) {
            Ok(())
        } else {
            Err(TAKEN.error())
        }
    }

    fn insert(&self, tx: &mut Tx) -> Result<bool> {
        let row = (
            keys::id.eq(self.id),
            keys::tenant_id.eq(self.tenant),
            keys::key_hash.eq(self.key.clone()),
            keys::input_hash.eq(self.input.clone()),
            keys::answer_sealed.eq(Vec::<u8>::new()),
            keys::created_at.eq(tx.now),
        );
        let inserted = diesel::insert_into(keys::table).values(row).on_conflict_do_nothing().both();
        Ok(inserted.execute(tx.conn)? == 1)
    }

    /// The same key, after its time: it may mean something again.
    fn forget_old(&self, tx: &mut Tx) -> Result<bool> {
        let row =
            keys::table.filter(keys::tenant_id.eq(self.tenant).and(keys::key_hash.eq(self.key.clone())));
        Ok(diesel::delete(row.filter(keys::created_at.le(tx.now - self.lifetime))).execute(tx.conn)? == 1)
    }

    pub fn keep(&self, tx: &mut Tx) -> Result<()> {
        let answer = tx.effects.answer.take();
        let answer =
            answer.ok_or_else(|| Error::internal("a call under a key says nothing of what it made"))?;
        let sealed = self.vault.seal(&self.place(self.id), &answer)?;
        diesel::update(keys::table.find(self.id)).set(keys::answer_sealed.eq(sealed)).execute(tx.conn)?;
        Ok(())
    }

    fn place(&self, row: RecordId) -> Place {
        Place { tenant: Some(self.tenant), table: "idempotency_keys", column: "answer_sealed", row: row.0 }
    }
}

fn hashed(value: &serde_json::Value) -> HashedToken {
    HashedToken(digest(&SHA256, value.to_string().as_bytes()).as_ref().to_vec())
}

/// Answers that nobody may ask for again.
pub fn clean(conn: &mut DbConn, than: Timestamp, at_most: i64) -> QueryResult<usize> {
    let old = keys::table.filter(keys::created_at.le(than)).order(keys::created_at).limit(at_most);
    let ids: Vec<RecordId> = old.select(keys::id).load(conn)?;
    diesel::delete(keys::table.filter(keys::id.eq_any(ids))).execute(conn)
}
