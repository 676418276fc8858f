//! Whom the guarded client calls, and what it takes of an answer.

use std::time::{Duration, Instant};

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpListener;

use super::*;

fn here() -> Egress {
    Egress::new(Allowed { named: vec!["127.0.0.0/8".parse().unwrap()] }).unwrap()
}

fn to(url: &str) -> Outgoing {
    let url = url.parse().unwrap();
    Outgoing {
        url,
        headers: vec![("x-test", "1".into())],
        body: b"{}".to_vec(),
        within: Duration::from_secs(2),
    }
}

/// Somebody who says this to whoever comes, again and again if it should.
async fn saying(head: &'static str, part: &'static [u8], pause: Option<Duration>) -> String {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let at = format!("http://127.0.0.1:{}/", listener.local_addr().unwrap().port());
    tokio::spawn(async move {
        while let Ok((mut wire, _)) = listener.accept().await {
            tokio::spawn(async move {
                let mut heard = [0; 4096];
                let _ = wire.read(&mut heard).await;
                wire.write_all(head.as_bytes()).await?;
                while let Some(pause) = pause {
                    wire.write_all(part).await?;
                    tokio::time::sleep(pause).await;
                }
                wire.write_all(part).await
            });
        }
    });
    at
}

#[tokio::test]
async fn an_answer_comes_back_whole() {
    let at = saying("HTTP/1.1 201 Created\r\ncontent-length: 4\r\n\r\n", b"done", None).await;

    let answered = here().post(to(&at)).await;

    assert_eq!(answered, Ok(Answered { status: 201, body: b"done".to_vec(), is_cut: false }));
}

#[tokio::test]
async fn ssrf_1_nobody_in_here_is_called_by_any_spelling() {
    let at = saying("HTTP/1.1 200 OK\r\ncontent-length: 0\r\n\r\n", b"", None).await;
    let port = at.parse::<Url>().unwrap().port().unwrap();
    let strict = Egress::new(Allowed::default()).unwrap();

    for url in [
        at.clone(),
        format!("https://127.0.0.1:{port}/"),
        format!("https://localhost:{port}/"),
        "https://localhost/".into(),
        "https://localhost:8443/".into(),
        "https://127.1/".into(),
        "https://0x7f000001/".into(),
        "https://2130706433/".into(),
        "https://[::1]/".into(),
        "https://[::ffff:127.0.0.1]/".into(),
        "https://169.254.169.254/latest/meta-data/".into(),
        "ftp://1.1.1.1/".into(),
        "https://1.1.1.1:22/".into(),
        "http://1.1.1.1/".into(),
        "https://user:secret@1.1.1.1/".into(),
    ] {
        assert_eq!(strict.post(to(&url)).await, Err(Unanswered::Forbidden), "{url}");
    }
}

#[tokio::test]
async fn ssrf_1_a_redirect_is_an_answer_like_any_other() {
    let inside = saying("HTTP/1.1 200 OK\r\ncontent-length: 6\r\n\r\n", b"secret", None).await;
    let head =
        format!("HTTP/1.1 307 Temporary Redirect\r\nlocation: {inside}\r\ncontent-length: 0\r\n\r\n").leak();
    let at = saying(head, b"", None).await;

    let answered = here().post(to(&at)).await;

    assert_eq!(answered.map(|answered| answered.status), Ok(307));
}

#[tokio::test]
async fn ssrf_3_what_never_ends_is_cut_off() {
    static PART: [u8; 65_536] = [b'x'; 65_536];
    let at = saying("HTTP/1.1 200 OK\r\n\r\n", &PART, Some(Duration::ZERO)).await;

    let answered = here().post(to(&at)).await.unwrap();

    assert_eq!((answered.body.len(), answered.is_cut), (BODY, true));
}

#[tokio::test]
async fn ssrf_3_what_comes_too_slowly_does_not_come() {
    let at = saying("HTTP/1.1 200 OK\r\n\r\n", b"x", Some(Duration::from_millis(100))).await;
    let began = Instant::now();

    let answered = here().post(to(&at)).await;

    assert_eq!(answered, Err(Unanswered::TooSlow));
    assert!(began.elapsed() < Duration::from_secs(10));
}

#[tokio::test]
async fn nonsense_and_silence_are_told_apart_from_nobody() {
    let nonsense = saying("220 mail.example ESMTP\r\n", b"", None).await;
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let nobody = format!("http://127.0.0.1:{}/", listener.local_addr().unwrap().port());
    drop(listener);

    assert_eq!(here().post(to(&nonsense)).await, Err(Unanswered::Broken));
    assert_eq!(here().post(to(&nobody)).await, Err(Unanswered::Unreachable));
}
