//! What people switch at their own password login, once they have shown again who they are.

use tracing::instrument;

use super::{NOT_YOURS, STEP_UP, WRONG_CURRENT};
use crate::auth::password::entity::{Candidate, PasswordLogin};
use crate::base::{Error, Password, Result};
use crate::db::tx::{Audit, Forget, Happened};
use crate::identity::{Live, Scope, User};
use crate::sessions::steps::end_all;
use crate::users::presence::{self, Account, Shown};

/// The caller's own password login, in a session that is theirs by a factor of their home.
pub(super) async fn account(scope: &Scope) -> Result<Candidate> {
    let live = scope.live()?.clone();
    if live.impersonator.is_some() || !live.factors.of_home {
        return Err(NOT_YOURS.error());
    }
    let found = scope.read(move |conn| Ok(Candidate::member(conn, live.tenant, live.user)?)).await?;
    found.filter(|found| found.login.is_some()).ok_or_else(|| NOT_YOURS.error())
}

/// Asks for the current password, or for a fresh login.
pub(super) async fn confirm(scope: &Scope, account: &Candidate, current: Option<&Password>) -> Result<()> {
    let shown = Account {
        home: account.home.id,
        user: account.user.id,
        email: account.login.as_ref().map_or("", |login| &login.email),
        password_hash: account.hash(),
    };
    match presence::show(scope, &shown, current).await? {
        Shown::Yes => Ok(()),
        Shown::Stale => Err(STEP_UP.error()),
        Shown::Wrong(reason) => Err(WRONG_CURRENT.because(reason)),
    }
}

/// From now on a login by password also asks for the code that is mailed.
///
/// Refuses with `auth.requireUser.stepUpRequired`, `.incorrectLoginType` and
/// `authPasswordBased.updatePassword.invalidPassword`.
#[instrument(name = "password.enable_otp", skip_all)]
pub async fn enable_otp(scope: &Scope, current: Option<Password>) -> Result<()> {
    switch(scope, current, true).await
}

/// Refuses like `enable_otp`. The person's other sessions end.
#[instrument(name = "password.disable_otp", skip_all)]
pub async fn disable_otp(scope: &Scope, current: Option<Password>) -> Result<()> {
    switch(scope, current, false).await
}

async fn switch(scope: &Scope, current: Option<Password>, on: bool) -> Result<()> {
    let account = account(scope).await?;
    confirm(scope, &account, current.as_ref()).await?;
    let live: Live = (**scope.live()?).clone();
    let write = scope.write(move |tx| {
        let held = Candidate::member(tx.conn, live.tenant, live.user)?;
        if !held.is_some_and(|held| held.still_is(&account)) {
            return Err(Error::Stale);
        }
        PasswordLogin::set_otp(tx.conn, live.user, on.then_some(tx.now), tx.now)?;
        User::raise_epoch(tx.conn, live.user, tx.now)?;
        tx.forget(Forget::User(live.user))?;
        if !on {
            end_all(tx, live.user, None, Some(live.session), "factorRemoved")?;
        }
        let (action, trigger) = if on {
            ("password.enable_otp", "doorward.user.post.enableOtp")
        } else {
            ("password.disable_otp", "doorward.user.post.disableOtp")
        };
        tx.audit(Audit::success(action).of("user", live.user))?;
        tx.throw(Happened::new(trigger, "user", live.user))
    });
    write.await
}

/// The addresses that the caller logs in with: one, or none.
#[instrument(name = "password.emails", skip_all)]
pub async fn emails(scope: &Scope) -> Result<Option<PasswordLogin>> {
    let live = scope.live()?.clone();
    let found = scope.read(move |conn| Ok(Candidate::member(conn, live.tenant, live.user)?)).await?;
    Ok(found.and_then(|found| found.login))
}
