//! The limiter: token buckets in a fixed piece of memory, and how many guesses at a key are in flight.
//!
//! Each node counts for itself, and takes in what others say they have counted (`owe`). It does no I/O and so has no
//! failure mode of its own; a class that nobody configured is refused. A bucket is one number, the time at which it
//! will be full again: a full bucket and a forgotten one are the same, and forgetting can only ever give back what
//! waiting would have given.
//!
//! When a set of the table is full, the bucket that would be full soonest is forgotten. To push out an exhausted
//! key, an attacker must hold the other 15 places of its set at greater debts, and cannot choose the set: the
//! hash is keyed anew at each start. What an evicted key gains is at most its debt, the least of sixteen.

use std::collections::HashMap;
use std::collections::hash_map::Entry;
use std::hash::{BuildHasher, RandomState};
use std::net::IpAddr;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use crate::base::error::RATE_LIMITED;
use crate::base::{Error, Timestamp};

pub type Clock = Arc<dyn Fn() -> Timestamp + Send + Sync>;

const WAYS: usize = 16;
const SHARDS: usize = 64;
/// 2,097,152 buckets of 16 bytes are 32 MiB, touched only as far as they are used: a million keys with room to spare.
pub const BUCKETS: usize = 1 << 21;

#[derive(Clone)]
pub struct Limiter(Arc<Inner>);

/// `burst` at once, and one more each `refill`.
#[derive(Debug, Clone, Copy)]
pub struct Class {
    pub name: &'static str,
    pub burst: u32,
    pub refill: Duration,
}

/// Seconds to wait, at least one.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct RetryAfter(pub u64);

/// One guess in flight; it ends when this is dropped.
pub struct Guard {
    inner: Arc<Inner>,
    key: u64,
}

struct Inner {
    clock: Clock,
    classes: Vec<Class>,
    hash: RandomState,
    shards: Vec<Mutex<Vec<Bucket>>>,
    in_flight: Mutex<HashMap<u64, u32>>,
    /// What other nodes are to be told, where there may be any.
    news: Option<News>,
}

/// By class and key.
type News = Mutex<HashMap<(&'static str, Vec<u8>), u32>>;

/// Tokens that were taken from one bucket.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Spent {
    pub class: String,
    pub key: Vec<u8>,
    pub tokens: u32,
}

/// A bucket of which less than this share was taken is of no interest to others.
const WORTH_TELLING: i64 = 16;
/// Buckets of which others are told at a time: under a flood from more addresses, each of them is far below its limit.
const NEWS: usize = 4096;

/// A key, and the microseconds since 1970 at which it is full; free when both are zero. A plain pair, for of those alone
/// does `vec!` ask the system for zeroed pages, which are no memory until they are touched.
type Bucket = (u64, i64);

impl Limiter {
    pub fn new(clock: Clock, classes: Vec<Class>) -> Self {
        Self::sized(clock, classes, BUCKETS)
    }

    fn sized(clock: Clock, classes: Vec<Class>, buckets: usize) -> Self {
        Self::made((clock, classes), buckets, None)
    }

    fn made((clock, classes): (Clock, Vec<Class>), buckets: usize, news: Option<News>) -> Self {
        let shard = || Mutex::new(vec![(0, 0); (buckets / SHARDS).next_multiple_of(WAYS)]);
        let shards = (0..SHARDS).map(|_| shard()).collect();
        let (hash, in_flight) = (RandomState::new(), Mutex::default());
        Self(Arc::new(Inner { clock, classes, hash, shards, in_flight, news }))
    }

    /// Remembers what it counts until somebody takes it to the other nodes.
    pub fn shared(clock: Clock, classes: Vec<Class>) -> Self {
        Self::made((clock, classes), BUCKETS, Some(Mutex::default()))
    }

    /// Takes `cost` tokens, or none and says when they will be there. More than a burst counts as a burst.
    pub fn spend(&self, class: &'static str, key: &[u8], cost: u32) -> Result<(), RetryAfter> {
        let inner = &self.0;
        let Some(class) = inner.classes.iter().find(|known| known.name == class) else {
            tracing::error!(class, "a limit class that is not configured");
            return Err(RetryAfter(60));
        };
        let now = (inner.clock)().0;
        let hashed = inner.hash.hash_one((class.name, key)) | 1;
        let mut shard = inner.shard(hashed);
        let Some((_, full_at)) = find(&mut shard, hashed, now) else {
            return Err(RetryAfter(60));
        };
        let (capacity, price) = (class.micros(class.burst), class.micros(cost.min(class.burst)));
        // A clock that jumped back must not hold anybody longer than an empty bucket does.
        let debt = full_at.saturating_sub(now).clamp(0, capacity);
        let excess = debt + price - capacity;
        if excess > 0 {
            *full_at = now + debt;
            return Err(RetryAfter::micros(excess));
        }
        *full_at = now + debt + price;
        drop(shard);
        if debt + price >= capacity / WORTH_TELLING {
            inner.remember((class.name, key), cost.min(class.burst));
        }
        Ok(())
    }

    /// What others have not been told yet.
    pub fn news(&self) -> Vec<Spent> {
        let Some(news) = &self.0.news else { return Vec::new() };
        let taken = std::mem::take(&mut *news.lock().unwrap_or_else(PoisonError::into_inner));
        let spent =
            |((class, key), tokens): ((&str, Vec<u8>), u32)| Spent { class: class.to_owned(), key, tokens };
        taken.into_iter().map(spent).collect()
    }

    /// Takes away what another node has counted. It is not news to anybody else.
    pub fn owe(&self, spent: &Spent) {
        let inner = &self.0;
        let Some(class) = inner.classes.iter().find(|known| known.name == spent.class) else { return };
        let now = (inner.clock)().0;
        let hashed = inner.hash.hash_one((class.name, spent.key.as_slice())) | 1;
        if let Some((_, full_at)) = find(&mut inner.shard(hashed), hashed, now) {
            let (capacity, price) = (class.micros(class.burst), class.micros(spent.tokens.min(class.burst)));
            let debt = full_at.saturating_sub(now).clamp(0, capacity);
            *full_at = now + (debt + price).min(capacity);
        }
    }

    /// One token by the caller's address, within `scope`. Who holds a /48 holds 65,536 networks of the size that counts
    /// as one caller, so the site around an IPv6 address has a bucket too, and a wider one.
    pub fn spend_at(
        &self,
        (near, site): (&'static str, &'static str),
        scope: &[u8],
        address: IpAddr,
    ) -> Result<(), RetryAfter> {
        self.spend(near, &[scope, &network(address)].concat(), 1)?;
        if address.to_canonical().is_ipv4() {
            return Ok(());
        }
        self.spend(site, &[scope, &Site::of(address).0].concat(), 1)
    }

    /// Of the whole table: laid out at the start, and never more.
    pub fn bytes(&self) -> usize {
        let lock =
            |shard: &Mutex<Vec<Bucket>>| shard.lock().unwrap_or_else(PoisonError::into_inner).capacity();
        self.0.shards.iter().map(lock).sum::<usize>() * size_of::<Bucket>()
    }

    /// Keys with a guess in flight.
    pub fn guarded(&self) -> usize {
        self.0.guards().len()
    }

    /// At most `most` guards of one key at a time on this node. Parallel guesses would otherwise all be
    /// evaluated before the first of them is counted.
    pub fn in_flight(&self, key: &[u8], most: u32) -> Result<Guard, RetryAfter> {
        let inner = &self.0;
        let key = inner.hash.hash_one(("in flight", key));
        let mut guards = inner.guards();
        let held = guards.entry(key).or_default();
        if *held >= most {
            return Err(RetryAfter(1));
        }
        *held += 1;
        drop(guards);
        Ok(Guard { inner: inner.clone(), key })
    }
}

/// The key of an address: all of IPv4, the /64 of IPv6, since one customer holds at least that much. An IPv4 address
/// written as IPv6 is that IPv4 address.
pub fn network(address: IpAddr) -> [u8; 9] {
    let mut key = [0; 9];
    let (kind, bytes): (u8, &[u8]) = match address.to_canonical() {
        IpAddr::V4(v4) => (4, &v4.octets()),
        IpAddr::V6(v6) => (6, &v6.octets()),
    };
    key.iter_mut().zip(std::iter::once(&kind).chain(bytes)).for_each(|(to, from)| *to = *from);
    key
}

/// What one customer holds at most, as far as addresses tell: all of IPv4, the /48 of IPv6.
#[derive(Debug, Clone, Copy, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
pub struct Site(pub [u8; 9]);

impl Site {
    pub fn of(address: IpAddr) -> Self {
        let mut key = network(address);
        if let [6, _, _, _, _, _, _, subnet @ ..] = &mut key {
            subnet.fill(0);
        }
        Self(key)
    }
}

impl Class {
    fn micros(&self, tokens: u32) -> i64 {
        let each = i64::try_from(self.refill.as_micros()).unwrap_or(i64::MAX / 4);
        // A quarter of the range leaves room to add three of these.
        each.saturating_mul(i64::from(tokens)).min(i64::MAX / 8)
    }
}

impl RetryAfter {
    fn micros(micros: i64) -> Self {
        Self(u64::try_from(micros).unwrap_or(0).div_ceil(1_000_000).max(1))
    }
}

impl From<RetryAfter> for Error {
    fn from(wait: RetryAfter) -> Self {
        RATE_LIMITED.retry_after(wait.0)
    }
}

impl Inner {
    fn remember(&self, (class, key): (&'static str, &[u8]), tokens: u32) {
        let Some(news) = &self.news else { return };
        let mut news = news.lock().unwrap_or_else(PoisonError::into_inner);
        let (room, key) = (news.len() < NEWS, (class, key.to_vec()));
        match news.entry(key) {
            Entry::Occupied(mut known) => *known.get_mut() = known.get().saturating_add(tokens),
            Entry::Vacant(new) if room => _ = new.insert(tokens),
            Entry::Vacant(_) => {}
        }
    }

    fn shard(&self, key: u64) -> MutexGuard<'_, Vec<Bucket>> {
        let at = usize::try_from(key >> 58).unwrap_or(0) % SHARDS;
        #[expect(clippy::indexing_slicing, reason = "there are always SHARDS shards")]
        self.shards[at].lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn guards(&self) -> MutexGuard<'_, HashMap<u64, u32>> {
        self.in_flight.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Drop for Guard {
    fn drop(&mut self) {
        if let Entry::Occupied(mut held) = self.inner.guards().entry(self.key) {
            *held.get_mut() -= 1;
            if *held.get() == 0 {
                held.remove();
            }
        }
    }
}

fn place(length: usize, key: u64) -> std::ops::Range<usize> {
    let sets = (length / WAYS).max(1) as u64;
    // Bits that chose neither the shard nor were forced by `| 1`.
    let set = usize::try_from((key >> 1) % sets).unwrap_or(0);
    set * WAYS..(set + 1) * WAYS
}

/// The key's bucket; else one that is full by now, which is as good as free; else the one that is full soonest.
fn find(shard: &mut [Bucket], key: u64, now: i64) -> Option<&mut Bucket> {
    let set = shard.get_mut(place(shard.len(), key))?;
    let at = match set.iter().position(|(held, _)| *held == key) {
        Some(at) => at,
        None => set.iter().enumerate().min_by_key(|(_, (_, full_at))| *full_at).map(|(at, _)| at)?,
    };
    let bucket = set.get_mut(at)?;
    if bucket.0 != key {
        *bucket = (key, now);
    }
    Some(bucket)
}

#[cfg(test)]
#[path = "limiter_tests.rs"]
mod tests;
