//! What one node ends, the other refuses within two seconds, however often one looks: logout, disabling, demotion,
//! suspension.

use std::time::{Duration, Instant};

use doorward::base::Email;
use doorward::components::Clock;
use doorward::identity::Scope;
use doorward::management::events::{people, tenants};
use reqwest::Client;
use serde_json::json;

use super::load::SETTINGS;
use crate::ground::app::{App, Door, config};
use crate::ground::people::Holder;
use crate::ground::spawned::Spawned;
use crate::ground::{Ground, on_both};

on_both!(
    what_one_node_ends_the_other_refuses_within_two_seconds,
    #[ignore = "minutes long: `make faults` runs it"]
    what_one_node_ends_the_other_refuses_within_two_seconds_a_hundred_times_out_of_a_hundred,
);

const WITHIN: Duration = Duration::from_secs(2);
/// Whoever has these rights may look at the audit.
const ADMIN_S_OWN: &str = "/api/v1/audit";

#[derive(Debug, Clone, Copy)]
enum End {
    Logout,
    Disable,
    Demote,
    Suspend,
}

impl End {
    const ALL: [Self; 4] = [Self::Logout, Self::Disable, Self::Demote, Self::Suspend];

    /// What the caller then meets.
    fn status(self) -> u16 {
        if matches!(self, Self::Demote) { 403 } else { 401 }
    }
}

async fn what_one_node_ends_the_other_refuses_within_two_seconds(ground: Ground) {
    rounds(ground, 2).await;
}

async fn what_one_node_ends_the_other_refuses_within_two_seconds_a_hundred_times_out_of_a_hundred(
    ground: Ground,
) {
    rounds(ground, 100).await;
}

async fn rounds(ground: Ground, times: usize) {
    let app = App::with_clock(ground.clone(), config(&ground), Clock::real()).await;
    let door = app.native("a").await;
    let other = Spawned::with(&ground, SETTINGS);
    let two = Two { app, door, other: other.address.clone(), http: Client::new() };
    let boss = two.admin("boss@a.example").await;
    let mut slowest = [Duration::ZERO; End::ALL.len()];

    for round in 0..times {
        for (end, slowest) in End::ALL.into_iter().zip(&mut slowest) {
            *slowest = two.ended(end, round, &boss).await.max(*slowest);
        }
    }

    println!(
        "{times} times each of {:?} on one node: refused on the other after at most {slowest:?}",
        End::ALL
    );
    assert!(slowest.iter().all(|took| *took < WITHIN), "{slowest:?}");
}

/// One node in this process, the other in its own.
struct Two {
    app: App,
    door: Door,
    other: String,
    http: Client,
}

impl Two {
    async fn admin(&self, email: &str) -> Holder {
        let user = self.app.person(&self.door, email).await;
        self.app.promote(&self.door, user).await;
        self.app.session(&self.door, user).await
    }

    async fn there(&self, holder: &Holder) -> u16 {
        let asked = self.http.get(format!("http://{}{ADMIN_S_OWN}", self.other));
        let asked = asked.header("host", &self.door.host).header("doorward-client", &self.door.client);
        asked.bearer_auth(&holder.access).send().await.unwrap().status().as_u16()
    }

    async fn here(&self, holder: &Holder) -> u16 {
        self.app.get_as(&self.door, &holder.access, ADMIN_S_OWN).await.status.as_u16()
    }

    /// How long after the acknowledgement the other node still let them in. The one that acknowledged lets in nobody.
    async fn ended(&self, end: End, round: usize, boss: &Holder) -> Duration {
        let email = format!("{end:?}-{round}@a.example");
        let holder = self.admin(&email).await;
        assert_eq!((self.here(&holder).await, self.there(&holder).await), (200, 200), "{end:?}");

        self.end(end, &holder, (&email, boss)).await;
        let acknowledged = Instant::now();

        assert_eq!(self.here(&holder).await, end.status(), "{end:?}, where it was acknowledged");
        while self.there(&holder).await == 200 {
            assert!(acknowledged.elapsed() < 5 * WITHIN, "{end:?} binds on one node alone");
        }
        let took = acknowledged.elapsed();
        assert_eq!(self.there(&holder).await, end.status(), "{end:?}, on the other node");
        if matches!(end, End::Suspend) {
            tenants::resume(&self.as_operator().await).await.unwrap();
            while self.there(boss).await != 200 {
                assert!(acknowledged.elapsed() < 10 * WITHIN, "nobody is let in again");
            }
        }
        took
    }

    async fn end(&self, end: End, holder: &Holder, (email, boss): (&str, &Holder)) {
        let scope = self.as_operator().await;
        match end {
            End::Logout => {
                let reply = self.app.post_as(&self.door, &holder.access, "/auth/logout", json!({})).await;
                assert_eq!(reply.status, 200, "{}", reply.text);
            }
            End::Disable => {
                let path = format!("/auth/user/{}/set-active", holder.user);
                let shut = json!({ "active": false });
                let reply = self.app.post_as(&self.door, &boss.access, &path, shut).await;
                assert_eq!(reply.status, 200, "{}", reply.text);
            }
            End::Demote => {
                let email = Email::parse(email).unwrap();
                assert!(people::revoke(&scope, email, "admin".into()).await.unwrap());
            }
            End::Suspend => assert!(tenants::suspend(&scope).await.unwrap()),
        }
    }

    async fn as_operator(&self) -> Scope {
        let house = self.app.running.house.clone();
        let tenant = house.tenant(self.door.tenant).await.unwrap();
        Scope::of_operator(house, tenant)
    }
}
