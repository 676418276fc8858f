//! What conditions and handlers see of what happened: the event as it was, and the person whom it concerns as they are now.

use serde_json::{Value, json};

use super::entity::Event;
use crate::base::{Result, TenantId, UserId};
use crate::db::DbConn;
use crate::identity::{Tenant, User};
use crate::permissions;
use crate::users;

/// As it is kept with the run.
pub fn of(event: &Event) -> Value {
    let (kind, id) = &event.subject;
    json!({
        "event": event.trigger,
        "id": event.id,
        "time": event.at,
        // As wide as any: the field compares it as a text.
        "sequence": format!("{:020}", event.sequence),
        "actor": { "kind": event.actor.0, "id": event.actor.1 },
        "subject": { "kind": kind, "id": id },
        "data": event.data.0,
    })
}

/// Whom it concerns: who it happened to, or whom its data names.
pub fn person(envelope: &Value) -> Option<UserId> {
    let subject =
        envelope.get("subject").filter(|subject| subject.get("kind").is_some_and(|kind| kind == "user"));
    let id = subject.and_then(|subject| subject.get("id")).or_else(|| envelope.get("data")?.get("user"));
    id.and_then(Value::as_str)?.parse().ok()
}

/// With what is known now of the tenant and of the person.
pub fn completed(conn: &mut DbConn, tenant: &Tenant, mut envelope: Value) -> Result<Value> {
    let user = match person(&envelope) {
        Some(id) => known(conn, tenant.id, id)?,
        None => None,
    };
    if let Value::Object(members) = &mut envelope {
        members.insert("tenant".into(), json!({ "id": tenant.id, "name": tenant.name }));
        members.insert("user".into(), user.unwrap_or_default());
    }
    Ok(envelope)
}

fn known(conn: &mut DbConn, tenant: TenantId, id: UserId) -> Result<Option<Value>> {
    let Some(person) = User::member(conn, tenant, id)?.filter(|person| person.deleted_at.is_none()) else {
        return Ok(None);
    };
    let email = users::entity::address(conn, id)?;
    let domain = email.as_deref().and_then(|email| email.rsplit_once('@')).map(|(_, domain)| domain);
    let roles = permissions::entity::of_user(conn, tenant, id)?;
    let roles: Vec<String> = roles.into_iter().map(|role| role.identifier).collect();
    Ok(Some(json!({
        "id": person.id,
        "name": person.name,
        "email": email,
        "emailDomain": domain,
        "active": person.is_active(),
        "locale": person.locale,
        "createdAt": person.created_at,
        "roles": roles,
    })))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_person_is_the_subject_or_named_by_the_data() {
        let (one, other) = (UserId::new(), UserId::new());
        let subject = json!({ "subject": { "kind": "user", "id": one }, "data": { "user": other } });
        let data = json!({ "subject": { "kind": "session", "id": one }, "data": { "user": other } });
        let nobody = json!({ "subject": { "kind": "role", "id": one }, "data": {} });

        assert_eq!((person(&subject), person(&data), person(&nobody)), (Some(one), Some(other), None));
    }
}
