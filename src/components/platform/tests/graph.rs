//! The graph is checked before anything happens.

use super::*;

#[test]
fn a_cycle_of_five_prints_the_whole_cycle_and_nothing_is_touched() {
    let log = Log::default();
    let circle = builder()
        .required(toy::<9, (Ball<1>,)>("outside", &log))
        .required(toy::<1, (Ball<2>,)>("a", &log))
        .required(toy::<2, (Ball<3>,)>("b", &log))
        .required(toy::<3, (Ball<4>,)>("c", &log))
        .required(toy::<4, (Ball<5>,)>("d", &log))
        .required(toy::<5, (Option<Ball<1>>,)>("e", &log));

    let flaws = flaws(circle);

    assert_eq!(flaws, ["These components wait for each other in a circle: a -> b -> c -> d -> e -> a."]);
    assert!(log.of("").is_empty());
}

#[test]
fn a_component_that_consumes_its_own_handle_is_a_cycle_of_one() {
    let flaws = flaws(builder().required(toy::<1, (Ball<1>,)>("snake", &Log::default())));

    assert_eq!(flaws, ["These components wait for each other in a circle: snake -> snake."]);
}

#[test]
fn a_missing_provider_is_named_with_who_wants_it() {
    let flaws = flaws(builder().required(toy::<1, (Clock,)>("web", &Log::default())));

    assert_eq!(flaws, ["`web` consumes `Clock`, which no component provides."]);
}

#[test]
fn two_providers_of_one_handle_are_both_named() {
    let clock = Clock::real();

    let flaws = flaws(builder().given("sundial", clock.clone()).given("hourglass", clock));

    assert_eq!(flaws, ["Both `sundial` and `hourglass` provide `Clock`."]);
}

#[test]
fn two_components_of_one_name_are_refused_together_with_every_other_flaw() {
    let log = Log::default();

    let flaws = flaws(builder().required(toy::<1, (Clock,)>("a", &log)).required(toy::<2, ()>("a", &log)));

    assert_eq!(
        flaws,
        ["Two components are called `a`.", "`a` consumes `Clock`, which no component provides."]
    );
}

#[test]
fn a_required_component_cannot_rest_on_an_optional_one_without_saying_so() {
    let log = Log::default();

    let flaws =
        flaws(builder().required(toy::<1, (Ball<2>,)>("web", &log)).optional(toy::<2, ()>("mail", &log)));

    assert_eq!(
        flaws,
        ["`web` is required and consumes `Ball<2>`, but `mail`, which provides it, is optional: \
          consume `Option<Ball<2>>`, or make `mail` required."]
    );
}

#[tokio::test]
async fn a_chain_of_twelve_is_not_too_deep() {
    let log = Log::default();
    let platform = twelve(&log).build().unwrap();

    platform.start().await.unwrap();

    assert_eq!(log.of("start"), ["a", "b", "c", "d", "e", "f", "g", "h", "i", "j", "k", "l"]);
    assert_eq!(platform.edges().first(), Some(&("b", "a")));
}

fn twelve(log: &Log) -> Builder {
    builder()
        .required(toy::<12, (Ball<11>,)>("l", log))
        .required(toy::<11, (Ball<10>,)>("k", log))
        .required(toy::<10, (Ball<9>,)>("j", log))
        .required(toy::<9, (Ball<8>,)>("i", log))
        .required(toy::<8, (Ball<7>,)>("h", log))
        .required(toy::<7, (Ball<6>,)>("g", log))
        .required(toy::<6, (Ball<5>,)>("f", log))
        .required(toy::<5, (Ball<4>,)>("e", log))
        .required(toy::<4, (Ball<3>,)>("d", log))
        .required(toy::<3, (Ball<2>,)>("c", log))
        .required(toy::<2, (Ball<1>,)>("b", log))
        .required(toy::<1, ()>("a", log))
}
