//! A bounded read-through cache whose entries are trusted for a moment only, and never longer than the truth.

use std::collections::HashMap;
use std::hash::{BuildHasher, Hash, RandomState};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use crate::base::Timestamp;

const SHARDS: usize = 16;
/// Fills of a shard.
const SWEPT_AT_LEAST: usize = 16;

/// Entries are dropped on eviction, and a fill that began before an eviction is dropped with them: otherwise
/// a slow reader would put back what a revocation has just taken out.
#[derive(Clone)]
pub struct Cache<K, V> {
    shards: Arc<[Mutex<Shard<K, V>>]>,
    hasher: RandomState,
    trusted: Duration,
    capacity: usize,
}

struct Shard<K, V> {
    entries: HashMap<K, (V, Timestamp)>,
    evictions: u64,
    /// Fills until what is no longer trusted is thrown away.
    until_swept: usize,
}

impl<K: Hash + Eq, V> Shard<K, V> {
    fn sweep(&mut self, oldest: Timestamp) {
        self.entries.retain(|_, (_, since)| *since > oldest);
        self.until_swept = self.entries.len().max(SWEPT_AT_LEAST);
        // A crowd that has gone leaves room behind.
        self.entries.shrink_to(self.entries.len() * 2);
    }
}

/// Taken before the read whose result will be put in.
#[derive(Debug, Clone, Copy)]
pub struct Ticket {
    evictions: u64,
    began: Timestamp,
}

impl<K: Hash + Eq, V: Clone> Cache<K, V> {
    pub fn new(capacity: usize, trusted: Duration) -> Self {
        let shard =
            || Mutex::new(Shard { entries: HashMap::new(), evictions: 0, until_swept: SWEPT_AT_LEAST });
        let shards = (0..SHARDS).map(|_| shard()).collect();
        Self { shards, hasher: RandomState::new(), trusted, capacity: capacity.div_ceil(SHARDS) }
    }

    pub fn get(&self, key: &K, now: Timestamp) -> Option<V> {
        let shard = self.shard(key)?;
        let (value, since) = shard.entries.get(key)?;
        // A clock that jumped back makes an entry neither older nor younger: it is read anew.
        let fresh = now >= *since && now.since(*since) < self.trusted;
        fresh.then(|| value.clone())
    }

    pub fn ticket(&self, key: &K, now: Timestamp) -> Ticket {
        let evictions = self.shard(key).map_or(0, |shard| shard.evictions);
        Ticket { evictions, began: now }
    }

    pub fn fill(&self, key: K, value: V, ticket: Ticket) {
        let capacity = self.capacity;
        let Some(mut shard) = self.shard(&key) else { return };
        if shard.evictions != ticket.evictions {
            return;
        }
        shard.until_swept = shard.until_swept.saturating_sub(1);
        // What nobody asks for again would stay for ever otherwise. Each fill pays for one look.
        if shard.entries.len() >= capacity || shard.until_swept == 0 {
            shard.sweep(ticket.began - self.trusted);
        }
        if shard.entries.len() >= capacity {
            shard.entries.clear();
        }
        shard.entries.insert(key, (value, ticket.began));
    }

    pub fn evict(&self, key: &K) {
        if let Some(mut shard) = self.shard(key) {
            shard.evictions += 1;
            shard.entries.remove(key);
        }
    }

    pub fn evict_where(&self, mut is_old: impl FnMut(&K, &V) -> bool) {
        for shard in self.shards.iter() {
            let mut shard = lock(shard);
            shard.evictions += 1;
            shard.entries.retain(|key, (value, _)| !is_old(key, value));
        }
    }

    pub fn clear(&self) {
        self.evict_where(|_, _| true);
    }

    pub fn len(&self) -> usize {
        self.shards.iter().map(|shard| lock(shard).entries.len()).sum()
    }

    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    fn shard(&self, key: &K) -> Option<MutexGuard<'_, Shard<K, V>>> {
        let hash = usize::try_from(self.hasher.hash_one(key) % SHARDS as u64).ok()?;
        self.shards.get(hash).map(lock)
    }
}

/// A panic elsewhere leaves a map that is at worst out of date, and entries live for seconds.
fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn cache() -> Cache<u32, &'static str> {
        Cache::new(64, Duration::from_secs(2))
    }

    #[test]
    fn an_entry_is_trusted_for_two_seconds_from_before_its_read() {
        let cache = cache();
        let ticket = cache.ticket(&1, Timestamp::from_seconds(10));

        cache.fill(1, "seen", ticket);

        assert_eq!(cache.get(&1, Timestamp(11_999_999)), Some("seen"));
        assert_eq!(cache.get(&1, Timestamp::from_seconds(12)), None);
    }

    #[test]
    fn a_fill_that_began_before_an_eviction_is_dropped() {
        let cache = cache();
        let ticket = cache.ticket(&1, Timestamp::from_seconds(10));

        cache.evict(&1);
        cache.fill(1, "revoked since", ticket);

        assert_eq!(cache.get(&1, Timestamp::from_seconds(10)), None);
    }

    #[test]
    fn what_nobody_asks_for_again_is_thrown_away() {
        let cache = Cache::new(100_000, Duration::from_secs(2));

        for key in 0..50_000_u32 {
            // A thousand a second, so that two thousand are trusted at a time.
            cache.fill(key, "x", cache.ticket(&key, Timestamp(i64::from(key) * 1_000)));
        }

        assert!(cache.len() <= 4_000 + SHARDS * SWEPT_AT_LEAST, "{}", cache.len());
    }

    #[test]
    fn ten_thousand_keys_take_no_more_room_than_sixty_four() {
        let cache = cache();

        for key in 0..10_000 {
            cache.fill(key, "x", cache.ticket(&key, Timestamp::from_seconds(1)));
        }

        assert!(cache.len() <= 64, "{}", cache.len());
    }
}
