//! What happens to inbound webhooks: they are made, changed and taken away; and what comes in by them.

use std::collections::BTreeSet;

use aws_lc_rs::digest::{SHA256, digest};
use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use serde_json::{Map, Value, json};
use tracing::instrument;
use uuid::Builder;

use super::answers::SecretShown;
use super::changes::{InboundChange, NewInbound, checked};
use super::entity::Inbound;
use super::signing::{Sent, verified};
use crate::actions::beginning::{Beginning, begin};
use crate::base::error::UNPARSABLE;
use crate::base::{DomainEventId, Error, InboundWebhookId, RecordId, Result, TenantId};
use crate::db::Json;
use crate::db::tx::{Audit, Happened, Tx};
use crate::http::strict;
use crate::identity::asking::Question;
use crate::identity::{Live, Scope};
use crate::permissions::known::WEBHOOK_MANAGE;
use crate::permissions::steps::{RIGHTS, held};

crate::refusals! {
    UNKNOWN_INBOUND = 404 "inbound.unknown" "This tenant has no such inbound webhook.";
    DUPLICATE_NAME = 409 "inbound.duplicateName" "This tenant has an inbound webhook of this name.";
    TOO_MANY_INBOUND = 409 "inbound.tooMany" "A tenant has at most 50 inbound webhooks. Remove one that nobody needs.";
    REFUSED = 401 "inbound.refused" "This message is not signed as it has to be, or nobody expects it here.";
}

const MOST: i64 = 50;

/// Where another program's messages come in.
///
/// Refuses with `inbound.duplicateName`, `inbound.tooMany`, `actions.denied` and `actions.unanswered`.
#[instrument(name = "inbound.create", skip_all)]
pub async fn create(scope: &Scope, new: NewInbound) -> Result<InboundWebhookId> {
    let (by, house, id) = (scope.live()?.clone(), scope.house.clone(), InboundWebhookId::new());
    let made = || format!("whsec_{}", STANDARD.encode(house.random.bytes32()));
    let secret = new.secret.unwrap_or_else(made);
    let inbound = Inbound {
        id,
        tenant_id: by.tenant,
        name: new.name,
        description: new.description,
        scheme: new.scheme,
        trigger_name: new.trigger,
        secret_sealed: Inbound::seal(&house.vault, (by.tenant, id), &secret)?,
        bounds: Json(BTreeSet::new()),
        is_enabled: new.is_enabled,
        created_at: scope.now(),
        updated_at: scope.now(),
    };
    checked(&inbound, &secret)?;
    let data = json!({ "name": inbound.name, "trigger": inbound.trigger_name });
    scope.ask(Question::of_new("doorward.inboundWebhook.pre.create", "inboundWebhook", data)).await?;
    let write = scope.write(move |tx| {
        let bounds = Json(writers(tx, &by)?);
        let inbound = Inbound { bounds, created_at: tx.now, updated_at: tx.now, ..inbound.clone() };
        if Inbound::count(tx.conn, by.tenant)? >= MOST {
            return Err(TOO_MANY_INBOUND.error());
        }
        if !inbound.insert(tx.conn)? {
            return Err(DUPLICATE_NAME.error());
        }
        tx.made(inbound.id);
        told(tx, &inbound, ("inbound.create", "doorward.inboundWebhook.post.create"))?;
        Ok(inbound.id)
    });
    write.await
}

/// Changes what is given and leaves what is absent. From then on no more follows than whoever changed it may do.
///
/// Refuses with `inbound.unknown`, and like [`create`].
#[instrument(name = "inbound.change", skip_all)]
pub async fn change(scope: &Scope, id: InboundWebhookId, change: InboundChange) -> Result<()> {
    let (by, house) = (scope.live()?.clone(), scope.house.clone());
    let data = json!({ "members": change.members() });
    scope.ask(Question::of("doorward.inboundWebhook.pre.patch", ("inboundWebhook", id), data)).await?;
    let write = scope.write(move |tx| {
        let bounds = Json(writers(tx, &by)?);
        let (was, change) = (found(tx, by.tenant, id)?, change.clone());
        let secret = match change.secret {
            Some(secret) => secret,
            None => was.secret(&house.vault)?,
        };
        let inbound = Inbound {
            name: change.name.unwrap_or(was.name),
            description: change.description.unwrap_or(was.description),
            scheme: change.scheme.unwrap_or(was.scheme),
            trigger_name: change.trigger.unwrap_or(was.trigger_name),
            secret_sealed: Inbound::seal(&house.vault, (by.tenant, id), &secret)?,
            is_enabled: change.is_enabled.unwrap_or(was.is_enabled),
            bounds,
            updated_at: tx.now,
            ..was
        };
        checked(&inbound, &secret)?;
        if Inbound::is_named(tx.conn, by.tenant, &inbound.name, id)? {
            return Err(DUPLICATE_NAME.error());
        }
        inbound.update(tx.conn)?;
        told(tx, &inbound, ("inbound.change", "doorward.inboundWebhook.post.patch"))
    });
    write.await
}

/// Takes it away: what is sent there is refused.
///
/// Refuses with `inbound.unknown`, `actions.denied` and `actions.unanswered`.
#[instrument(name = "inbound.remove", skip_all)]
pub async fn remove(scope: &Scope, id: InboundWebhookId) -> Result<()> {
    let by = scope.live()?.clone();
    scope.ask(Question::of("doorward.inboundWebhook.pre.delete", ("inboundWebhook", id), json!({}))).await?;
    let write = scope.write(move |tx| {
        writers(tx, &by)?;
        let inbound = found(tx, by.tenant, id)?;
        inbound.delete(tx.conn)?;
        told(tx, &inbound, ("inbound.remove", "doorward.inboundWebhook.post.delete"))
    });
    write.await
}

/// By what its sender signs.
///
/// Refuses with `inbound.unknown`.
#[instrument(name = "inbound.show_secret", skip_all)]
pub async fn show_secret(scope: &Scope, id: InboundWebhookId) -> Result<SecretShown> {
    let (tenant, house) = (scope.tenant_id()?, scope.house.clone());
    let write = scope.write(move |tx| {
        let inbound = found(tx, tenant, id)?;
        tx.audit(Audit::success("inbound.show_secret").of("inboundWebhook", id))?;
        Ok(SecretShown { secret: inbound.secret(&house.vault)? })
    });
    write.await
}

/// A message comes in. One that came before is taken and does nothing: senders send again what they think was lost.
///
/// Refuses with `inbound.refused`, whatever is wrong with it: whoever cannot sign learns nothing of what is there.
#[instrument(name = "inbound.receive", skip_all)]
pub async fn receive(scope: &Scope, (tenant, id): (TenantId, InboundWebhookId), body: Vec<u8>) -> Result<()> {
    let known = scope.house.tenant(tenant).await?.filter(|tenant| tenant.is_open());
    let scope = scope.within(known.ok_or_else(|| REFUSED.because("tenant"))?, None);
    let inbound = scope.read(move |conn| Ok(Inbound::find(conn, tenant, id)?)).await?;
    let inbound = inbound.filter(|inbound| inbound.is_enabled).ok_or_else(|| REFUSED.because("unknown"))?;
    let secret = inbound.secret(&scope.house.vault)?;
    let headers = scope.incoming.signatures.clone();
    let sent = Sent { headers: &headers, body: &body, now: scope.now() };
    let message = verified(inbound.scheme, &secret, sent).ok_or_else(|| REFUSED.because("signature"))?;
    scope.house.limiter.spend("inbound", id.0.as_bytes(), 1)?;
    let payload = strict::parse(&body).map_err(|_| UNPARSABLE.error())?;
    let kind = kind(&headers, &payload);
    let write = scope.write(move |tx| {
        let inbound = Inbound::find(tx.conn, tenant, id)?.filter(|inbound| inbound.is_enabled);
        let inbound = inbound.ok_or_else(|| REFUSED.because("unknown"))?;
        throw(tx, &inbound, (&message, &kind, &payload))
    });
    write.await
}

/// What the sender calls what happened.
fn kind(headers: &[(&'static str, String)], payload: &Value) -> Value {
    let of_header = headers.iter().find(|(name, _)| *name == "x-github-event");
    of_header.map_or_else(|| payload.get("type").cloned().unwrap_or_default(), |(_, kind)| json!(kind))
}

/// Who they are that it is about nobody here knows: a member `user` of ours would name them, and `payload` is the sender's own.
fn throw(tx: &mut Tx, inbound: &Inbound, (message, kind, payload): (&str, &Value, &Value)) -> Result<()> {
    let known = json!({ "inboundWebhook": inbound.id, "message": message, "type": kind });
    let mut data = known.as_object().cloned().unwrap_or_else(Map::new);
    data.insert("payload".into(), payload.clone());
    let beginning = Beginning {
        tenant: inbound.tenant_id,
        of: ("inboundWebhook", RecordId::of(inbound.id.0), &inbound.name),
        trigger: &inbound.trigger_name,
        // One message is one event, however often it comes.
        event: event_of(inbound.id, message),
        bounds: inbound.bounds.0.clone(),
        known,
        detail: json!({ "thrown": inbound.trigger_name, "type": kind }),
        data,
    };
    begin(tx, beginning)?;
    Ok(())
}

fn event_of(id: InboundWebhookId, message: &str) -> DomainEventId {
    let hash = digest(&SHA256, &[id.0.as_bytes().as_slice(), message.as_bytes()].concat());
    let mut bytes = [0; 16];
    bytes.iter_mut().zip(hash.as_ref()).for_each(|(byte, of_hash)| *byte = *of_hash);
    DomainEventId::of(Builder::from_custom_bytes(bytes).into_uuid())
}

fn found(tx: &mut Tx, tenant: TenantId, id: InboundWebhookId) -> Result<Inbound> {
    Inbound::find(tx.conn, tenant, id)?.ok_or_else(|| UNKNOWN_INBOUND.error())
}

/// What they hold, asked again behind whoever changes rights.
fn writers(tx: &mut Tx, by: &Live) -> Result<BTreeSet<String>> {
    tx.lock(RIGHTS, by.tenant)?;
    let held = held(tx, by.tenant, by.user)?;
    if held.contains(WEBHOOK_MANAGE) { Ok(held) } else { Err(Error::Stale) }
}

fn told(tx: &mut Tx, inbound: &Inbound, (event, trigger): (&'static str, &'static str)) -> Result<()> {
    let kept = json!({
        "name": inbound.name, "scheme": inbound.scheme, "trigger": inbound.trigger_name,
        "isEnabled": inbound.is_enabled,
    });
    tx.audit(Audit::success(event).of("inboundWebhook", inbound.id).with(kept))?;
    tx.throw(Happened::new(trigger, "inboundWebhook", inbound.id).with(json!({ "name": inbound.name })))
}
