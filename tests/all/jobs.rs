//! The queue: what is enqueued runs, once at a time and at least once, and what cannot run is kept.

mod cleaning;
mod delivery;
mod schedule;
mod service;

use std::collections::BTreeSet;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use diesel::prelude::*;
use doorward::base::error::NOT_FOUND;
use doorward::base::{JobId, TenantId};
use doorward::db::schema::tenants;
use doorward::db::tx::{Forget, Work};
use doorward::identity::{Claimed, Failure, Handler, Scope};
use doorward::jobs::entity::JobState;
use doorward::jobs::entity::look::Wanted;
use doorward::jobs::events;
use doorward::jobs::worker::Worker;
use serde_json::json;

use crate::ground::app::App;
use crate::ground::work::{idle, until};
use crate::ground::{Ground, on_both};

on_both!(
    job_1_an_enqueue_that_is_rolled_back_leaves_nothing,
    job_1_eight_workers_take_each_of_two_thousand_jobs_once,
    job_1_the_lease_of_a_killed_worker_is_taken_over,
    job_1_a_poison_job_parks_after_its_attempts,
    job_1_a_job_that_kills_its_workers_parks_too,
    job_1_a_long_queue_of_one_tenant_does_not_keep_another_waiting,
    job_1_an_effect_in_the_jobs_own_transaction_comes_once,
    job_1_a_lease_is_kept_alive_while_its_job_runs,
    shut_1_what_does_not_end_in_time_is_handed_back,
    ten_9_jobs_of_a_suspended_tenant_wait,
    an_unknown_name_is_left_alone,
    a_second_job_of_the_same_dedupe_key_is_dropped,
    the_dead_are_replayed_and_the_paused_wait,
);

type Log = Arc<Mutex<Vec<Option<TenantId>>>>;

fn noting(name: &'static str, log: &Log) -> Handler {
    let log = log.clone();
    Handler::new(name, move |_: Scope, job: Claimed| {
        let log = log.clone();
        async move {
            tokio::time::sleep(Duration::from_millis(5)).await;
            log.lock().unwrap().push(job.tenant);
            Ok(())
        }
    })
}

fn works(count: usize) -> Vec<Work> {
    (0..count).map(|at| Work::job("test.note", json!({ "at": at }))).collect()
}

fn failing(name: &'static str) -> Handler {
    Handler::new(name, |_: Scope, _: Claimed| async {
        Err(Failure::Again("no luck for ada@a.example".into()))
    })
}

async fn start(ground: Ground) -> App {
    let config = idle(&ground);
    App::with(ground, config).await
}

async fn job_1_an_enqueue_that_is_rolled_back_leaves_nothing(ground: Ground) {
    let app = start(ground).await;
    let scope = Scope::of_house(app.running.house.clone(), None);

    let refused = scope.write(|tx| {
        tx.enqueue(Work::job("test.note", json!({})))?;
        Err::<(), _>(NOT_FOUND.error())
    });

    assert!(refused.await.is_err());
    assert!(app.jobs("test.note").is_empty());
}

async fn job_1_eight_workers_take_each_of_two_thousand_jobs_once(ground: Ground) {
    let app = Arc::new(start(ground).await);
    app.enqueue(None, works(2000)).await;

    let takers = (0..8).map(|node| {
        let app = app.clone();
        tokio::spawn(async move {
            let mut mine = Vec::new();
            loop {
                let taken = app.claim(&node.to_string(), "test.note", 10).await;
                if taken.is_empty() {
                    return mine;
                }
                mine.extend(taken.into_iter().map(|taken| taken.job.id));
            }
        })
    });
    let taken: Vec<JobId> =
        futures_util::future::join_all(takers).await.into_iter().flat_map(Result::unwrap).collect();

    assert_eq!((taken.len(), taken.iter().collect::<BTreeSet<_>>().len()), (2000, 2000));
}

async fn job_1_the_lease_of_a_killed_worker_is_taken_over(ground: Ground) {
    let app = start(ground).await;
    app.enqueue(None, works(1)).await;
    let killed = app.claim("killed", "test.note", 1).await;
    let log = Log::default();
    let _worker = app.worker(vec![noting("test.note", &log)]).await;

    tokio::time::sleep(Duration::from_millis(200)).await;
    assert!(log.lock().unwrap().is_empty(), "a lease that lives was not respected");
    app.advance(61);

    until("somebody else runs it", async || app.job(killed[0].job.id).state == JobState::Done).await;
    assert_eq!((log.lock().unwrap().len(), app.job(killed[0].job.id).retry_count), (1, 2));
}

async fn job_1_a_poison_job_parks_after_its_attempts(ground: Ground) {
    let app = start(ground).await;
    let mut work = Work::job("test.poison", json!({}));
    work.max_attempts = 3;
    let id = work.id;
    app.enqueue(None, vec![work]).await;
    let panicking = Handler::new("test.poison", |_: Scope, _: Claimed| async { panic!("poison") });
    let _worker = app.worker(vec![panicking]).await;

    for attempt in 1..=3 {
        until("an attempt", async || {
            let job = app.job(id);
            job.retry_count == attempt && job.state != JobState::Running
        })
        .await;
        app.advance(24 * 3600);
    }

    let job = app.job(id);
    assert_eq!((job.state, job.last_error.as_deref()), (JobState::Dead, Some("its handler panicked")));
}

async fn job_1_a_job_that_kills_its_workers_parks_too(ground: Ground) {
    let app = start(ground).await;
    let mut work = Work::job("test.note", json!({}));
    work.max_attempts = 2;
    let id = work.id;
    app.enqueue(None, vec![work]).await;

    for _ in 0..2 {
        assert_eq!(app.claim("killed", "test.note", 1).await.len(), 1);
        app.advance(61);
    }

    assert!(app.claim("careful", "test.note", 1).await.is_empty());
    assert_eq!(app.job(id).state, JobState::Dead);
}

async fn job_1_a_long_queue_of_one_tenant_does_not_keep_another_waiting(ground: Ground) {
    let app = start(ground).await;
    let (a, b) = (app.native("a").await.tenant, app.native("b").await.tenant);
    app.enqueue(Some(a), works(100)).await;
    app.enqueue(Some(b), works(3)).await;
    let log = Log::default();

    let _worker = app.worker(vec![noting("test.note", &log)]).await;
    until("all have run", async || log.lock().unwrap().len() == 103).await;

    let last_of_b = log.lock().unwrap().iter().rposition(|tenant| *tenant == Some(b)).unwrap();
    assert!(last_of_b < 12, "the other tenant was served at place {last_of_b}");
}

async fn job_1_an_effect_in_the_jobs_own_transaction_comes_once(ground: Ground) {
    let app = start(ground).await;
    app.enqueue(None, works(1)).await;
    let slow = app.claim("slow", "test.note", 1).await.remove(0).job;
    app.advance(61);
    let fast = app.claim("fast", "test.note", 1).await.remove(0).job;

    let mut outcomes = Vec::new();
    for job in [&fast, &slow] {
        let claimed = Claimed::new(job.id, None, job.fence);
        let scope = Scope::of_house(app.running.house.clone(), None);
        let effect = scope.write(move |tx| {
            tx.enqueue(Work::job("test.effect", json!({})))?;
            claimed.done_with(tx)
        });
        outcomes.push(effect.await.is_ok());
    }

    assert_eq!((outcomes, app.jobs("test.effect").len()), (vec![true, false], 1));
}

async fn job_1_a_lease_is_kept_alive_while_its_job_runs(ground: Ground) {
    let mut config = idle(&ground);
    config.jobs.lease = Duration::from_millis(300);
    let app = App::with(ground, config).await;
    app.enqueue(None, works(1)).await;
    let waiting = Handler::new("test.note", |_: Scope, _: Claimed| std::future::pending());
    let _worker = app.worker(vec![waiting]).await;
    until("it runs", async || app.jobs("test.note")[0].state == JobState::Running).await;
    let before = app.jobs("test.note")[0].leased_until;

    app.advance(3600);

    until("its lease moves on", async || app.jobs("test.note")[0].leased_until > before).await;
    assert_eq!(app.jobs("test.note")[0].retry_count, 1);
}

async fn shut_1_what_does_not_end_in_time_is_handed_back(ground: Ground) {
    let app = start(ground).await;
    app.enqueue(None, works(1)).await;
    let waiting = Handler::new("test.note", |_: Scope, _: Claimed| std::future::pending());
    let worker = app.hire(Worker::new(vec![waiting]).draining(Duration::from_millis(100))).await;
    until("it runs", async || app.jobs("test.note")[0].state == JobState::Running).await;

    worker.stop().await;

    let job = app.jobs("test.note").remove(0);
    assert_eq!((job.state, job.retry_count, job.leased_until), (JobState::Queued, 0, None));
    assert_eq!(app.claim("another", "test.note", 1).await.len(), 1);
}

async fn ten_9_jobs_of_a_suspended_tenant_wait(ground: Ground) {
    let app = start(ground).await;
    let a = app.native("a").await.tenant;
    let suspend = |at: Option<doorward::base::Timestamp>| {
        let scope = Scope::of_house(app.running.house.clone(), None);
        async move {
            let moved = scope.write(move |tx| {
                diesel::update(tenants::table.find(a)).set(tenants::suspended_at.eq(at)).execute(tx.conn)?;
                tx.forget(Forget::Tenant(a))
            });
            moved.await.unwrap();
        }
    };
    app.enqueue(Some(a), works(1)).await;

    suspend(Some(app.clock.now())).await;
    assert!(app.claim("one", "test.note", 1).await.is_empty());

    suspend(None).await;
    assert_eq!(app.claim("one", "test.note", 1).await.len(), 1);
}

async fn an_unknown_name_is_left_alone(ground: Ground) {
    let app = start(ground).await;
    app.enqueue(None, vec![Work::job("test.of_a_newer_version", json!({}))]).await;
    app.enqueue(None, works(1)).await;
    let log = Log::default();

    let _worker = app.worker(vec![noting("test.note", &log)]).await;
    until("the known one ran", async || log.lock().unwrap().len() == 1).await;

    let job = app.jobs("test.of_a_newer_version").remove(0);
    assert_eq!((job.state, job.retry_count), (JobState::Queued, 0));
}

async fn a_second_job_of_the_same_dedupe_key_is_dropped(ground: Ground) {
    let app = start(ground).await;
    let twin = || Work { dedupe_key: Some("only one".into()), ..Work::job("test.note", json!({})) };

    app.enqueue(None, vec![twin()]).await;
    app.enqueue(None, vec![twin()]).await;

    assert_eq!(app.jobs("test.note").len(), 1);
}

async fn the_dead_are_replayed_and_the_paused_wait(ground: Ground) {
    let app = start(ground).await;
    let once = Work { max_attempts: 1, ..Work::job("test.note", json!({})) };
    let id = once.id;
    app.enqueue(None, vec![once]).await;
    let operator = Scope::of_house(app.running.house.clone(), None);
    let failing = app.worker(vec![failing("test.note")]).await;
    until("it is dead", async || app.job(id).state == JobState::Dead).await;
    assert_eq!(app.job(id).last_error.as_deref(), Some("no luck for …"));
    failing.stop().await;

    events::pause(&operator, "test.note".into()).await.unwrap();
    assert_eq!(events::replay(&operator, Wanted::default()).await.unwrap(), 1);
    assert!(app.claim("one", "test.note", 1).await.is_empty());

    events::resume(&operator, "test.note".into()).await.unwrap();
    assert_eq!(app.claim("one", "test.note", 1).await.len(), 1);
    assert!(events::retry(&operator, id).await.unwrap_err().is(&events::NOT_RETRYABLE));
}
