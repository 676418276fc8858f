//! The line before the threads: its bounds, its fairness, its memory.

use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::mpsc;

use futures_util::future::join_all;

use super::*;
use crate::base::TenantId;

const BUSY_KEY: &str = BUSY.key;

fn pool(queue: usize, wait: Duration) -> Pool {
    Pool::start(Bounds { permits: 1, queue, wait, idle: Duration::from_millis(50) }, 64).unwrap()
}

/// Keeps the only thread until the sender is dropped.
fn hold(pool: &Arc<Pool>) -> mpsc::Sender<()> {
    let (release, held) = mpsc::channel::<()>();
    let pool = pool.clone();
    tokio::spawn(async move { pool.run(None, move |_| held.recv()).await });
    release
}

async fn until(mut met: impl FnMut() -> bool) {
    let began = Instant::now();
    while !met() {
        assert!(began.elapsed() < Duration::from_secs(10), "never came true");
        tokio::time::sleep(Duration::from_millis(2)).await;
    }
}

async fn occupied(queue: usize, wait: Duration) -> (Arc<Pool>, mpsc::Sender<()>) {
    let pool = Arc::new(pool(queue, wait));
    let release = hold(&pool);
    until(|| pool.counts().in_flight() == 1).await;
    (pool, release)
}

fn enqueue(pool: &Arc<Pool>, tenant: Option<TenantId>) -> tokio::task::JoinHandle<Result<()>> {
    let pool = pool.clone();
    tokio::spawn(async move { pool.run(tenant, |_| ()).await })
}

/// Whoever waits for the bound of 30 seconds would take longer, on whatever machine.
const NO_WAIT: Duration = Duration::from_secs(10);

#[tokio::test]
async fn a_full_line_refuses_at_once() {
    let (pool, release) = occupied(2, Duration::from_secs(30)).await;
    let waiting = [enqueue(&pool, None), enqueue(&pool, None)];
    until(|| pool.counts().queued() == 2).await;

    let began = Instant::now();
    let refused = pool.run(None, |_| ()).await.unwrap_err();

    assert_eq!(refused.key(), BUSY_KEY);
    assert!(began.elapsed() < NO_WAIT);
    assert_eq!(pool.counts().refused(), 1);
    drop(release);
    assert!(join_all(waiting).await.into_iter().all(|done| done.unwrap().is_ok()));
}

#[tokio::test]
async fn nobody_waits_longer_than_the_bound() {
    let (pool, _release) = occupied(64, Duration::from_millis(100)).await;

    let began = Instant::now();
    let refused = pool.run(None, |_| ()).await.unwrap_err();

    assert_eq!(refused.key(), BUSY_KEY);
    assert!(began.elapsed() < NO_WAIT, "{:?}", began.elapsed());
    assert_eq!(pool.counts().queued(), 0);
}

#[tokio::test]
async fn a_line_that_would_take_too_long_refuses_at_once() {
    let (pool, release) = occupied(64, Duration::from_secs(30)).await;
    pool.0.lock().average = Duration::from_secs(12);
    let waiting = [enqueue(&pool, None), enqueue(&pool, None), enqueue(&pool, None)];
    until(|| pool.counts().queued() == 3).await;

    let began = Instant::now();
    let refused = pool.run(None, |_| ()).await.unwrap_err();
    let other = enqueue(&pool, Some(TenantId::new()));

    assert_eq!(refused.key(), BUSY_KEY);
    assert!(began.elapsed() < NO_WAIT);
    until(|| pool.counts().queued() == 4).await;
    drop(release);
    assert!(other.await.unwrap().is_ok());
    join_all(waiting).await;
}

#[tokio::test]
async fn a_storm_at_one_tenant_does_not_keep_another_waiting() {
    let (pool, release) = occupied(64, Duration::from_secs(30)).await;
    let (storm, calm) = (Some(TenantId::new()), Some(TenantId::new()));
    let turn = Arc::new(AtomicUsize::new(0));
    let stormers: Vec<_> = (0..40).map(|_| ticket(&pool, storm, &turn)).collect();
    until(|| pool.counts().queued() == 40).await;
    let late = ticket(&pool, calm, &turn);
    until(|| pool.counts().queued() == 41).await;

    drop(release);
    let place = late.await.unwrap().unwrap();

    assert!(place <= 1, "served as number {place}");
    join_all(stormers).await;
}

fn ticket(
    pool: &Arc<Pool>,
    tenant: Option<TenantId>,
    turn: &Arc<AtomicUsize>,
) -> tokio::task::JoinHandle<Result<usize>> {
    let (pool, turn) = (pool.clone(), turn.clone());
    tokio::spawn(async move { pool.run(tenant, move |_| turn.fetch_add(1, Ordering::SeqCst)).await })
}

#[tokio::test]
async fn in_a_full_line_the_longest_gives_way() {
    let (pool, release) = occupied(4, Duration::from_secs(30)).await;
    let (storm, calm) = (Some(TenantId::new()), Some(TenantId::new()));
    let stormers: Vec<_> = (0..4).map(|_| enqueue(&pool, storm)).collect();
    until(|| pool.counts().queued() == 4).await;

    let late = enqueue(&pool, calm);
    until(|| pool.counts().refused() == 1).await;
    drop(release);

    assert!(late.await.unwrap().is_ok());
    let refused = join_all(stormers).await.into_iter().filter(|done| done.as_ref().unwrap().is_err());
    assert_eq!(refused.count(), 1);
}

#[tokio::test]
async fn whoever_stops_waiting_leaves_the_line() {
    let (pool, release) = occupied(1, Duration::from_secs(30)).await;
    let gone = enqueue(&pool, None);
    until(|| pool.counts().queued() == 1).await;

    gone.abort();
    until(|| pool.counts().queued() == 0).await;
    let next = enqueue(&pool, None);
    drop(release);

    assert!(next.await.unwrap().is_ok());
    assert_eq!(pool.counts().done(), 2);
}

#[tokio::test]
async fn memory_is_wiped_after_a_hash_and_given_back_when_idle() {
    let pool = pool(64, Duration::from_secs(30));

    pool.run(None, |bench| bench.with(64, |memory| memory[7].as_mut().fill(7))).await.unwrap();
    let dirty = pool.run(None, |bench| bench.memory.iter().any(|b| b.as_ref().iter().any(|word| *word != 0)));
    assert!(!dirty.await.unwrap());
    assert_eq!(pool.counts().memory(), 64 * 1024);

    until(|| pool.counts().memory() == 0).await;
}

#[tokio::test]
async fn a_foreign_hash_leaves_no_large_memory_behind() {
    let pool = pool(64, Duration::from_secs(30));

    pool.run(None, |bench| bench.with(4096, |_| ())).await.unwrap();

    assert_eq!(pool.counts().memory(), 0);
}

#[tokio::test]
async fn a_panic_is_an_error_of_ours_and_the_thread_lives_on() {
    let pool = pool(64, Duration::from_secs(30));

    let failed = pool.run(None, |_| panic!("in a test")).await.map(|(): ()| ()).unwrap_err();

    assert_eq!(failed.status(), 500);
    assert!(pool.run(None, |_| ()).await.is_ok());
}

#[tokio::test]
async fn threads_end_with_the_last_handle() {
    let pool = pool(64, Duration::from_secs(30));
    let shared = Arc::downgrade(&pool.0);

    drop(pool);

    until(|| shared.strong_count() == 0).await;
}

#[cfg(target_os = "linux")]
#[tokio::test]
async fn a_hash_stands_behind_whoever_is_in_already() {
    use rustix::process::getpriority_process;

    let of_hash = pool(1, Duration::from_secs(30)).run(None, |_| getpriority_process(None)).await.unwrap();

    assert!(of_hash.unwrap() > getpriority_process(None).unwrap());
}
