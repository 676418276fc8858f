//! Lines stay lines, whatever they are about.

use std::sync::{Arc, Mutex};

use serde_json::Value;
use tracing::{error_span, info, warn};

use super::*;
use crate::base::Timestamp;

const AT: Timestamp = Timestamp(1_795_348_800_123_000);
/// As somebody writes who wants to be an administrator of the log (INJ-5).
const HOSTILE: &str = "a\r\nINFO admin logged in\u{1b}[2J\u{9b}1m\u{202e}\u{2066}\u{2028}\u{85}\0\"}{";

fn lines(look: Look, run: impl FnOnce()) -> String {
    let kept = Arc::new(Mutex::new(Vec::new()));
    let written = kept.clone();
    let write = move |line: &[u8]| written.lock().unwrap().extend_from_slice(line);
    let subscriber = tracing_subscriber::registry().with(Lines::new(look, Clock::settable(AT), write));
    tracing::subscriber::with_default(subscriber, run);
    let bytes = kept.lock().unwrap().clone();
    String::from_utf8(bytes).unwrap()
}

fn request() {
    let span = error_span!(
        "request",
        request = "r1",
        method = "POST",
        route = "/auth/password/login",
        event = "password.login",
        tenant = tracing::field::Empty,
        outcome = tracing::field::Empty
    );
    span.record("tenant", "t1");
    span.record("outcome", "refused");
    span.in_scope(|| info!(status = 401, millis = 12.5, "answered"));
}

#[test]
fn a_request_is_one_line_with_the_names_that_tools_look_for() {
    let text = lines(Look::Json, request);

    assert_eq!(
        text,
        "{\"timestamp\":\"2026-11-22T12:00:00.123Z\",\"level\":\"info\",\"message\":\"answered\",\
         \"request_id\":\"r1\",\"tenant\":\"t1\",\"event\":\"password.login\",\"outcome\":\"refused\",\
         \"status\":401,\"millis\":12.5,\"method\":\"POST\",\"route\":\"/auth/password/login\"}\n"
    );
}

#[test]
fn inj_5_what_came_from_outside_stays_inside_one_json_string() {
    let text = lines(Look::Json, || warn!(origin = %HOSTILE, "an origin is listed by no client"));

    assert_eq!(text.matches('\n').count(), 1, "{text:?}");
    assert!(text.trim_end().chars().all(|c| (' '..='~').contains(&c)), "{text:?}");
    let line: Value = serde_json::from_str(&text).unwrap();
    assert_eq!(line["origin"], HOSTILE);
}

#[test]
fn inj_5_in_a_terminal_it_stays_one_line_without_escapes() {
    let text = lines(Look::Text { coloured: false }, || warn!(origin = %HOSTILE, "a\nb {HOSTILE}"));

    assert_eq!(text.matches('\n').count(), 1, "{text:?}");
    assert!(text.trim_end().chars().all(|c| (' '..='~').contains(&c)), "{text:?}");
}

#[test]
fn in_a_terminal_a_request_is_short() {
    let text = lines(Look::Text { coloured: false }, request);

    assert_eq!(
        text,
        "12:00:00.123 INFO  401 POST /auth/password/login 12.5 ms request_id=r1 tenant=t1 event=password.login\n"
    );
}

#[test]
fn a_library_does_not_speak_below_info_whatever_is_asked() {
    let kept = Arc::new(Mutex::new(0));
    let written = kept.clone();
    let lines = Lines::new(Look::Json, Clock::settable(AT), move |_| *written.lock().unwrap() += 1);
    let filter = EnvFilter::new("trace").and(FilterFn::new(may_speak));
    let subscriber = tracing_subscriber::registry().with(lines.with_filter(filter));

    tracing::subscriber::with_default(subscriber, || {
        tracing::trace!(target: "hyper::proto", "authorization: Bearer …");
        tracing::info!(target: "hyper::proto", "told");
        tracing::trace!("told");
    });

    assert_eq!(*kept.lock().unwrap(), 2);
}
