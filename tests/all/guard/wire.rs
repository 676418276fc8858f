//! INJ-12: bytes that two servers in a row could read as two different requests, on a bare socket.

use std::time::Duration;

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;

use crate::ground::Ground;
use crate::ground::app::App;
use crate::ground::on_both;

on_both!(
    inj_12_what_has_two_readings_is_refused_and_the_connection_closed,
    lim_5_a_body_that_is_announced_too_large_is_not_waited_for,
    lim_5_a_body_that_stalls_is_told_so,
    inj_12_a_plain_request_on_the_same_socket_is_answered_once,
);

/// Everything that comes back until the server closes, or for a second.
async fn said(app: &App, bytes: &[u8]) -> (String, bool) {
    let mut stream = TcpStream::connect(app.running.address.unwrap()).await.unwrap();
    stream.write_all(bytes).await.unwrap();
    let mut back = Vec::new();
    let mut buffer = [0; 4096];
    loop {
        match tokio::time::timeout(Duration::from_secs(1), stream.read(&mut buffer)).await {
            Ok(Ok(0) | Err(_)) => return (String::from_utf8_lossy(&back).into_owned(), true),
            Ok(Ok(length)) => back.extend_from_slice(&buffer[..length]),
            Err(_) => return (String::from_utf8_lossy(&back).into_owned(), false),
        }
    }
}

fn logout(length: usize) -> String {
    let head = "POST /auth/logout HTTP/1.1\r\nHost: a.localhost\r\nDoorward-Client: a-app\r\n";
    format!("{head}Content-Type: application/json\r\nContent-Length: {length}\r\n\r\n")
}

async fn lim_5_a_body_that_is_announced_too_large_is_not_waited_for(ground: Ground) {
    let app = App::start(ground).await;

    let (answer, closed) = said(&app, logout(9_999_999).as_bytes()).await;

    assert!(answer.starts_with("HTTP/1.1 413 ") && answer.contains("error.server.maxFieldSize"), "{answer}");
    assert!(closed);
}

async fn lim_5_a_body_that_stalls_is_told_so(ground: Ground) {
    let app = App::start(ground).await;
    let mut stream = TcpStream::connect(app.running.address.unwrap()).await.unwrap();
    stream.write_all(format!("{}{{", logout(20)).as_bytes()).await.unwrap();

    let mut answer = String::new();
    let read = stream.read_to_string(&mut answer);
    tokio::time::timeout(Duration::from_secs(40), read).await.unwrap().unwrap();

    assert!(
        answer.starts_with("HTTP/1.1 408 ") && answer.contains("error.server.requestTimeout"),
        "{answer}"
    );
}

const SMUGGLED: &str = "GET /multitenant/current HTTP/1.1\r\nHost: b.localhost\r\n\r\n";

fn corpus() -> Vec<(&'static str, String)> {
    let post = |headers: &str, body: &str| {
        format!(
            "POST /auth/logout HTTP/1.1\r\nHost: a.localhost\r\ncontent-type: application/json\r\n{headers}\r\n{body}{SMUGGLED}"
        )
    };
    let get = |line: &str, headers: &str| format!("{line}\r\n{headers}\r\n{SMUGGLED}");
    vec![
        ("CL and TE", post("Content-Length: 2\r\nTransfer-Encoding: chunked\r\n", "0\r\n\r\n")),
        ("TE and CL", post("Transfer-Encoding: chunked\r\nContent-Length: 5\r\n", "0\r\n\r\n")),
        ("two lengths", post("Content-Length: 2\r\nContent-Length: 3\r\n", "{}")),
        ("one length twice", post("Content-Length: 2\r\nContent-Length: 2\r\n", "{}")),
        ("a list of lengths", post("Content-Length: 2, 2\r\n", "{}")),
        ("a signed length", post("Content-Length: +2\r\n", "{}")),
        ("a negative length", post("Content-Length: -2\r\n", "{}")),
        ("a length in hex", post("Content-Length: 0x2\r\n", "{}")),
        ("an unknown coding", post("Transfer-Encoding: xchunked\r\n", "0\r\n\r\n")),
        ("two codings", post("Transfer-Encoding: chunked, identity\r\n", "0\r\n\r\n")),
        ("chunked twice", post("Transfer-Encoding: chunked\r\nTransfer-Encoding: chunked\r\n", "0\r\n\r\n")),
        ("identity", post("Transfer-Encoding: identity\r\nContent-Length: 2\r\n", "{}")),
        ("a tab before the colon", post("Transfer-Encoding\t: chunked\r\n", "0\r\n\r\n")),
        ("a blank before the colon", post("Content-Length : 2\r\n", "{}")),
        ("a folded header", post("X-Folded: a\r\n b\r\nContent-Length: 2\r\n", "{}")),
        ("a bare CR", post("X-Bare: a\rContent-Length: 2\r\n", "{}")),
        ("a NUL", post("X-Nul: a\0b\r\nContent-Length: 2\r\n", "{}")),
        ("a bad chunk size", post("Transfer-Encoding: chunked\r\n", "zz\r\n\r\n")),
        ("a huge chunk size", post("Transfer-Encoding: chunked\r\n", "fffffffffffffffff\r\n\r\n")),
        (
            "TE in HTTP/1.0",
            "POST /auth/logout HTTP/1.0\r\nHost: a.localhost\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n"
                .into(),
        ),
        ("two hosts", get("GET /multitenant/current HTTP/1.1", "Host: a.localhost\r\nHost: b.localhost\r\n")),
        ("no host", get("GET /multitenant/current HTTP/1.1", "")),
        ("an empty host", get("GET /multitenant/current HTTP/1.1", "Host: \r\n")),
        ("a host with a path", get("GET /multitenant/current HTTP/1.1", "Host: a.localhost/x\r\n")),
        ("a host with a user", get("GET /multitenant/current HTTP/1.1", "Host: x@a.localhost\r\n")),
        (
            "another host in the line",
            get("GET http://b.localhost/multitenant/current HTTP/1.1", "Host: a.localhost\r\n"),
        ),
        ("an unknown version", get("GET /multitenant/current HTTP/1.2", "Host: a.localhost\r\n")),
    ]
}

async fn inj_12_what_has_two_readings_is_refused_and_the_connection_closed(ground: Ground) {
    let app = App::start(ground).await;
    let mut let_through = Vec::new();
    for (what, bytes) in corpus() {
        let (back, closed) = said(&app, bytes.as_bytes()).await;
        let answers = back.matches("HTTP/1.").count();
        let refusals = back.matches("HTTP/1.1 400").count() + back.matches("HTTP/1.0 400").count();
        if refusals != answers || !closed || back.contains("\"name\":\"b\"") {
            let_through.push(format!("{what} ({answers} answers, closed: {closed}): {:.60}", back));
        }
    }
    assert!(let_through.is_empty(), "{let_through:#?}");
}

async fn inj_12_a_plain_request_on_the_same_socket_is_answered_once(ground: Ground) {
    let app = App::start(ground).await;
    let plain = "GET /multitenant/current HTTP/1.1\r\nHost: a.localhost\r\n\r\n";
    let chunked = "POST /auth/logout HTTP/1.1\r\nHost: a.localhost\r\nDoorward-Client: a-app\r\ncontent-type: application/json\r\n\
                   Transfer-Encoding: chunked\r\n\r\n2\r\n{}\r\n0\r\n\r\n";
    let absolute = "GET http://a.localhost/multitenant/current HTTP/1.1\r\nHost: a.localhost\r\nConnection: close\r\n\r\n";

    let (back, closed) = said(&app, format!("{plain}{chunked}{absolute}").as_bytes()).await;

    assert_eq!((back.matches("HTTP/1.1 200").count(), closed), (3, true), "{back}");
}
