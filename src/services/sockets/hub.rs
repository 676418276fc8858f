//! The sockets of this node: found by their ids, and by whose they are.

use std::collections::HashMap;
use std::ops::Deref;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use metrics::gauge;
use tokio::sync::{Notify, mpsc};

use super::SOCKETS_TAKEN;
use super::engine::Promise;
use super::entity::Place;
use super::news;
use super::offers::Offers;
use super::socket::{Carrier, Socket};
use crate::base::error::BUSY;
use crate::base::{Result, SessionId, TenantId};
use crate::components::limiter::network;
use crate::components::metrics::names;
use crate::components::platform::{Handle, Watch};
use crate::http::{Bound, Incoming};
use crate::identity::House;

/// As the original's clients expect it; a frame of ours may be longer, none of theirs (WS-2).
pub const PROMISE: Promise = Promise { ping_interval: 25_000, ping_timeout: 20_000, max_payload: 64 << 10 };
/// Sockets of one node.
const ALL: usize = 20_000;
/// Of one session (WS-2).
const PER_SESSION: usize = 5;
/// Of one network, that nobody has logged in on.
const NAMELESS: usize = 256;
/// For a client's greeting.
const GREETING: Duration = Duration::from_secs(20);

#[derive(Clone)]
pub struct Hub(Arc<Inner>);

pub struct Inner {
    pub house: House,
    pub watch: Watch,
    pub offers: Offers,
    /// To the tail: a socket that wants to hear.
    pub joining: mpsc::UnboundedSender<Arc<Socket>>,
    /// Rung when a socket opens.
    pub stirred: Notify,
    /// Up to where the tail has read.
    pub place: Mutex<Place>,
    /// In each socket's id, so that a balancer can find the way back.
    node: String,
    sockets: Mutex<Known>,
}

#[derive(Default)]
struct Known {
    by_id: HashMap<String, Arc<Socket>>,
    by_tenant: HashMap<TenantId, HashMap<String, Arc<Socket>>>,
    by_session: HashMap<SessionId, usize>,
    nameless: HashMap<[u8; 9], usize>,
}

impl Handle for Hub {}

impl Deref for Hub {
    type Target = Inner;

    fn deref(&self) -> &Inner {
        &self.0
    }
}

impl Hub {
    pub fn new(
        house: House,
        watch: Watch,
        offers: Offers,
        joining: mpsc::UnboundedSender<Arc<Socket>>,
    ) -> Self {
        let node = house.random.token("").expose().chars().take(8).collect();
        let (sockets, place) = (Mutex::default(), Mutex::default());
        Self(Arc::new(Inner { house, watch, offers, joining, stirred: Notify::new(), node, sockets, place }))
    }

    fn known(&self) -> MutexGuard<'_, Known> {
        self.sockets.lock().unwrap_or_else(PoisonError::into_inner)
    }

    pub fn open(&self, shook: Incoming, carrier: Carrier) -> Result<Arc<Socket>> {
        let from = network(shook.address);
        let mut known = self.known();
        let nameless = known.nameless.get(&from).copied().unwrap_or_default();
        if !self.watch.is_ready() || known.by_id.len() >= ALL || nameless >= NAMELESS {
            return Err(BUSY.retry_after(2));
        }
        let sid = format!("{}-{}", self.node, self.house.random.token("").expose());
        let socket = Arc::new(Socket::new(sid.clone(), shook, carrier));
        known.by_id.insert(sid, socket.clone());
        *known.nameless.entry(from).or_default() += 1;
        count(known.by_id.len());
        drop(known);
        self.stirred.notify_one();
        Ok(socket)
    }

    pub fn find(&self, sid: &str) -> Option<Arc<Socket>> {
        self.known().by_id.get(sid).cloned()
    }

    pub fn all(&self) -> Vec<Arc<Socket>> {
        self.known().by_id.values().cloned().collect()
    }

    pub fn of(&self, tenant: TenantId) -> Vec<Arc<Socket>> {
        self.known().by_tenant.get(&tenant).map(|there| there.values().cloned().collect()).unwrap_or_default()
    }

    pub fn is_empty(&self) -> bool {
        self.known().by_id.is_empty()
    }

    pub fn place(&self) -> Place {
        *self.place.lock().unwrap_or_else(PoisonError::into_inner)
    }

    pub fn has_read(&self, place: Place) {
        *self.place.lock().unwrap_or_else(PoisonError::into_inner) = place;
    }

    /// The socket goes on as this session.
    ///
    /// Refuses with `services.socket.tooMany`.
    pub fn bind(&self, socket: &Arc<Socket>, bound: Bound) -> Result<()> {
        let mut known = self.known();
        if !known.by_id.contains_key(&socket.sid) {
            return Ok(());
        }
        let same = socket.bound().is_some_and(|before| before.session == bound.session);
        let has = known.by_session.get(&bound.session).copied().unwrap_or_default();
        if !same && has >= PER_SESSION {
            return Err(SOCKETS_TAKEN.error());
        }
        if !known.unbind(socket) {
            known.no_longer_nameless(socket);
        }
        *known.by_session.entry(bound.session).or_default() += 1;
        known.by_tenant.entry(bound.tenant).or_default().insert(socket.sid.clone(), socket.clone());
        socket.bind(Some(Arc::new(bound)));
        Ok(())
    }

    /// Says something to the streams of this session: a connection whose other end has gone is only noticed by that.
    pub fn probe(&self, bound: &Bound) {
        let is_meant = |socket: &Arc<Socket>| {
            socket.carrier() == Carrier::Stream
                && socket.bound().is_some_and(|known| known.session == bound.session)
        };
        self.of(bound.tenant)
            .into_iter()
            .filter(is_meant)
            .for_each(|socket| socket.say_text(news::BREATH.into()));
    }

    /// From now on it is told what happens, and before that what it missed.
    pub fn join(&self, socket: &Arc<Socket>) {
        // The tail is gone only when this process ends.
        let _ = self.joining.send(socket.clone());
    }

    pub fn unbind(&self, socket: &Socket) {
        let mut known = self.known();
        if known.unbind(socket) {
            *known.nameless.entry(network(socket.shook.address)).or_default() += 1;
        }
    }

    pub fn close(&self, socket: &Socket) {
        let mut known = self.known();
        if known.by_id.remove(&socket.sid).is_some() && !known.unbind(socket) {
            known.no_longer_nameless(socket);
        }
        count(known.by_id.len());
        drop(known);
        socket.end();
    }

    /// Asks each socket whether it lives, and ends those that do not, or never said who they are to talk to.
    pub fn beat(&self) {
        let interval = Duration::from_millis(PROMISE.ping_interval);
        let patience = Duration::from_millis(PROMISE.ping_timeout);
        let ready = self.watch.is_ready();
        for socket in self.all() {
            let greeted = socket.is_connected() || socket.began.elapsed() < GREETING;
            if !ready || socket.has_ended() || !greeted || !socket.beat(interval, patience) {
                self.close(&socket);
            }
        }
    }
}

impl Known {
    /// Whether it was bound.
    fn unbind(&mut self, socket: &Socket) -> bool {
        let Some(bound) = socket.bound() else { return false };
        socket.bind(None);
        take_one(&mut self.by_session, &bound.session);
        if let Some(there) = self.by_tenant.get_mut(&bound.tenant) {
            there.remove(&socket.sid);
            if there.is_empty() {
                self.by_tenant.remove(&bound.tenant);
            }
        }
        true
    }

    fn no_longer_nameless(&mut self, socket: &Socket) {
        take_one(&mut self.nameless, &network(socket.shook.address));
    }
}

fn take_one<K: std::hash::Hash + Eq>(counts: &mut HashMap<K, usize>, key: &K) {
    if let Some(count) = counts.get_mut(key) {
        *count -= 1;
        if *count == 0 {
            counts.remove(key);
        }
    }
}

fn count(sockets: usize) {
    gauge!(names::SOCKETS).set(u32::try_from(sockets).map_or(f64::MAX, f64::from));
}
