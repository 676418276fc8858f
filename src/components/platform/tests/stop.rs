//! How a platform comes down.

use std::time::Instant;

use super::*;

#[tokio::test]
async fn stop_is_the_reverse_of_start_and_comes_after_every_drain() {
    let log = Log::default();
    let platform = chain(&log).build().unwrap();
    platform.start().await.unwrap();

    let outcome = platform.stop().await;

    assert_eq!(outcome, Outcome::Clean);
    assert_eq!(log.of("stop"), ["web", "mail", "store"]);
    let lines = log.0.lock().unwrap().clone();
    assert!(lines[6..9].iter().all(|line| line.starts_with("drain")), "{lines:?}");
}

#[tokio::test]
async fn one_that_fails_to_stop_is_told_and_does_not_keep_the_rest_up() {
    let log = Log::default();
    let broken = toy::<4, (Ball<3>,)>("last", &log).in_trouble("stop", Trouble::Panic);
    let platform = chain(&log).required(broken).build().unwrap();
    platform.start().await.unwrap();

    let outcome = platform.stop().await;

    let told = "The component `last` failed to stop: it panicked: the head fell off.".to_owned();
    assert_eq!(outcome, Outcome::Troubled(vec![told]));
    assert_eq!(log.of("stop"), ["last", "web", "mail", "store"]);
}

#[tokio::test]
async fn a_server_that_is_asked_to_stop_turns_unready_drains_and_stops() {
    let log = Log::default();
    let platform =
        builder().required(toy::<1, ()>("web", &log).in_trouble("drain", Trouble::Slow)).build().unwrap();
    let watch = platform.watch();
    let running = tokio::spawn(async move { platform.run_until_signal(Duration::from_secs(5)).await });
    until(|| watch.is_ready()).await;

    watch.stop();
    until(|| log.of("drain") == ["web"]).await;

    assert!(!watch.is_ready());
    assert_eq!(watch.status()[0].state, State::Draining);
    assert_eq!(running.await.unwrap().unwrap(), Outcome::Clean);
}

#[tokio::test]
async fn a_deadline_that_passes_ends_the_drain_and_stops_hard() {
    let log = Log::default();
    let platform =
        builder().required(toy::<1, ()>("web", &log).in_trouble("drain", Trouble::Hang)).build().unwrap();

    let outcome = begun_then_asked(platform, 1, Duration::from_millis(50)).await;

    assert_eq!(outcome, Outcome::Hard("the deadline passed"));
}

#[tokio::test]
async fn a_second_signal_stops_hard() {
    let log = Log::default();
    let web = toy::<1, ()>("web", &log);
    let platform = builder().pausing(Duration::from_secs(30)).required(web).build().unwrap();

    let watch = platform.watch();
    let running = tokio::spawn(async move { platform.run_until_signal(Duration::from_secs(60)).await });
    until(|| watch.is_ready()).await;
    watch.stop();
    until(|| !watch.is_ready()).await;
    tokio::time::sleep(Duration::from_millis(1_100)).await;
    watch.stop();

    assert_eq!(running.await.unwrap().unwrap(), Outcome::Hard("a second signal came"));
    assert_eq!(log.of("stop"), ["web"]);
}

#[tokio::test]
async fn a_signal_that_comes_twice_at_once_is_one_signal() {
    let log = Log::default();
    let web = toy::<1, ()>("web", &log).in_trouble("drain", Trouble::Slow);
    let platform = builder().required(web).build().unwrap();

    let outcome = begun_then_asked(platform, 2, Duration::from_secs(60)).await;

    assert_eq!(outcome, Outcome::Clean);
}

#[tokio::test]
async fn a_platform_that_stops_is_unready_even_if_nothing_in_it_is_required() {
    let platform = builder().optional(toy::<1, ()>("mail", &Log::default())).build().unwrap();
    platform.start().await.unwrap();
    assert!(platform.watch().is_ready());

    platform.stop().await;

    assert!(!platform.watch().is_ready());
}

async fn begun_then_asked(platform: Platform, times: usize, deadline: Duration) -> Outcome {
    let watch = platform.watch();
    let running = tokio::spawn(async move { platform.run_until_signal(deadline).await });
    until(|| watch.is_ready()).await;
    (0..times).for_each(|_| watch.stop());
    running.await.unwrap().unwrap()
}

async fn until(met: impl Fn() -> bool) {
    let begun = Instant::now();
    while !met() {
        assert!(begun.elapsed() < Duration::from_secs(5), "it never came");
        tokio::time::sleep(Duration::from_millis(2)).await;
    }
}
