//! What happens to webhooks: they are made, changed and taken away, their secrets turned, and what they missed is sent again.

use serde_json::json;
use tracing::instrument;
use url::Url;

use super::answers::{Replayed, SecretShown};
use super::changes::{NewWebhook, WebhookChange, checked, normal};
use super::entity::{Delivery, DeliveryState, Webhook};
use super::secret::{self, Secret};
use crate::base::{DeliveryId, Result, TenantId, Timestamp, WebhookId};
use crate::db::Json;
use crate::db::tx::{Audit, Happened, Tx};
use crate::identity::Scope;
use crate::identity::asking::Question;
use crate::permissions::known::USER_LIST;

crate::refusals! {
    UNKNOWN_WEBHOOK = 404 "webhooks.unknown" "This tenant has no such webhook.";
    TOO_MANY_WEBHOOKS = 409 "webhooks.tooMany" "A tenant has at most 50 webhooks. Remove one that nobody needs.";
    NOT_OVER = 409 "webhooks.delivery.notOver" "This delivery is still on its way.";
    UNKNOWN_DELIVERY = 404 "webhooks.delivery.unknown" "This tenant has no such delivery.";
}

const MOST: i64 = 50;
/// In which the changes of a tenant's webhooks stand.
const QUEUE: &str = "webhooks";
/// So long the secret before signs too.
const BOTH: std::time::Duration = std::time::Duration::from_secs(24 * 3600);
/// Deliveries that one call sends again.
const REPLAYED: i64 = 500;

/// Whom to tell.
///
/// Refuses with `webhooks.tooMany`, `actions.denied` and `actions.unanswered`.
#[instrument(name = "webhooks.create", skip_all)]
pub async fn create(scope: &Scope, new: NewWebhook) -> Result<WebhookId> {
    let (tenant, house) = (scope.tenant_id()?, scope.house.clone());
    let (id, secret) = (WebhookId::new(), Secret::new(house.random));
    let webhook = Webhook {
        id,
        tenant_id: tenant,
        url: normal(new.url),
        description: new.description,
        listens: Json(new.listens),
        is_enabled: new.is_enabled,
        shows_people: scope.live()?.may(USER_LIST),
        secret_sealed: secret.seal(&house.vault, (tenant, id))?,
        previous_sealed: None,
        previous_until: None,
        created_at: scope.now(),
        updated_at: scope.now(),
    };
    checked(&webhook, &house.egress)?;
    let data = json!({ "listens": webhook.listens.0 });
    scope.ask(Question::of_new("doorward.webhook.pre.create", "webhook", data)).await?;
    let write = scope.write(move |tx| {
        tx.lock(QUEUE, tenant)?;
        if Webhook::count(tx.conn, tenant)? >= MOST {
            return Err(TOO_MANY_WEBHOOKS.error());
        }
        let webhook = Webhook { created_at: tx.now, updated_at: tx.now, ..webhook.clone() };
        webhook.insert(tx.conn)?;
        tx.made(webhook.id);
        told(tx, &webhook, ("webhooks.create", "doorward.webhook.post.create"))?;
        Ok(webhook.id)
    });
    write.await
}

/// Changes what is given and leaves what is absent.
///
/// Refuses with `webhooks.unknown`, `actions.denied` and `actions.unanswered`.
#[instrument(name = "webhooks.change", skip_all)]
pub async fn change(scope: &Scope, id: WebhookId, change: WebhookChange) -> Result<()> {
    let (tenant, house) = (scope.tenant_id()?, scope.house.clone());
    let shows_people = scope.live()?.may(USER_LIST);
    let data = json!({ "members": change.members() });
    scope.ask(Question::of("doorward.webhook.pre.patch", ("webhook", id), data)).await?;
    let write = scope.write(move |tx| {
        let (was, change) = (found(tx, tenant, id)?, change.clone());
        let webhook = Webhook {
            url: change.url.map_or(was.url, normal),
            description: change.description.unwrap_or(was.description),
            listens: change.listens.map_or(was.listens, Json),
            is_enabled: change.is_enabled.unwrap_or(was.is_enabled),
            shows_people,
            updated_at: tx.now,
            ..was
        };
        checked(&webhook, &house.egress)?;
        webhook.update(tx.conn)?;
        told(tx, &webhook, ("webhooks.change", "doorward.webhook.post.patch"))
    });
    write.await
}

/// Takes it away, with what it was sent.
///
/// Refuses with `webhooks.unknown`, `actions.denied` and `actions.unanswered`.
#[instrument(name = "webhooks.remove", skip_all)]
pub async fn remove(scope: &Scope, id: WebhookId) -> Result<()> {
    let tenant = scope.tenant_id()?;
    scope.ask(Question::of("doorward.webhook.pre.delete", ("webhook", id), json!({}))).await?;
    let write = scope.write(move |tx| {
        let webhook = found(tx, tenant, id)?;
        webhook.delete(tx.conn)?;
        told(tx, &webhook, ("webhooks.remove", "doorward.webhook.post.delete"))
    });
    write.await
}

/// Behind whoever else changes one of the tenant's: a change writes the whole row, and must not bring back a secret that was
/// turned.
fn found(tx: &mut Tx, tenant: TenantId, id: WebhookId) -> Result<Webhook> {
    tx.lock(QUEUE, tenant)?;
    Webhook::find(tx.conn, tenant, id)?.ok_or_else(|| UNKNOWN_WEBHOOK.error())
}

fn told(tx: &mut Tx, webhook: &Webhook, (event, trigger): (&'static str, &'static str)) -> Result<()> {
    // The rest of an address may hold a secret of the other end: it stands in the row and nowhere else.
    let origin = webhook.url.parse::<Url>().map(|url| url.origin().ascii_serialization()).ok();
    let data = json!({ "origin": origin, "listens": webhook.listens.0, "isEnabled": webhook.is_enabled });
    tx.audit(Audit::success(event).of("webhook", webhook.id).with(data))?;
    tx.throw(Happened::new(trigger, "webhook", webhook.id))
}

/// By what its messages are signed.
///
/// Refuses with `webhooks.unknown`.
#[instrument(name = "webhooks.show_secret", skip_all)]
pub async fn show_secret(scope: &Scope, id: WebhookId) -> Result<SecretShown> {
    let (tenant, house) = (scope.tenant_id()?, scope.house.clone());
    let write = scope.write(move |tx| {
        let webhook = found(tx, tenant, id)?;
        tx.audit(Audit::success("webhooks.show_secret").of("webhook", id))?;
        let secret = secret::of(&house.vault, &webhook)?.shown();
        Ok(SecretShown { secret, previous_until: webhook.previous_until })
    });
    write.await
}

/// A new secret. For a day messages are signed by the one before, too.
///
/// Refuses with `webhooks.unknown`. Nobody is asked: the secret before may be in wrong hands.
#[instrument(name = "webhooks.rotate_secret", skip_all)]
pub async fn rotate_secret(scope: &Scope, id: WebhookId) -> Result<SecretShown> {
    let (tenant, house) = (scope.tenant_id()?, scope.house.clone());
    let write = scope.write(move |tx| {
        let was = found(tx, tenant, id)?;
        let secret = Secret::new(house.random);
        let until = tx.now + BOTH;
        let webhook = Webhook {
            secret_sealed: secret.seal(&house.vault, (tenant, id))?,
            previous_sealed: Some(was.secret_sealed.clone()),
            previous_until: Some(until),
            updated_at: tx.now,
            ..was
        };
        webhook.update(tx.conn)?;
        told(tx, &webhook, ("webhooks.rotate_secret", "doorward.webhook.post.patch"))?;
        Ok(SecretShown { secret: secret.shown(), previous_until: Some(until) })
    });
    write.await
}

/// Sends one again, whatever became of it.
///
/// Refuses with `webhooks.delivery.unknown` and `webhooks.delivery.notOver`.
#[instrument(name = "webhooks.resend", skip_all)]
pub async fn resend(scope: &Scope, id: DeliveryId) -> Result<()> {
    let tenant = scope.tenant_id()?;
    let write = scope.write(move |tx| {
        let delivery = Delivery::find(tx.conn, tenant, id)?.ok_or_else(|| UNKNOWN_DELIVERY.error())?;
        if delivery.state == DeliveryState::Queued {
            return Err(NOT_OVER.error());
        }
        again(tx, &delivery)?;
        tx.audit(Audit::success("webhooks.resend").of("delivery", id))
    });
    write.await
}

/// Sends again what nobody took between two times, oldest first, so many at a go.
///
/// Refuses with `webhooks.unknown`.
#[instrument(name = "webhooks.replay", skip_all)]
pub async fn replay(scope: &Scope, id: WebhookId, range: (Timestamp, Timestamp)) -> Result<Replayed> {
    let tenant = scope.tenant_id()?;
    let write = scope.write(move |tx| {
        let webhook = found(tx, tenant, id)?;
        let failed = Delivery::failed(tx.conn, &webhook, range, REPLAYED)?;
        failed.iter().try_for_each(|delivery| again(tx, delivery))?;
        let data = json!({ "deliveries": failed.len() });
        tx.audit(Audit::success("webhooks.replay").of("webhook", id).with(data))?;
        Ok(Replayed { deliveries: failed.len() })
    });
    write.await
}

fn again(tx: &mut Tx, delivery: &Delivery) -> Result<()> {
    delivery.requeue(tx.conn, tx.now)?;
    tx.ring()
}
