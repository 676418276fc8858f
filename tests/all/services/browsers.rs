//! Changes as people see them: two windows that watch one tenant, and a third that watches another.

use std::io::{Read, Write};
use std::net::TcpListener;
use std::time::Duration;

use doorward::components::Clock;
use serde_json::Value;

use crate::ground::browser::Browser;
use crate::ground::work::until;
use crate::recipes::packages;
use crate::walk::Running;

const CHANGES: usize = 20;

/// Logs in and lists what it is told, each with the time at which it stood there.
const PAGE: &str = r#"<!doctype html><title>Watching</title><p id=state></p><ul id=told></ul>
<script src="/socket.io.min.js"></script>
<script type=module>
const [client, host, email] = decodeURIComponent(location.hash.slice(1)).split(' ')
const login = await fetch(`http://${host}/api/v1/auth/password-based/login`, {
  method: 'POST', credentials: 'include',
  headers: { 'Content-Type': 'application/json', 'Doorward-Client': client },
  body: JSON.stringify({ email, password: 'violet-kettle-orbit-47' }),
})
const { accessToken, message } = await login.json()
const say = (text) => { document.getElementById('state').textContent = text }
if (!accessToken) say(message)
window.rename = async (name) => {
  const me = JSON.parse(atob(accessToken.split('.')[1].replaceAll('-', '+').replaceAll('_', '/'))).sub
  const renamed = await fetch(`http://${host}/api/v1/users/${me}`, {
    method: 'PATCH',
    headers: { 'Content-Type': 'application/json', Authorization: `Bearer ${accessToken}` },
    body: JSON.stringify({ name }),
  })
  return renamed.status
}
const socket = io(`http://${host}`, { auth: { client, token: accessToken } })
socket.on('connect', () => say('watching'))
socket.on('connect_error', (error) => say(error.message))
socket.on('users patched', (user) => {
  const line = document.createElement('li')
  line.textContent = user.name
  line.dataset.at = Date.now()
  document.getElementById('told').append(line)
})
</script>"#;

/// The page and the unmodified client of Socket.IO; ends with the test's process.
fn serve(script: String) -> u16 {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let port = listener.local_addr().unwrap().port();
    std::thread::spawn(move || {
        for stream in listener.incoming() {
            let Ok(mut stream) = stream else { continue };
            let mut heard = [0; 8192];
            let length = stream.read(&mut heard).unwrap_or(0);
            let is_script = heard[..length].starts_with(b"GET /socket.io.min.js");
            let (kind, body) =
                if is_script { ("text/javascript", script.as_str()) } else { ("text/html", PAGE) };
            let head = format!("HTTP/1.1 200 OK\r\ncontent-type: {kind}; charset=utf-8\r\nconnection: close");
            let _ = write!(stream, "{head}\r\ncontent-length: {}\r\n\r\n{body}", body.len());
        }
    });
    port
}

async fn window(page: &str, who: &str) -> Browser {
    let browser = Browser::start().await;
    browser.open(&format!("{page}#{}", who.replace(' ', "%20"))).await;
    until("the window watches", async || {
        let state = browser.text("#state").await;
        assert!(state.is_empty() || state == "watching", "{who}: {state}");
        state == "watching"
    })
    .await;
    browser
}

/// What a window was told, each with its time.
async fn told(browser: &Browser) -> Vec<(String, u64)> {
    let lines = "return [...document.querySelectorAll('#told li')].map((line) => [line.textContent, Number(line.dataset.at)])";
    let lines: Vec<Value> = browser.run(lines).await.as_array().unwrap().clone();
    lines.iter().map(|line| (line[0].as_str().unwrap().to_owned(), line[1].as_u64().unwrap())).collect()
}

/// By the clock that the browser has too.
fn now() -> u64 {
    Clock::real().now().0.unsigned_abs() / 1_000
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn two_windows_see_what_changes_in_their_tenant_and_a_third_never_does() {
    let server = Running::start();
    let script = packages("tests/feathers").join("node_modules/socket.io-client/dist/socket.io.min.js");
    let page = serve(std::fs::read_to_string(script).unwrap());
    server.walk("docs/tenants.md", page);
    for email in ["ada@acme.example", "bob@acme.example"] {
        server.settle(email);
    }
    let (host, there) = (format!("localhost:{}", server.port), format!("library.localhost:{}", server.port));
    let at_home = format!("http://localhost:{page}/");
    let first = window(&at_home, &format!("demo-web {host} ada@acme.example")).await;
    let second = window(&at_home, &format!("demo-web {host} bob@acme.example")).await;
    let elsewhere = format!("http://library.localhost:{page}/");
    let third = window(&elsewhere, &format!("library-web {there} owner@library.example")).await;

    let mut sent = Vec::new();
    for number in 0..CHANGES {
        sent.push(now());
        assert_eq!(first.run(&format!("return rename('Ada {number}')")).await, 200);
        tokio::time::sleep(Duration::from_millis(100)).await;
    }

    let mut waits = Vec::new();
    for window in [&first, &second] {
        until("all is seen", async || told(window).await.len() >= CHANGES).await;
        let lines = told(window).await;
        for (number, (name, at)) in lines.iter().enumerate() {
            assert_eq!(*name, format!("Ada {number}"));
            waits.push(at.saturating_sub(sent[number]));
        }
    }
    waits.sort_unstable();
    println!(
        "seen {} ms after the call began in the middle, {} ms at most",
        waits[CHANGES],
        waits[2 * CHANGES - 1]
    );
    assert!(told(&third).await.is_empty());
    // It is told of its own.
    assert_eq!(third.run("return rename('Olga')").await, 200);
    until("the third sees its own", async || told(&third).await.len() == 1).await;
    assert_eq!((told(&first).await.len(), told(&second).await.len()), (CHANGES, CHANGES));
}
