//! Budgets are spent, come back with time, and hold while keys flood in.

use std::sync::atomic::{AtomicI64, Ordering};

use super::*;

const LOGIN: Class = Class { name: "login", burst: 5, refill: Duration::from_secs(10) };
const WIDE: Class = Class { name: "wide", burst: 100, refill: Duration::from_millis(10) };

struct Fixture {
    now: Arc<AtomicI64>,
    limiter: Limiter,
}

impl Fixture {
    fn new(buckets: usize) -> Self {
        let now = Arc::new(AtomicI64::new(1_795_000_000_000_000));
        let read = now.clone();
        let clock: Clock = Arc::new(move || Timestamp(read.load(Ordering::SeqCst)));
        Self { now, limiter: Limiter::sized(clock, vec![LOGIN, WIDE], buckets) }
    }

    fn advance(&self, seconds: i64) {
        self.now.fetch_add(seconds * 1_000_000, Ordering::SeqCst);
    }

    fn taken(&self, key: &[u8], tries: usize) -> usize {
        (0..tries).filter(|_| self.limiter.spend("login", key, 1).is_ok()).count()
    }
}

#[test]
fn a_budget_is_spent_and_comes_back_with_time() {
    let f = Fixture::new(1024);

    assert_eq!(f.taken(b"ada", 20), 5);
    assert_eq!(f.limiter.spend("login", b"ada", 1), Err(RetryAfter(10)));
    f.advance(9);
    assert_eq!(f.limiter.spend("login", b"ada", 1), Err(RetryAfter(1)));
    f.advance(1);
    assert_eq!(f.taken(b"ada", 20), 1);
    f.advance(3600);
    assert_eq!(f.taken(b"ada", 20), 5);
}

#[test]
fn keys_and_classes_have_budgets_of_their_own() {
    let f = Fixture::new(1024);
    f.taken(b"ada", 20);

    assert_eq!(f.taken(b"eve", 20), 5);
    assert_eq!(f.limiter.spend("wide", b"ada", 1), Ok(()));
}

#[test]
fn a_dear_call_costs_more_and_a_refused_one_nothing() {
    let f = Fixture::new(1024);

    assert_eq!(f.limiter.spend("login", b"ada", 4), Ok(()));
    assert_eq!(f.limiter.spend("login", b"ada", 2), Err(RetryAfter(10)));
    assert_eq!(f.limiter.spend("login", b"ada", 1), Ok(()));
    f.advance(50);
    assert_eq!(f.limiter.spend("login", b"ada", 99), Ok(()));
    assert_eq!(f.limiter.spend("login", b"ada", 99), Err(RetryAfter(50)));
}

#[test]
fn fifty_parallel_guesses_spend_one_budget() {
    let f = Fixture::new(1024);
    let passed = AtomicI64::new(0);

    std::thread::scope(|scope| {
        for _ in 0..50 {
            scope.spawn(|| {
                passed.fetch_add(i64::from(f.limiter.spend("login", b"ada", 1).is_ok()), Ordering::SeqCst)
            });
        }
    });

    assert_eq!(passed.load(Ordering::SeqCst), 5);
}

#[test]
fn a_flood_of_keys_does_not_reset_an_exhausted_one() {
    let f = Fixture::new(1024);
    f.taken(b"ada", 5);

    for number in 0..200_000_u32 {
        let _ = f.limiter.spend("login", &number.to_le_bytes(), 1);
    }

    assert_eq!(f.taken(b"ada", 20), 0);
}

#[test]
fn a_million_keys_fit_in_64_mb_and_keep_their_debts() {
    let f = Fixture::new(BUCKETS);
    let keys = || (0..1_000_000_u32).map(u32::to_le_bytes);

    keys().for_each(|key| assert!(f.limiter.spend("login", &key, 5).is_ok()));
    let forgotten = keys().filter(|key| f.limiter.spend("login", key, 1).is_ok()).count();

    assert!(f.limiter.bytes() <= 64_000_000, "{}", f.limiter.bytes());
    assert!(forgotten < 10_000, "{forgotten}");
}

#[test]
fn a_clock_that_jumps_back_holds_nobody_longer_than_a_burst() {
    let f = Fixture::new(1024);
    f.taken(b"ada", 5);

    f.advance(-1_000_000);

    assert_eq!(f.limiter.spend("login", b"ada", 1), Err(RetryAfter(10)));
    f.advance(10);
    assert_eq!(f.limiter.spend("login", b"ada", 1), Ok(()));
}

#[test]
fn a_class_that_nobody_configured_is_refused() {
    let f = Fixture::new(1024);

    assert_eq!(f.limiter.spend("unknown", b"ada", 1), Err(RetryAfter(60)));
}

#[test]
fn an_ipv6_customer_is_one_key_and_a_mapped_ipv4_is_itself() {
    let key = |text: &str| network(text.parse().unwrap());

    assert_eq!(key("2001:db8:1:2::1"), key("2001:db8:1:2:ffff::9"));
    assert_ne!(key("2001:db8:1:2::1"), key("2001:db8:1:3::1"));
    assert_eq!(key("::ffff:192.0.2.7"), key("192.0.2.7"));
    assert_ne!(key("192.0.2.7"), key("192.0.2.8"));
    assert_ne!(key("192.0.2.7"), key("c000:207::"));
}

#[test]
fn two_guesses_of_a_key_are_in_flight_at_most() {
    let f = Fixture::new(1024);
    let first = f.limiter.in_flight(b"ada", 2).ok().unwrap();
    let _second = f.limiter.in_flight(b"ada", 2).ok().unwrap();

    assert_eq!(f.limiter.in_flight(b"ada", 2).err(), Some(RetryAfter(1)));
    assert!(f.limiter.in_flight(b"eve", 2).is_ok());
    drop(first);
    assert!(f.limiter.in_flight(b"ada", 2).is_ok());
}

#[test]
fn guards_leave_nothing_behind() {
    let f = Fixture::new(1024);

    drop(f.limiter.in_flight(b"ada", 2));

    assert_eq!(f.limiter.guarded(), 0);
}

#[test]
fn the_error_is_a_429_with_retry_after() {
    let Error::Refused(refused) = Error::from(RetryAfter(7)) else { panic!("not a refusal") };

    assert_eq!((refused.refusal.status, refused.retry_after), (429, Some(7)));
}
