//! What a socket is told, as server-sent events: the same, to the same, for as long.

use std::time::Duration;

use reqwest::{Method, Response};
use serde_json::{Value, json};

use super::live::rename;
use crate::ground::app::{App, Door};
use crate::ground::{Ground, on_both};
use crate::rights::kit::{Desk, told};

on_both!(
    a_stream_is_told_what_changes_on_another_node,
    who_comes_back_is_told_what_they_missed,
    ws_1_a_stream_ends_with_its_session_and_tells_nobody_who_lost_the_right,
    ten_1_a_stream_sees_its_own_tenant_alone,
    ws_2_of_fifty_streams_at_once_a_session_gets_five_and_who_goes_makes_room,
    inj_1_what_a_stream_does_not_know_is_refused,
);

const EVENTS: &str = "/api/v1/events";
const UNWATCHED: (u16, &str) = (400, "services.events.unwatched");
const UNKNOWN: (u16, &str) = (400, "services.events.lastEventId");

struct Stream {
    answer: Response,
    rest: String,
}

#[derive(Debug)]
struct Event {
    id: String,
    name: String,
    data: Value,
}

async fn ask(app: &App, door: &Door, token: &str, (query, last): (&str, &str)) -> Response {
    let request = app.request(door, Method::GET, &format!("{EVENTS}{query}")).bearer_auth(token);
    request.header("last-event-id", last).send().await.unwrap()
}

impl Stream {
    /// Listens: what happens from now on it is told.
    async fn open(app: &App, desk: &Desk<'_>, asked: (&str, &str)) -> (Self, Vec<Event>) {
        let answer = ask(app, desk.door, &desk.token, asked).await;
        assert_eq!(answer.status(), 200);
        assert_eq!(answer.headers()["content-type"], "text/event-stream");
        let mut stream = Self { answer, rest: String::new() };
        let mut before = Vec::new();
        while let Some(event) = stream.next(Duration::from_secs(10)).await {
            let is_ready = event.name == "ready";
            before.push(event);
            if is_ready {
                return (stream, before);
            }
        }
        panic!("it never began: {before:?}");
    }

    async fn plain(app: &App, desk: &Desk<'_>) -> Self {
        Self::open(app, desk, ("", "")).await.0
    }

    /// None: nothing came, or it has ended.
    async fn next(&mut self, within: Duration) -> Option<Event> {
        loop {
            if let Some((event, rest)) = self.rest.split_once("\n\n") {
                let (event, rest) = (event.to_owned(), rest.to_owned());
                self.rest = rest;
                let line = |name: &str| event.lines().find_map(|line| line.strip_prefix(name));
                if let Some(name) = line("event: ") {
                    let data = serde_json::from_str(line("data: ").unwrap()).unwrap();
                    return Some(Event {
                        id: line("id: ").unwrap_or_default().into(),
                        name: name.into(),
                        data,
                    });
                }
                continue;
            }
            let more = tokio::time::timeout(within, self.answer.chunk()).await.ok()?;
            self.rest.push_str(std::str::from_utf8(&more.ok()??).unwrap());
        }
    }

    /// The next that is called this.
    async fn about(&mut self, name: &str) -> Event {
        loop {
            let event = self.next(Duration::from_secs(10)).await.expect(name);
            if event.name == name {
                return event;
            }
        }
    }

    async fn named(&mut self) -> Option<String> {
        let event = self.next(Duration::from_secs(2)).await?;
        Some(event.data["name"].as_str().unwrap_or_default().to_owned())
    }

    async fn has_ended(&mut self) -> bool {
        while self.next(Duration::from_secs(3)).await.is_some() {}
        let more = tokio::time::timeout(Duration::from_millis(100), self.answer.chunk()).await;
        matches!(more, Ok(Ok(None) | Err(_)))
    }
}

async fn a_stream_is_told_what_changes_on_another_node(ground: Ground) {
    let app = App::start(ground).await;
    let beside = app.beside().await;
    let door = app.native("a").await;
    let ada = Desk::admin(&app, &door, "ada@a.example").await;
    let mut there = Stream::plain(&beside, &ada).await;
    let (mut roles, _) = Stream::open(&beside, &ada, ("?services=roles,/sessions/", "")).await;

    rename(&ada, ada.user, "One").await;
    ada.filled("clerk", &["auth:user:list"]).await;

    let event = there.about("users patched").await;
    let shown = ada.look(&format!("/users/{}", ada.user)).await.json;
    assert_eq!((event.name.as_str(), &event.data), ("users patched", &shown));
    assert_eq!(event.id.split('.').count(), 4);
    there.about("roles created").await;
    let first = roles.next(Duration::from_secs(5)).await.unwrap();
    assert!(!first.name.starts_with("users"), "{first:?}");
    let first = if first.name == "roles created" { first } else { roles.about("roles created").await };
    assert!(first.data.to_string().contains("\"clerk\""), "{first:?}");
}

async fn who_comes_back_is_told_what_they_missed(ground: Ground) {
    let app = App::start(ground).await;
    let door = app.native("a").await;
    let ada = Desk::admin(&app, &door, "ada@a.example").await;
    let (mut stream, begun) = Stream::open(&app, &ada, ("?services=users", "")).await;
    rename(&ada, ada.user, "One").await;
    let one = stream.about("users patched").await;
    drop(stream);
    rename(&ada, ada.user, "Two").await;

    let last = &begun[0].id;
    let in_query = format!("?services=users&lastEventId={last}");
    for asked in [("?services=users", last.as_str()), (in_query.as_str(), "")] {
        let (mut stream, mut heard) = Stream::open(&app, &ada, asked).await;
        // What was changed this moment may come behind the beginning.
        while heard.len() < 3 {
            heard.push(stream.next(Duration::from_secs(5)).await.unwrap());
        }
        let mut names: Vec<_> = heard.iter().map(|event| event.name.as_str()).collect();
        names.sort_unstable();
        assert_eq!(names, ["ready", "users patched", "users patched"], "{asked:?}");
    }
    let (_, heard) = Stream::open(&app, &ada, ("?services=users", &one.id)).await;
    assert_eq!((heard.len(), &heard[0].data["name"]), (2, &json!("Two")));
    let (_, place) = one.id.split_once('.').unwrap();
    let (_, heard) = Stream::open(&app, &ada, ("?services=users", &format!("7.{place}"))).await;
    assert_eq!((heard.len(), heard[0].name.as_str()), (2, "resync"));
}

async fn ws_1_a_stream_ends_with_its_session_and_tells_nobody_who_lost_the_right(ground: Ground) {
    let app = App::start(ground).await;
    let beside = app.beside().await;
    let door = app.native("a").await;
    let ada = Desk::admin(&app, &door, "ada@a.example").await;
    let bob = Desk::plain(&app, &door, "bob@a.example").await;
    let role = ada.filled("clerk", &["auth:user:list"]).await;
    assert_eq!(ada.give(bob.user, &role).await.status, 200);
    let (mut his, _) = Stream::open(&beside, &bob, ("?services=users", "")).await;
    rename(&ada, ada.user, "Seen").await;
    while his.named().await.expect("nobody is told") != "Seen" {}

    assert_eq!(ada.take(bob.user, &role).await.status, 200);
    rename(&ada, ada.user, "Unseen").await;
    assert_eq!(his.named().await, None);
    let left = app.post_as(&door, &bob.token, "/api/v1/auth/logout", json!({})).await;

    assert_eq!(left.status, 200);
    assert!(his.has_ended().await);
    assert_eq!(ask(&app, &door, &bob.token, ("", "")).await.status(), 401);
}

async fn ten_1_a_stream_sees_its_own_tenant_alone(ground: Ground) {
    let app = App::start(ground).await;
    let (door, there) = (app.native("a").await, app.native("b").await);
    let ada = Desk::admin(&app, &door, "ada@a.example").await;
    let eve = Desk::admin(&app, &there, "eve@b.example").await;
    let (mut hers, mut ours) = (Stream::plain(&app, &eve).await, Stream::plain(&app, &ada).await);
    let last = { Stream::open(&app, &eve, ("", "")).await.1.remove(0).id };

    rename(&ada, ada.user, "Ours").await;

    while ours.named().await.expect("nobody is told") != "Ours" {}
    // What was committed just before, her own session, may be told late.
    while let Some(event) = hers.next(Duration::from_secs(2)).await {
        assert!(!event.data.to_string().contains(&ada.user.to_string()), "{event:?}");
    }
    let (_, heard) = Stream::open(&app, &eve, ("", &last)).await;
    assert!(heard.iter().all(|event| !event.data.to_string().contains(&ada.user.to_string())), "{heard:?}");
}

async fn ws_2_of_fifty_streams_at_once_a_session_gets_five_and_who_goes_makes_room(ground: Ground) {
    let app = App::start(ground).await;
    let door = app.native("a").await;
    let ada = Desk::admin(&app, &door, "ada@a.example").await;

    let all = (0..50).map(|_| ask(&app, &door, &ada.token, ("", "")));
    let all = futures_util::future::join_all(all).await;

    let (open, refused): (Vec<_>, Vec<_>) = all.into_iter().partition(|answer| answer.status() == 200);
    assert_eq!((open.len(), refused.len()), (5, 45));
    assert!(refused.iter().all(|answer| answer.status() == 429));
    drop(open);
    for attempt in 0.. {
        if ask(&app, &door, &ada.token, ("", "")).await.status() == 200 {
            break;
        }
        assert!(attempt < 100, "whoever has gone still takes a place");
        tokio::time::sleep(Duration::from_millis(100)).await;
    }
}

async fn inj_1_what_a_stream_does_not_know_is_refused(ground: Ground) {
    let app = App::start(ground).await;
    let door = app.native("a").await;
    let ada = Desk::admin(&app, &door, "ada@a.example").await;

    for (path, (status, key)) in [
        ("/events?services=passwords", UNWATCHED),
        ("/events?services=", UNWATCHED),
        ("/events?services=users,,roles", UNWATCHED),
        ("/events?lastEventId=rubbish", UNKNOWN),
        ("/events?lastEventId=1.2.3", UNKNOWN),
        ("/events?access_token=x", (422, "validator.error")),
    ] {
        let refused = ada.look(path).await;
        assert_eq!(told(&refused), (status, key), "{path}: {}", refused.text);
    }
    let head = app.request(&door, Method::HEAD, EVENTS).bearer_auth(&ada.token).send().await.unwrap();
    assert_eq!((head.status().as_u16(), head.bytes().await.unwrap().len()), (200, 0));
}
