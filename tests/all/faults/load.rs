//! The load: people who do one thing after another, in the real time, at a server that something is done to.

use std::time::{Duration, Instant};

use doorward::components::Clock;
use futures_util::future::join_all;

use super::caller::{Acknowledged, Caller, Town};
use crate::ground::Ground;
use crate::ground::app::{App, Door, config};
use crate::ground::chance::Chance;
use crate::ground::spawned::Spawned;

/// Without one more change. A machine may be slow; a server that stands still fails all the same.
const PATIENCE: Duration = Duration::from_secs(30);

/// Hashing is cheap, tokens soon age, and nobody is limited.
pub const SETTINGS: &[(&str, &str)] = &[
    ("RUST_LOG", "warn,doorward=info"),
    ("DOORWARD_HASHING__MEMORY_KIB", "64"),
    ("DOORWARD_HASHING__PASSES", "1"),
    ("DOORWARD_LIFETIMES__ACCESS", "3600"),
    ("DOORWARD_LIFETIMES__REFRESH_GRACE", "1"),
    ("DOORWARD_LIMITS__ADDRESS_PER_MINUTE", "1000000"),
    ("DOORWARD_LIMITS__TENANT_PER_MINUTE", "1000000"),
    ("DOORWARD_LIMITS__GUESSES_PER_ADDRESS_PER_MINUTE", "1000000"),
    ("DOORWARD_LIMITS__GUESSES_PER_TENANT_PER_MINUTE", "1000000"),
    ("DOORWARD_LIMITS__SIGN_UPS_PER_ADDRESS_PER_HOUR", "1000000"),
    ("DOORWARD_LIMITS__MAILS_PER_TENANT_PER_DAY", "1000000"),
    // A login that was killed stays counted as a guess.
    ("DOORWARD_GUESSES__DELAY_FROM", "1000000"),
    ("DOORWARD_GUESSES__AT_MOST", "1000000"),
];

/// So many, of tenant a, in the real time, which the server has too.
pub async fn people(ground: &Ground, count: usize, chance: &mut Chance) -> (Door, Vec<Caller>) {
    let app = App::with_clock(ground.clone(), config(ground), Clock::real()).await;
    let door = app.native("a").await;
    let mut callers = Vec::new();
    for at in 0..count {
        let email = format!("p{at}@a.example");
        callers.push(Caller::new(app.person(&door, &email).await, email, chance.another()));
    }
    drop(app.running.platform.stop().await);
    (door, callers)
}

/// They live while the script goes on, and until it is over.
pub async fn under_load(town: &Town<'_>, callers: &mut [Caller], script: impl Future<Output = ()>) {
    let script = async {
        script.await;
        town.end();
    };
    tokio::join!(script, join_all(callers.iter_mut().map(|caller| caller.live(town))));
}

/// Everybody does one thing after another until the server is killed under them.
pub async fn kill_under_load(
    server: Spawned,
    people: (&Door, &mut [Caller]),
    chance: &mut Chance,
    when: &str,
) -> Acknowledged {
    end_under_load((server, Spawned::kill), people, chance, when).await
}

/// The same, with another end.
pub async fn end_under_load(
    (server, end): (Spawned, impl FnOnce(Spawned) + Send + 'static),
    (door, callers): (&Door, &mut [Caller]),
    chance: &mut Chance,
    when: &str,
) -> Acknowledged {
    let town = Town::at(&server.address, door);
    let (enough, pause) = (20 + chance.next(80), Duration::from_micros(chance.next(20_000)));
    let ending = async {
        until_done(&town.done, [0; 5], enough, when).await;
        tokio::time::sleep(pause).await;
        tokio::task::spawn_blocking(move || end(server)).await.unwrap();
    };
    tokio::join!(ending, join_all(callers.iter_mut().map(|caller| caller.live(&town))));
    town.done
}

/// So many changes were acknowledged since `before`, and of each kind one at least.
pub async fn until_done(done: &Acknowledged, before: [u64; 5], enough: u64, when: &str) {
    let (mut moved, mut last) = (Instant::now(), (0, 0));
    loop {
        let now = done.each();
        let each: [u64; 5] = std::array::from_fn(|at| now[at] - before[at]);
        let (sum, kinds) = (each.iter().sum::<u64>(), each.iter().filter(|count| **count > 0).count());
        if sum >= enough && kinds == each.len() {
            return;
        }
        // What is not waited for any more is no progress.
        if (sum.min(enough), kinds) > last {
            (moved, last) = (Instant::now(), (sum.min(enough), kinds));
        }
        let stood = moved.elapsed();
        assert!(
            stood < PATIENCE,
            "{when}: after {each:?} of {enough} nothing that was missing was acknowledged for {PATIENCE:?}"
        );
        tokio::time::sleep(Duration::from_millis(1)).await;
    }
}
