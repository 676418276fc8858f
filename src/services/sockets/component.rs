//! The sockets of a node, as a part of it that begins and ends.

use std::sync::Arc;
use std::time::Duration;

use tokio::sync::broadcast::error::RecvError;
use tokio::sync::mpsc;
use tokio::task::JoinHandle;
use tokio::time::sleep;

use super::hub::Hub;
use super::offers::Offers;
use super::socket::Socket;
use super::tail;
use crate::components::platform::{Cause, Component, Watch};
use crate::db::tx::Forget;
use crate::http::Bound;
use crate::identity::{House, Route};

/// How soon a stop is noticed, and a silent client found.
const BEAT: Duration = Duration::from_millis(300);
/// Sessions run out without anybody changing anything.
const LOOK: u32 = 100;

pub struct Sockets {
    offers: Option<Offers>,
    hub: Option<(Hub, mpsc::UnboundedReceiver<Arc<Socket>>)>,
    tasks: Vec<JoinHandle<()>>,
}

impl Sockets {
    pub fn offering(routes: &[Arc<Route>]) -> Self {
        Self { offers: Some(Offers::of(routes)), hub: None, tasks: Vec::new() }
    }
}

impl Component for Sockets {
    type Consumes = (House, Watch);
    type Provides = Hub;

    fn name(&self) -> &'static str {
        "sockets"
    }

    async fn init(&mut self, (house, watch): (House, Watch)) -> Result<Hub, Cause> {
        let (joining, joined) = mpsc::unbounded_channel();
        let hub = Hub::new(house, watch, self.offers.take().unwrap_or_default(), joining);
        self.hub = Some((hub.clone(), joined));
        Ok(hub)
    }

    async fn start(&mut self) -> Result<(), Cause> {
        let Some((hub, joined)) = self.hub.take() else { return Ok(()) };
        self.tasks.push(tokio::spawn(beat(hub.clone())));
        self.tasks.push(tokio::spawn(heed(hub.clone())));
        self.tasks.push(tokio::spawn(tail::run(hub, joined)));
        Ok(())
    }

    async fn stop(&mut self) -> Result<(), Cause> {
        self.tasks.drain(..).for_each(|task| task.abort());
        Ok(())
    }
}

impl Drop for Sockets {
    fn drop(&mut self) {
        self.tasks.drain(..).for_each(|task| task.abort());
    }
}

async fn beat(hub: Hub) {
    for beats in 1_u32.. {
        sleep(BEAT).await;
        hub.beat();
        if beats.is_multiple_of(LOOK) {
            look(&hub, hub.all()).await;
        }
    }
}

/// Whatever ends a session ends its sockets (WS-1).
async fn heed(hub: Hub) {
    let mut forgotten = hub.house.forgotten.subscribe();
    loop {
        let what = match forgotten.recv().await {
            Ok(what) => what,
            Err(RecvError::Lagged(_)) => None,
            Err(RecvError::Closed) => return,
        };
        let sockets = match what {
            Some(Forget::Tenant(tenant)) => hub.of(tenant),
            Some(Forget::Keys(_) | Forget::Guesses(_)) => continue,
            Some(Forget::Session(session)) => whose(&hub, |bound| bound.session == session),
            Some(Forget::User(user)) => whose(&hub, |bound| bound.user == user),
            None => hub.all(),
        };
        look(&hub, sockets).await;
    }
}

fn whose(hub: &Hub, is_meant: impl Fn(&Bound) -> bool) -> Vec<Arc<Socket>> {
    let is_theirs = |socket: &Arc<Socket>| socket.bound().is_some_and(|bound| is_meant(&bound));
    hub.all().into_iter().filter(is_theirs).collect()
}

/// A socket whose session has ended is ended, so that its client notices and asks who it is. A database that does not answer
/// ends nobody: nothing is told meanwhile either.
async fn look(hub: &Hub, sockets: Vec<Arc<Socket>>) {
    for socket in sockets {
        let Some(bound) = socket.bound() else { continue };
        let Ok(None) = hub.house.live(bound.session).await else { continue };
        // Whoever logged out on this socket goes on with it as nobody.
        let is_still = socket.bound().is_some_and(|now| now.session == bound.session);
        if is_still && !socket.is_leaving() {
            hub.close(&socket);
        }
    }
}
