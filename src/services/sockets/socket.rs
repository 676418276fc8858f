//! One socket: what is still to be said to it, whose it is, and whether it has ended.

use std::collections::{BTreeSet, VecDeque};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use bytestring::ByteString;
use tokio::sync::{Notify, Semaphore};

use super::engine::Packet;
use super::entity::Place;
use super::news;
use crate::http::{Bound, Incoming};

/// Bytes that may wait for one who does not read (WS-2).
const WAITING: usize = 256 << 10;
/// Calls of one socket at a time; the next is not read before one of them is done.
const CALLS: usize = 16;

/// What carries packets at the moment.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Carrier {
    Polling,
    /// A WebSocket has been tried and is not used yet.
    Probed,
    WebSocket,
    /// Server-sent events: it listens, and says nothing.
    Stream,
}

pub struct Socket {
    pub sid: String,
    /// The handshake: where the socket comes from, and what each message inherits.
    pub shook: Incoming,
    pub began: Instant,
    /// Rung when there is something to say, and at the end.
    pub wake: Notify,
    pub calls: Arc<Semaphore>,
    state: Mutex<State>,
}

struct State {
    carrier: Carrier,
    waiting: VecDeque<ByteString>,
    bytes: usize,
    ended: bool,
    polled: bool,
    /// Socket.IO's own greeting has been exchanged.
    connected: bool,
    bound: Option<Arc<Bound>>,
    /// On its way out by its own wish: what ends its session does not end it.
    leaving: bool,
    /// It has been told what it missed, and is told what happens.
    listening: bool,
    /// From where it wants to be told what it missed.
    missed: Option<Place>,
    /// The services whose changes it wants to be told; none is all of them.
    wanted: Option<BTreeSet<String>>,
    /// When it was asked whether it lives, until it has answered.
    asked: Option<Instant>,
    heard: Instant,
    client: Option<String>,
}

impl Socket {
    pub fn new(sid: String, shook: Incoming, carrier: Carrier) -> Self {
        let began = Instant::now();
        let client = shook.client.clone();
        let state = State {
            carrier,
            waiting: VecDeque::new(),
            bytes: 0,
            ended: false,
            polled: false,
            connected: false,
            bound: None,
            leaving: false,
            listening: false,
            missed: None,
            wanted: None,
            asked: None,
            heard: began,
            client,
        };
        let calls = Arc::new(Semaphore::new(CALLS));
        Self { sid, shook, began, wake: Notify::new(), calls, state: Mutex::new(state) }
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    pub fn say(&self, packet: &Packet) {
        self.say_text(packet.write().into());
    }

    /// One who does not read is left: nothing is kept for them without end.
    pub fn say_text(&self, text: ByteString) {
        let mut state = self.state();
        if state.ended {
            return;
        }
        state.bytes += text.len();
        state.waiting.push_back(text);
        if state.bytes > WAITING {
            state.end();
        }
        drop(state);
        self.wake.notify_one();
    }

    /// What is waiting, up to so many bytes of it; one packet at least. None: it has ended.
    pub fn take(&self, at_most: usize) -> Option<Vec<ByteString>> {
        let mut state = self.state();
        let (mut taken, mut bytes) = (Vec::new(), 0);
        while let Some(next) = state.waiting.front()
            && (taken.is_empty() || bytes + next.len() < at_most)
        {
            bytes += next.len() + 1;
            taken.extend(state.waiting.pop_front());
        }
        state.bytes = state.waiting.iter().map(|text| text.len()).sum();
        if taken.is_empty() && state.ended { None } else { Some(taken) }
    }

    pub fn end(&self) {
        self.state().end();
        self.wake.notify_one();
    }

    pub fn has_ended(&self) -> bool {
        self.state().ended
    }

    pub fn carrier(&self) -> Carrier {
        self.state().carrier
    }

    pub fn carry_by(&self, carrier: Carrier) {
        self.state().carrier = carrier;
        self.wake.notify_one();
    }

    /// One poll at a time; whoever sends a second one is broken.
    pub fn begin_poll(&self) -> bool {
        !std::mem::replace(&mut self.state().polled, true)
    }

    pub fn end_poll(&self) {
        self.state().polled = false;
    }

    /// The client's greeting, once.
    pub fn connect(&self, missed: Option<Place>) -> bool {
        let mut state = self.state();
        state.missed = missed;
        !std::mem::replace(&mut state.connected, true)
    }

    /// It was refused, and may greet once more.
    pub fn refuse(&self) {
        self.state().connected = false;
    }

    pub fn is_connected(&self) -> bool {
        self.state().connected
    }

    pub fn bound(&self) -> Option<Arc<Bound>> {
        self.state().bound.clone()
    }

    pub fn bind(&self, bound: Option<Arc<Bound>>) {
        let mut state = self.state();
        state.bound = bound;
        state.leaving = false;
    }

    pub fn leave(&self, is_leaving: bool) {
        self.state().leaving = is_leaving;
    }

    pub fn is_leaving(&self) -> bool {
        self.state().leaving
    }

    pub fn listen(&self) {
        let mut state = self.state();
        (state.listening, state.missed) = (true, None);
    }

    pub fn is_listening(&self) -> bool {
        self.state().listening
    }

    pub fn want(&self, services: BTreeSet<String>) {
        self.state().wanted = Some(services);
    }

    pub fn wants(&self, service: &str) -> bool {
        self.state().wanted.as_ref().is_none_or(|wanted| wanted.contains(service))
    }

    pub fn missed(&self) -> Option<Place> {
        self.state().missed
    }

    /// The public client id that it named at the handshake or in its greeting.
    pub fn client(&self) -> Option<String> {
        self.state().client.clone()
    }

    pub fn name_client(&self, client: String) {
        self.state().client = Some(client);
    }

    pub fn hear(&self) {
        let mut state = self.state();
        (state.heard, state.asked) = (Instant::now(), None);
    }

    /// Asks whether it lives, when that is due; false if it was asked and did not answer in time.
    pub fn beat(&self, interval: Duration, patience: Duration) -> bool {
        let mut state = self.state();
        if state.carrier == Carrier::Stream {
            // Who has gone is noticed by what is said to them.
            if state.heard.elapsed() >= interval {
                state.heard = Instant::now();
                drop(state);
                self.say_text(news::BREATH.into());
            }
            return true;
        }
        match state.asked {
            Some(asked) => asked.elapsed() < patience,
            None if state.heard.elapsed() < interval => true,
            None => {
                state.asked = Some(Instant::now());
                drop(state);
                self.say(&Packet::Ping(String::new()));
                true
            }
        }
    }
}

impl State {
    fn end(&mut self) {
        self.ended = true;
        self.waiting.clear();
        self.bytes = 0;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn socket() -> Socket {
        Socket::new("x".into(), Incoming::none(), Carrier::Polling)
    }

    #[test]
    fn ws_2_one_who_does_not_read_is_left_and_nothing_is_kept_for_them() {
        let socket = socket();
        let kilobyte = ByteString::from("x".repeat(1024));

        for _ in 0..256 {
            socket.say_text(kilobyte.clone());
        }
        assert!(!socket.has_ended());
        socket.say_text(kilobyte.clone());

        assert!(socket.has_ended());
        assert_eq!(socket.take(usize::MAX), None);
        socket.say_text(kilobyte);
        assert_eq!(socket.state().bytes, 0);
    }

    #[test]
    fn what_waits_is_taken_in_its_order_and_no_more_than_fits() {
        let socket = socket();
        for text in ["aaaa", "bbbb", "cccc"] {
            socket.say_text(text.into());
        }

        assert_eq!(socket.take(10).unwrap(), ["aaaa", "bbbb"]);
        assert_eq!(socket.take(1).unwrap(), ["cccc"]);
        assert_eq!(socket.take(1).unwrap(), [] as [&str; 0]);
    }

    #[test]
    fn one_who_does_not_answer_is_found_dead() {
        let socket = socket();

        assert!(socket.beat(Duration::from_secs(60), Duration::ZERO));
        assert!(socket.beat(Duration::ZERO, Duration::ZERO));
        assert_eq!(socket.take(10).unwrap(), ["2"]);
        assert!(!socket.beat(Duration::ZERO, Duration::ZERO));
        socket.hear();
        assert!(socket.beat(Duration::from_secs(60), Duration::ZERO));
    }
}
