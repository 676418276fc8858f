//! People for tests: with an address and a password, and sessions without the trouble of logging in.

use diesel::prelude::*;
use doorward::base::{Email, Password, UserId};
use doorward::db::schema::{login_identifiers, password_logins};
use doorward::identity::{Factors, LoginType, Scope, User};
use doorward::permissions;
use doorward::sessions::device::Device;
use doorward::sessions::steps::{self, Start};

use super::app::{App, Door, Reply};

pub const PASSWORD: &str = "violet-kettle-orbit-47-lantern";

/// Somebody's session through one door: what their app holds.
#[derive(Debug, Clone)]
pub struct Holder {
    pub user: UserId,
    pub access: String,
    pub refresh: String,
}

impl App {
    /// A verified person at home in the door's tenant.
    pub async fn person(&self, door: &Door, email: &str) -> UserId {
        let house = self.running.house.clone();
        let password = Password::parse(PASSWORD.into()).unwrap();
        let hash = house.hasher.hash(Some(door.tenant), &password).await.unwrap();
        let email = Email::parse(email).unwrap().as_str().to_owned();
        let tenant = door.tenant;
        let scope = Scope::of_house(house, None);
        let made = scope.write(move |tx| {
            let user = User::new(tenant, Some("Ada".into()), None, tx.now);
            user.insert(tx.conn)?;
            use login_identifiers as i;
            let at = (i::tenant_id.eq(tenant), i::kind.eq("email"), i::value.eq(&email));
            diesel::insert_into(i::table)
                .values((at, i::user_id.eq(user.id), i::created_at.eq(tx.now)))
                .execute(tx.conn)?;
            use password_logins as p;
            let login = (
                p::user_id.eq(user.id),
                p::tenant_id.eq(tenant),
                p::email.eq(&email),
                p::password_hash.eq(&hash),
            );
            let state = (p::must_change.eq(false), p::verified_at.eq(tx.now), p::changed_at.eq(tx.now));
            let dates = (p::created_at.eq(tx.now), p::updated_at.eq(tx.now));
            diesel::insert_into(p::table).values((login, state, dates)).execute(tx.conn)?;
            Ok(user.id)
        });
        made.await.unwrap()
    }

    /// Makes somebody of another tenant a member here.
    pub async fn join(&self, door: &Door, user: UserId) {
        let (scope, tenant) = (Scope::of_house(self.running.house.clone(), None), door.tenant);
        scope.write(move |tx| Ok(User::join(tx.conn, tenant, user, tx.now)?)).await.unwrap();
    }

    /// Makes somebody an admin of the door's tenant.
    pub async fn promote(&self, door: &Door, user: UserId) {
        let tenant = door.tenant;
        let scope = Scope::of_house(self.running.house.clone(), None);
        let promoted = scope.write(move |tx| {
            let role = permissions::steps::mandatory_roles(tx, tenant)?;
            permissions::steps::give(tx, &role, user)
        });
        promoted.await.unwrap();
    }

    /// A session through the door's client.
    pub async fn session(&self, door: &Door, user: UserId) -> Holder {
        self.session_on(door, user, None).await
    }

    pub async fn session_on(&self, door: &Door, user: UserId, device: Option<Device>) -> Holder {
        let house = self.running.house.clone();
        let tenant = house.tenant(door.tenant).await.unwrap();
        let app = house.app(&door.client).await.unwrap().unwrap();
        let start = Start {
            user,
            login_type: LoginType::Password,
            factors: Factors { methods: vec!["pwd".into()], of_home: true },
            device,
            authenticated_at: None,
            absolute_end: None,
        };
        let scope = Scope::of_house(house.clone(), None).within(tenant.unwrap(), Some(app.clone()));
        let started = scope.write(move |tx| steps::start(tx, &house, &app, start.clone())).await.unwrap();
        let (pair, cookies) =
            doorward::sessions::events::pair(&scope, &started, Some(Default::default())).await.unwrap();
        let refresh = pair.refresh_token.unwrap_or_else(|| cookies[0].value.clone());
        Holder { user, access: pair.access_token, refresh }
    }

    pub async fn refresh(&self, door: &Door, token: &str) -> Reply {
        self.post(door, "/auth/refresh-tokens", serde_json::json!({ "refreshToken": token })).await
    }
}
