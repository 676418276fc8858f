//! Cron: one run for each due time, whichever node sees it first.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use doorward::db::tx::Work;
use doorward::identity::{Claimed, Handler, Scope};
use serde_json::json;

use crate::ground::app::App;
use crate::ground::work::{idle, until};
use crate::ground::{Ground, on_both};

on_both!(
    two_nodes_run_each_due_time_once_and_missed_ones_as_one,
    a_job_of_the_same_name_neither_blocks_nor_moves_the_schedule,
    a_restart_skips_nothing_that_was_due,
);

fn counting(count: &Arc<AtomicUsize>) -> Handler {
    let count = count.clone();
    let run = move |_: Scope, _: Claimed| {
        count.fetch_add(1, Ordering::SeqCst);
        async { Ok(()) }
    };
    Handler::new("test.tick", run).at("*/10 * * * *")
}

/// Several looks of every worker.
async fn a_while() {
    tokio::time::sleep(Duration::from_millis(300)).await;
}

async fn two_nodes_run_each_due_time_once_and_missed_ones_as_one(ground: Ground) {
    let config = idle(&ground);
    let app = App::with(ground, config).await;
    let beside = app.beside().await;
    let count = Arc::new(AtomicUsize::new(0));
    let _one = app.worker(vec![counting(&count)]).await;
    let _other = beside.worker(vec![counting(&count)]).await;
    a_while().await;
    assert_eq!(count.load(Ordering::SeqCst), 0);

    for (seconds, runs) in [(601, 1), (3 * 3600, 2)] {
        app.advance(seconds);
        until("a run", async || count.load(Ordering::SeqCst) >= runs).await;
        a_while().await;
        assert_eq!(count.load(Ordering::SeqCst), runs);
    }
    assert_eq!(app.jobs("test.tick").len(), 2);
}

async fn a_job_of_the_same_name_neither_blocks_nor_moves_the_schedule(ground: Ground) {
    let config = idle(&ground);
    let app = App::with(ground, config).await;
    let count = Arc::new(AtomicUsize::new(0));
    let later = Work {
        scheduled_at: Some(app.clock.now() + Duration::from_secs(9 * 3600)),
        ..Work::job("test.tick", json!({}))
    };
    app.enqueue(None, vec![later]).await;

    let _worker = app.worker(vec![counting(&count)]).await;
    app.advance(601);

    until("the schedule's own run", async || count.load(Ordering::SeqCst) == 1).await;
    assert_eq!(app.jobs("test.tick").len(), 2);
}

async fn a_restart_skips_nothing_that_was_due(ground: Ground) {
    let config = idle(&ground);
    let app = App::with(ground, config).await;
    let count = Arc::new(AtomicUsize::new(0));
    app.worker(vec![counting(&count)]).await.stop().await;

    app.advance(601);
    let _worker = app.worker(vec![counting(&count)]).await;

    until("what was due before the start", async || count.load(Ordering::SeqCst) == 1).await;
}
