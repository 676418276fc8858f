//! The recorder's promises: what it keeps, what it never keeps, and that it stays within its bytes.

use tracing::{Span, debug_span, info_span};
use tracing_subscriber::layer::{Layer, SubscriberExt};

use super::*;
use crate::components::vault::MasterKey;

fn recording<T>(bytes: usize, run: impl FnOnce(&Recorder) -> T) -> T {
    let recorder = Recorder::new(bytes, Clock::real());
    let subscriber = tracing_subscriber::registry().with(recorder.layer().with_filter(Recording::filter()));
    tracing::subscriber::with_default(subscriber, || run(&recorder))
}

fn request(id: RequestId) -> Span {
    info_span!("request", request = %id, method = "POST", route = "/auth/password/login",
        event = "password.login", status = tracing::field::Empty, key = tracing::field::Empty)
}

/// As a login is: the gate, two reads, a hash, a write, a signature.
fn login(id: RequestId) {
    let root = request(id);
    root.in_scope(|| {
        debug_span!("gate").in_scope(|| debug_span!("db.read").in_scope(|| ()));
        info_span!("password.login").in_scope(|| {
            debug_span!("db.read").in_scope(|| ());
            debug_span!("hash").in_scope(|| ());
            debug_span!("db.write").in_scope(|| ());
            debug_span!("token.sign").in_scope(|| ());
        });
    });
    root.record("status", 401);
    root.record("key", "auth.passwordLogin.invalid");
}

#[test]
fn a_request_is_a_tree_in_the_order_of_its_steps() {
    let id = RequestId::new();

    let tree = recording(1 << 20, |recorder| {
        login(id);
        recorder.find(id).unwrap()
    });

    let steps: Vec<_> = tree.steps().iter().map(|step| (step.depth, step.name)).collect();
    assert_eq!(steps[..3], [(0, "request"), (1, "gate"), (2, "db.read")]);
    assert_eq!(steps[3..6], [(1, "password.login"), (2, "db.read"), (2, "hash")]);
    assert_eq!(tree.says("status").unwrap().to_string(), "401");
    assert_eq!(tree.says("key").unwrap().to_string(), "auth.passwordLogin.invalid");
}

#[test]
fn a_hundred_thousand_requests_stay_within_the_bytes_and_the_oldest_go_first() {
    let most = 8 << 20;
    let (first, last) = (RequestId::new(), RequestId::new());

    recording(most, |recorder| {
        login(first);
        for _ in 0..100_000 {
            login(RequestId::new());
            assert!(recorder.bytes() <= most, "{} bytes", recorder.bytes());
        }
        login(last);

        assert!(recorder.find(first).is_none());
        assert_eq!(recorder.find(last).unwrap().number, 100_002);
        assert!(recorder.latest(usize::MAX).len() > 2_000, "{}", recorder.latest(usize::MAX).len());
    });
}

#[test]
fn requests_that_never_end_cannot_take_more_than_a_quarter() {
    let most = 1 << 20;

    recording(most, |recorder| {
        let open: Vec<_> = (0..100_000).map(|_| request(RequestId::new())).collect();
        assert!(recorder.bytes() <= most);
        drop(open);
        assert_eq!(recorder.0.growing.used.load(Ordering::Relaxed), 0);
    });
}

#[test]
fn one_tree_cannot_push_out_all_others() {
    let (small, large) = (RequestId::new(), RequestId::new());

    recording(1 << 20, |recorder| {
        login(small);
        request(large).in_scope(|| (0..100_000).for_each(|_| drop(debug_span!("db.read", count = 1))));

        let tree = recorder.find(large).unwrap();
        assert_eq!((tree.steps().len(), tree.left_out), (256, 100_000 - 255));
        assert!(recorder.find(small).is_some());
    });
}

#[test]
fn what_is_not_on_the_list_or_no_plain_word_is_not_kept() {
    let id = RequestId::new();

    let tree = recording(1 << 20, |recorder| {
        let root = info_span!("request", request = %id, password = "violet", key = "a\r\nb", reason = "\u{202e}x",
            name = %"y".repeat(97), route = "/users/{id}", mail = "ada@a.example");
        drop(root);
        recorder.find(id).unwrap()
    });

    let names: Vec<_> = tree.steps()[0].fields.iter().map(|(name, _)| *name).collect();
    assert_eq!(names, ["request", "route"]);
}

#[test]
fn spans_outside_a_request_and_of_libraries_are_not_kept() {
    recording(1 << 20, |recorder| {
        debug_span!("db.read").in_scope(|| ());
        info_span!(target: "hyper", "request", request = %RequestId::new()).in_scope(|| ());
        info_span!("request", request = %RequestId::new(), route = "/_dev/events").in_scope(|| ());

        assert!(recorder.latest(10).is_empty());
    });
}

#[tokio::test]
async fn whoever_waits_is_told_of_the_next_one() {
    let recorder = Recorder::new(1 << 20, Clock::real());
    let subscriber = tracing_subscriber::registry().with(recorder.layer());
    let id = RequestId::new();

    let waiting = tokio::spawn({
        let recorder = recorder.clone();
        async move { recorder.wait(0, Duration::from_secs(10)).await }
    });
    tokio::task::yield_now().await;
    tracing::subscriber::with_default(subscriber, || login(id));

    assert_eq!(waiting.await.unwrap()[0].id(), Some(id.0));
    assert!(recorder.wait(1, Duration::from_millis(1)).await.is_empty());
}

#[test]
fn an_address_has_one_disguise_a_network_and_key() {
    let of = |byte| Disguise::new(&Vault::new(&[MasterKey::from_bytes(&[byte; 32])]).unwrap()).unwrap();
    let address = |text: &str| text.parse().unwrap();
    let (ours, other) = (of(7), of(8));

    let shown = ours.of(address("192.0.2.7"));

    assert_eq!((shown.len(), shown.contains("192")), (16, false));
    assert_eq!(shown, of(7).of(address("::ffff:192.0.2.7")));
    assert_ne!(shown, ours.of(address("192.0.2.8")));
    assert_ne!(shown, other.of(address("192.0.2.7")));
    assert_eq!(ours.of(address("2001:db8::1")), ours.of(address("2001:db8::2")));
}
