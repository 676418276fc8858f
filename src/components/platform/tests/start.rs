//! How a platform comes up, and what happens when a component does not.

use std::time::Instant;

use super::*;

#[tokio::test]
async fn providers_are_up_before_their_consumers() {
    let log = Log::default();
    let platform = chain(&log).build().unwrap();

    platform.start().await.unwrap();

    assert_eq!(log.of("init"), ["store", "mail", "web"]);
    assert_eq!(log.of("start"), ["store", "mail", "web"]);
    assert!(platform.watch().is_ready());
}

#[tokio::test]
async fn independent_components_overlap_in_time() {
    let log = Log::default();
    let platform = builder()
        .required(toy::<1, ()>("first", &log).in_trouble("start", Trouble::Slow))
        .required(toy::<2, ()>("second", &log).in_trouble("start", Trouble::Slow))
        .required(toy::<3, ()>("third", &log).in_trouble("start", Trouble::Slow))
        .build()
        .unwrap();
    let begun = Instant::now();

    platform.start().await.unwrap();

    assert!(begun.elapsed() < Duration::from_millis(300), "three of 150 ms each took {:?}", begun.elapsed());
}

#[tokio::test]
async fn one_that_fails_to_start_stops_those_that_had_started_in_reverse() {
    let log = Log::default();
    let broken = toy::<4, (Ball<3>,)>("last", &log).in_trouble("start", Trouble::Error);
    let platform = chain(&log).required(broken).build().unwrap();

    let failure = platform.start().await.unwrap_err();

    assert_eq!(
        failure.to_string(),
        "The component `last` failed to start: the spring is broken. \
         What had come up was stopped again: web, mail, store."
    );
    assert_eq!(log.of("stop"), ["last", "web", "mail", "store"]);
    assert_eq!(state(&platform, "last"), (State::Failed, Some("the spring is broken".to_owned())));
    assert_eq!(state(&platform, "web").0, State::Stopped);
}

#[tokio::test]
async fn one_that_fails_to_initialise_keeps_the_others_from_starting() {
    let log = Log::default();
    let broken = toy::<4, (Ball<3>,)>("last", &log).in_trouble("init", Trouble::Error);
    let platform = chain(&log).required(broken).build().unwrap();

    let failure = platform.start().await.unwrap_err();

    assert_eq!(failure.component, "last");
    assert!(log.of("start").is_empty());
    assert_eq!(log.of("stop"), ["web", "mail", "store"]);
}

#[tokio::test]
async fn one_that_hangs_is_named_with_its_time_limit() {
    let log = Log::default();
    let hanging = toy::<1, ()>("store", &log).in_trouble("start", Trouble::Hang);
    let platform = builder().required(hanging).build().unwrap();
    let begun = Instant::now();

    let failure = platform.start().await.unwrap_err();

    assert_eq!(failure.to_string(), "The component `store` failed to start: it did not finish within 300ms.");
    assert!(begun.elapsed() < Duration::from_secs(3), "it took {:?}", begun.elapsed());
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn one_that_blocks_its_thread_is_named_too() {
    let log = Log::default();
    let blocking = toy::<1, ()>("store", &log).in_trouble("init", Trouble::Block);
    let platform = builder().required(blocking).build().unwrap();

    let failure = platform.start().await.unwrap_err();

    assert_eq!(
        failure.to_string(),
        "The component `store` failed to initialise: it did not finish within 300ms."
    );
}

#[tokio::test]
async fn one_that_panics_is_a_failure_and_not_a_crash() {
    let log = Log::default();
    let panicking = toy::<1, ()>("store", &log).in_trouble("init", Trouble::Panic);
    let platform = builder().required(panicking).build().unwrap();

    let failure = platform.start().await.unwrap_err();

    assert_eq!(
        failure.to_string(),
        "The component `store` failed to initialise: it panicked: the head fell off."
    );
}

#[tokio::test]
async fn an_optional_one_that_fails_is_degraded_and_the_rest_serves() {
    let log = Log::default();
    let mail = toy::<1, ()>("mail", &log).in_trouble("init", Trouble::Error);
    let web = toy::<2, (Option<Ball<1>>,)>("web", &log);
    let platform = builder().optional(mail).required(web).build().unwrap();

    platform.start().await.unwrap();

    assert_eq!(state(&platform, "mail"), (State::Degraded, Some("the spring is broken".to_owned())));
    assert_eq!(state(&platform, "web").0, State::Started);
    assert_eq!(log.of("start"), ["web"]);
    assert!(platform.watch().is_ready());
}
