//! What people see and edit of themselves.

use std::any::Any;
use std::collections::BTreeMap;
use std::sync::Arc;

use serde_json::json;
use tracing::instrument;

use crate::base::{Error, Result, TenantId, UserId};
use crate::db::tx::{Audit, Forget, Happened};
use crate::db::{Above, DbConn};
use crate::identity::asking::Question;
use crate::identity::gate::REVOKED;
use crate::identity::gather::reading;
use crate::identity::{Live, Scope, User};
use crate::users::answers::{Me, MySession, UserSummary};
use crate::users::entity::{self, Edit};

use super::NOT_YOURS_TO_EDIT;

/// The session and the person in it. Asks the database once in two seconds at most.
#[instrument(name = "users.me", skip_all)]
pub async fn me(scope: &Scope) -> Result<Me> {
    let live = scope.live()?.clone();
    let user = shown(scope, &live).await?;
    Ok(Me { session: session(&live), user: (*user).clone() })
}

fn session(live: &Live) -> MySession {
    MySession {
        r#type: "user",
        login_type: live.login_type,
        next: None,
        session_id: live.session,
        user_id: live.user,
        impersonator_user_id: live.impersonator,
        authenticated_at: live.authenticated_at,
        expires_at: live.idle_expires_at.min(live.absolute_expires_at),
    }
}

async fn shown(scope: &Scope, live: &Live) -> Result<Arc<UserSummary>> {
    let (cache, key, now) = (&scope.house.people, (live.tenant, live.user), scope.now());
    if let Some(known) = cache.get(&key, now).and_then(|known| known.downcast::<UserSummary>().ok()) {
        return Ok(known);
    }
    let ticket = cache.ticket(&key, now);
    let asked = scope.house.asked_people.ask(key, (), reading(&scope.house.db, Above::Person, find)).await?;
    let summary = asked.ok_or_else(|| REVOKED.error())?;
    cache.fill(key, summary.clone(), ticket);
    summary.downcast().map_err(|_| Error::internal("a person is remembered in another shape"))
}

type Found = BTreeMap<(TenantId, UserId), Arc<dyn Any + Send + Sync>>;

fn find(conn: &mut DbConn, asked: &BTreeMap<(TenantId, UserId), ()>) -> Result<Found> {
    let (mut found, keys) = (Found::new(), asked.keys().copied().collect::<Vec<_>>());
    for there in keys.chunk_by(|one, other| one.0 == other.0) {
        let ids: Vec<UserId> = there.iter().map(|(_, user)| *user).collect();
        let Some((tenant, _)) = there.first() else { continue };
        let people = User::members(conn, *tenant, &ids)?;
        let summaries = entity::summaries(conn, *tenant, people)?;
        found.extend(summaries.into_iter().map(|one| ((*tenant, one.id), Arc::new(one) as Arc<_>)));
    }
    Ok(found)
}

/// Changes name, language or profile; what is absent stays.
///
/// Refuses with `auth.requireUser.incorrectLoginType` whoever is not here as themselves by a factor of their home.
#[instrument(name = "users.edit_me", skip_all)]
pub async fn edit_me(scope: &Scope, edit: Edit) -> Result<Me> {
    let live = scope.live()?.clone();
    if live.impersonator.is_some() || !live.factors.of_home {
        return Err(NOT_YOURS_TO_EDIT.error());
    }
    let members = changed(&edit);
    let user = live.user;
    scope.ask(Question::of("doorward.user.pre.patch", ("user", user), json!({ "members": members }))).await?;
    let write = scope.write(move |tx| {
        if entity::edit(tx.conn, user, &edit, tx.now)? == 0 {
            return Err(Error::Stale);
        }
        tx.forget(Forget::User(user))?;
        let data = json!({ "members": members });
        tx.audit(Audit::success("users.edit_me").of("user", user).with(data.clone()))?;
        tx.throw(Happened::new("doorward.user.post.patch", "user", user).with(data))
    });
    write.await?;
    me(scope).await
}

fn changed(edit: &Edit) -> Vec<&'static str> {
    let members = [
        ("name", edit.name.is_some()),
        ("locale", edit.locale.is_some()),
        ("profile", edit.profile.is_some()),
    ];
    members.into_iter().filter(|(_, changed)| *changed).map(|(name, _)| name).collect()
}
