//! What requests did, followed and looked up by command.

use std::io::{BufRead, BufReader};
use std::process::Child;
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use reqwest::Method;
use serde_json::{Value, json};

use crate::ground::Ground;
use crate::ground::binary::{Installation, Running, signal};
use crate::ground::on_both;

on_both!(
    requests_are_listed_one_a_line_and_filtered,
    tail_follows_waits_for_a_server_that_went_away_and_ends_quietly,
    tail_says_what_to_do_where_there_is_nothing_to_follow,
    a_request_is_shown_with_its_steps_and_its_audit,
    outside_development_a_refused_login_is_found_with_its_reason,
);

async fn ask(running: &Running, method: Method, path: &str, client: &str) -> (u16, String) {
    let request = reqwest::Client::new().request(method, format!("http://{}{path}", running.address));
    let body = json!({ "refreshToken": "dwr_1_junk", "email": "ada@example.com", "password": "wrong" });
    let body = if path.ends_with("login") {
        json!({ "email": body["email"], "password": body["password"] })
    } else {
        json!({ "refreshToken": body["refreshToken"] })
    };
    let request = request.header("doorward-client", client);
    let request = if path.contains("current") { request } else { request.json(&body) };
    let answer = request.send().await.unwrap();
    let id = answer.headers()["doorward-request-id"].to_str().unwrap().to_owned();
    (answer.status().as_u16(), id)
}

async fn refused(running: &Running) -> String {
    let (status, id) = ask(running, Method::POST, "/auth/refresh-tokens", "demo-app").await;
    assert_eq!(status, 401);
    id
}

async fn answered(running: &Running) -> String {
    let (status, id) = ask(running, Method::GET, "/multitenant/current", "demo-app").await;
    assert_eq!(status, 200);
    id
}

async fn requests_are_listed_one_a_line_and_filtered(ground: Ground) {
    let installation = Installation::developing(&ground);
    let running = installation.serve().await;
    let (no, yes) = (refused(&running).await, answered(&running).await);
    let tail = |flags: &[&str]| {
        let ran = installation.run(&[&["events", "tail", "--once", "-n", "1000"], flags].concat());
        assert_eq!(ran.code, 0, "{ran:?}");
        ran.out
    };

    let all = tail(&[]);
    let line = all.lines().find(|line| line.contains(&no)).unwrap_or_else(|| panic!("{all}"));

    assert!(line.contains("  demo        POST /auth/refresh-tokens  ") && line.contains("  401  "), "{line}");
    assert!(line.ends_with("sessions.refresh.invalidToken (form)") || line.ends_with("(form)"), "{line}");
    assert!(all.contains(&yes) && !all.contains('\u{1b}'), "{all}");
    let ids = |flags: &[&str]| {
        let told = tail(flags);
        (told.contains(&no), told.contains(&yes))
    };
    assert_eq!(ids(&["--refused"]), (true, false));
    assert_eq!(ids(&["--status", "2xx"]), (false, true));
    assert_eq!(ids(&["--status", "404,401"]), (true, false));
    assert_eq!(ids(&["--route", "multitenant"]), (false, true));
    assert_eq!((ids(&["--tenant", "demo"]), ids(&["--tenant", "nobody"])), ((true, true), (false, false)));
    let json = tail(&["--json", "--refused"]);
    let events = json.lines().map(|line| serde_json::from_str::<Value>(line).unwrap());
    assert!(
        events.into_iter().any(|event| event["id"] == no && event["steps"][0]["name"] == "gate"),
        "{json}"
    );
}

/// A command that goes on, and what it has said so far.
struct Watched {
    child: Child,
    said: Arc<Mutex<String>>,
}

impl Watched {
    fn begin(installation: &Installation, words: &[&str]) -> Self {
        let mut child = installation.begin(words);
        let said = Arc::new(Mutex::new(String::new()));
        let (out, err) = (child.stdout.take().unwrap(), child.stderr.take().unwrap());
        let streams: [Box<dyn BufRead + Send>; 2] =
            [Box::new(BufReader::new(out)), Box::new(BufReader::new(err))];
        for stream in streams {
            let said = said.clone();
            std::thread::spawn(move || {
                stream
                    .lines()
                    .map_while(Result::ok)
                    .for_each(|line| *said.lock().unwrap() += &format!("{line}\n"));
            });
        }
        Self { child, said }
    }

    fn text(&self) -> String {
        self.said.lock().unwrap().clone()
    }

    async fn until(&self, part: &str) {
        let began = Instant::now();
        while !self.text().contains(part) {
            assert!(began.elapsed() < Duration::from_secs(20), "never said {part:?}: {}", self.text());
            tokio::time::sleep(Duration::from_millis(50)).await;
        }
    }
}

impl Drop for Watched {
    fn drop(&mut self) {
        drop(self.child.kill());
        drop(self.child.wait());
    }
}

async fn tail_follows_waits_for_a_server_that_went_away_and_ends_quietly(ground: Ground) {
    let installation = Installation::developing(&ground);
    let mut running = installation.serve().await;
    let early = refused(&running).await;
    let mut tail = Watched::begin(&installation, &["events", "tail"]);
    tail.until(&early).await;

    let live = refused(&running).await;
    tail.until(&live).await;
    running.signal(libc::SIGTERM);
    tail.until("is gone (").await;
    running.ended().await;
    let running = installation.serve().await;
    tail.until("doorward: the server is back").await;
    let late = refused(&running).await;
    tail.until(&late).await;
    let said = tail.text();
    signal(&tail.child, libc::SIGINT);
    let ended = tail.child.wait().unwrap();

    assert_eq!(ended.code(), Some(0));
    assert_eq!(tail.text(), said, "it did not end quietly");
    for id in [early, live, late] {
        assert_eq!(said.matches(&id).count(), 1, "{said}");
    }
}

async fn tail_says_what_to_do_where_there_is_nothing_to_follow(ground: Ground) {
    let test = Installation::on(&ground);
    let other = test.run(&["events", "tail"]);
    let _running = test.serve().await;
    let not_told = Installation::bare().with("DOORWARD_SERVER__LISTEN", &test.address.to_string());

    let deaf = not_told.run(&["events", "tail"]);
    let alone = Installation::bare().run(&["events", "tail"]);
    let odd = Installation::bare().run(&["events", "tail", "--status", "fine"]);

    assert!(other.code == 1 && other.err.contains("doorward events show REQUEST_ID"), "{other:?}");
    assert!(deaf.code == 1 && deaf.err.contains("tells nothing of its requests"), "{deaf:?}");
    assert!(alone.code == 1 && alone.err.contains("start `doorward`, or say where it is"), "{alone:?}");
    assert!(odd.code == 2 && odd.err.contains("must be a status as 401"), "{odd:?}");
}

async fn a_request_is_shown_with_its_steps_and_its_audit(ground: Ground) {
    let installation = Installation::developing(&ground);
    let running = installation.serve().await;
    let id = refused(&running).await;
    // Refusals are written down once a second.
    tokio::time::sleep(Duration::from_millis(2500)).await;

    let shown = installation.run(&["events", "show", &id]);
    let json = installation.run(&["events", "show", &id, "--json"]);
    let unknown = installation.run(&["events", "show", "0199aaaa-aaaa-7aaa-8aaa-aaaaaaaaaaaa"]);
    let odd = installation.run(&["events", "show", "junk"]);

    assert_eq!(shown.code, 0, "{shown:?}");
    assert!(shown.out.starts_with("POST /auth/refresh-tokens  401  "), "{}", shown.out);
    assert!(shown.out.contains(" at demo\n") && shown.out.contains("\n  gate  "), "{}", shown.out);
    assert!(
        shown.out.contains("In the audit\n") && shown.out.contains("sessions.refresh  "),
        "{}",
        shown.out
    );
    let json: Value = serde_json::from_str(&json.out).unwrap();
    assert_eq!((&json["request"]["id"], &json["audit"][0]["tenant"]), (&json!(id), &json!("demo")), "{json}");
    assert!(unknown.code == 5 && unknown.err.contains("nothing is known of 0199aaaa"), "{unknown:?}");
    assert_eq!(odd.code, 2, "{odd:?}");
}

async fn outside_development_a_refused_login_is_found_with_its_reason(ground: Ground) {
    let installation = Installation::on(&ground);
    installation.write(
        "config/tenants.toml",
        "[[tenants]]\nname = 'a'\ndisplay_name = 'A'\npublic_url = { test = 'http://a.localhost' }\n\
         [[tenants.clients]]\npublic_id = 'a-web'\nname = 'Web'\nkind = 'browser'\ndefault = true\n\
         [[tenants.clients]]\npublic_id = 'a-app'\nname = 'App'\nkind = 'native'\n",
    );
    assert_eq!(installation.run(&["tenants", "apply", "--yes"]).code, 0);
    let running = installation.serve().await;
    let (status, id) = ask(&running, Method::POST, "/auth/password-based/login", "a-app").await;

    let shown = installation.run(&["events", "show", &id]);

    assert_eq!(status, 401);
    assert_eq!(shown.code, 0, "{shown:?}");
    assert!(shown.out.contains("password.login  refused: unknown"), "{}", shown.out);
    assert!(shown.out.contains("tenant   a\n") && shown.out.contains("from     127.0.0.1"), "{}", shown.out);
}
