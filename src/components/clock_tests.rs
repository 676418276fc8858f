//! What the clock tells when it is set.

use super::*;

fn at(seconds: i64) -> Timestamp {
    Timestamp::from_seconds(seconds)
}

#[test]
fn a_settable_clock_moves_only_when_advanced_and_its_clones_move_with_it() {
    let clock = Clock::settable(at(100));
    let clone = clock.clone();

    clock.advance(Duration::from_secs(5));

    assert_eq!(clone.now(), at(105));
}

#[test]
fn a_clock_that_is_set_forward_is_believed_and_one_that_is_set_back_only_when_the_books_are_closed() {
    let clock = Clock::settable(at(1000));

    clock.set(at(5000));
    assert_eq!((clock.now(), clock.is_behind()), (at(5000), None));
    clock.set(at(2000));
    clock.advance(Duration::from_secs(10));
    let step = clock.is_behind().unwrap();
    assert_eq!((clock.now(), step), (at(5010), SetBack { from: at(5010), to: at(2010) }));
    clock.set_back(step);
    clock.advance(Duration::from_secs(1));

    assert_eq!((clock.now(), clock.is_behind()), (at(2011), None));
    assert_eq!(clock.steady(), at(1011), "nobody sets the steady clock");
}

#[test]
fn what_had_ended_before_the_clock_was_set_back_is_known_by_its_times() {
    let clock = Clock::settable(at(5000));
    clock.now();
    clock.set(at(2000));
    clock.set_back(clock.is_behind().unwrap());

    assert!(clock.has_outlived(1900, 2200) && clock.has_outlived(1900, 5000));
    assert!(!clock.has_outlived(1900, 5001), "it had not ended");
    assert!(!clock.has_outlived(2000, 2300), "it was given afterwards");
    assert!(clock.has_been(4999) && !clock.has_been(5001));
}

#[test]
fn one_step_back_after_another_confuses_nobody() {
    let clock = Clock::settable(at(1000));
    for time in [5000, 1010, 500, 1020] {
        clock.set(at(time));
        clock.now();
        clock.is_behind().into_iter().for_each(|step| clock.set_back(step));
        clock.advance(Duration::from_secs(5));
    }

    assert!(clock.has_outlived(990, 1300), "it ended when it was 5000");
    assert!(clock.has_outlived(502, 505) && !clock.has_outlived(502, 1000), "given when it was 500 again");
    assert!(!clock.has_outlived(1012, 1300), "given at 1010, and nothing later was told since");
    assert!(!clock.has_outlived(1021, 1300) && clock.has_outlived(700, 1300), "nothing was given at 700");
}

#[test]
fn a_trifle_is_no_step_back() {
    let clock = Clock::settable(at(1000));
    clock.now();

    clock.set(Timestamp(999_950_000));

    assert_eq!((clock.is_behind(), clock.now()), (None, at(1000)));
}

#[test]
fn a_real_clock_tells_a_time_of_this_century() {
    let now = Clock::real().now();

    assert!(now > Timestamp::parse("2026-01-01T00:00:00Z").unwrap());
    assert!(now < Timestamp::parse("2100-01-01T00:00:00Z").unwrap());
}

#[test]
#[should_panic(expected = "A real clock cannot be advanced")]
fn a_real_clock_cannot_be_advanced() {
    Clock::real().advance(Duration::from_secs(1));
}
