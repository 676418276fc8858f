//! Questions that come together are answered together, each with its own answer.

use std::sync::atomic::{AtomicUsize, Ordering};

use futures_util::future::join_all;
use tokio::sync::Semaphore;

use super::*;
use crate::base::Error;

type Doubling = Gather<u32, u32, u32>;

/// Twice the question of each even key; how many there were is told.
async fn doubled(questions: BTreeMap<u32, u32>, runs: &AtomicUsize) -> Result<BTreeMap<u32, u32>> {
    runs.fetch_add(1, Ordering::SeqCst);
    tokio::task::yield_now().await;
    Ok(questions.into_iter().filter(|(key, _)| key % 2 == 0).map(|(key, asked)| (key, 2 * asked)).collect())
}

fn leaked() -> &'static AtomicUsize {
    Box::leak(Box::default())
}

#[tokio::test]
async fn two_hundred_who_ask_at_once_are_answered_by_few_runs_each_with_their_own_answer() {
    let (gather, runs) = (Doubling::default(), leaked());

    let asked = (0..200).map(|key| gather.ask(key, key, |questions| doubled(questions, runs)));
    let answers = join_all(asked).await;

    for (key, answer) in (0..200).zip(answers) {
        assert_eq!(answer.unwrap(), (key % 2 == 0).then_some(2 * key));
    }
    assert!(runs.load(Ordering::SeqCst) < 20, "{runs:?} runs");
}

#[tokio::test]
async fn two_who_ask_differently_of_one_key_are_never_in_one_run() {
    let (gather, runs) = (Doubling::default(), leaked());

    let asked = [1, 1, 3].map(|question| gather.ask(2, question, |questions| doubled(questions, runs)));
    let answers = join_all(asked).await;

    let answers: Vec<_> = answers.into_iter().map(Result::unwrap).collect();
    assert_eq!(answers, [Some(2), Some(2), Some(6)]);
    assert!(runs.load(Ordering::SeqCst) >= 2);
}

#[tokio::test]
async fn a_run_that_fails_fails_for_all_of_its_askers_and_for_nobody_after() {
    let gather = Doubling::default();
    let failing = |_| async { Err(Error::internal("no database")) };

    let failed = join_all((0..3).map(|key| gather.ask(key, key, failing))).await;

    assert!(failed.iter().all(|answer| answer.as_ref().is_err_and(|error| error.words() == "no database")));
    assert_eq!(gather.ask(4, 4, |questions| doubled(questions, leaked())).await.unwrap(), Some(8));
}

#[tokio::test]
async fn a_run_that_panics_leaves_nobody_waiting_for_ever() {
    let gather = Doubling::default();
    let panicking = |questions: BTreeMap<u32, u32>| async move {
        assert!(questions.is_empty(), "on purpose");
        Ok(BTreeMap::new())
    };

    let failed = join_all((0..10).map(|key| gather.ask(key, key, panicking))).await;

    assert!(failed.iter().all(|answer| answer.as_ref().is_err_and(|error| error.is(&BUSY))));
    assert_eq!(gather.ask(4, 4, |questions| doubled(questions, leaked())).await.unwrap(), Some(8));
}

#[tokio::test]
async fn a_caller_who_goes_away_takes_nobodys_answer_with_them() {
    let gather: &'static Doubling = Box::leak(Box::default());
    let gate: &'static Semaphore = Box::leak(Box::new(Semaphore::new(0)));
    let waiting = move |questions| async move {
        let _permit = gate.acquire().await;
        doubled(questions, leaked()).await
    };
    let gone = tokio::spawn(gather.ask(2, 2, waiting));
    tokio::task::yield_now().await;
    let stays = tokio::spawn(gather.ask(2, 2, waiting));
    tokio::task::yield_now().await;

    gone.abort();
    gate.add_permits(8);

    assert_eq!(stays.await.unwrap().unwrap(), Some(4));
}

#[tokio::test]
async fn who_waits_too_long_for_runs_that_are_far_away_goes_by_themselves() {
    let gather: &'static Doubling = Box::leak(Box::default());
    let gate: &'static Semaphore = Box::leak(Box::new(Semaphore::new(0)));
    let far = move |questions| async move {
        let _permit = gate.acquire().await;
        doubled(questions, leaked()).await
    };
    let mut away = Vec::new();
    for _ in 0..*RUNNING {
        away.push(tokio::spawn(gather.ask(2, 2, far)));
        tokio::task::yield_now().await;
    }

    let answer = gather.ask(8, 8, |questions| doubled(questions, leaked())).await;

    assert_eq!(answer.unwrap(), Some(16));
    gate.add_permits(64);
    for one in away {
        assert_eq!(one.await.unwrap().unwrap(), Some(4));
    }
}
