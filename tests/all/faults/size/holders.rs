//! What the apps of people who are logged in hold, for sessions that were made by bulk.

use doorward::db::Above;
use doorward::identity::Scope;
use doorward::sessions::entity::find;
use doorward::sessions::events::pair;
use doorward::sessions::steps::Started;
use zeroize::Zeroizing;

use super::past::SEED;
use super::town::Town;
use crate::ground::app::{App, Door};
use crate::ground::people::Holder;

/// Of the session with that number; its door beside it.
pub async fn holder(app: &App, town: &Town, at: usize) -> (Door, Holder) {
    let (id, person) = town.session(at);
    let (door, house) = (town.door(town.home(person)), app.running.house.clone());
    let session =
        house.db.above(Above::Operator).read(move |conn| Ok(find(conn, id)?)).await.unwrap().unwrap();
    let tenant = house.tenant(door.tenant).await.unwrap().unwrap();
    let client = house.app(&door.client).await.unwrap().unwrap();
    let scope = Scope::of_house(house, None).within(tenant, Some(client));
    let started = Started { session, seed: Zeroizing::new(SEED.to_vec()) };
    let (pair, _) = pair(&scope, &started, None).await.unwrap();
    let holder =
        Holder { user: town.user(person), access: pair.access_token, refresh: pair.refresh_token.unwrap() };
    (door, holder)
}
