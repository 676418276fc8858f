//! A development server: which pages of this machine may call it, and what none of them may read.

use reqwest::Method;

use crate::ground::binary::{Installation, Running};

#[tokio::test]
async fn only_whole_origins_of_this_machine_may_call_in_development() {
    let installation = Installation::bare();
    let server = installation.serve().await;
    let foreign = [
        "http://localhost:5173.evil.com",
        "http://localhost:5173, http://evil.com",
        "http://localhost:5173:evil.com",
        "http://localhost.evil.com:5173",
    ];

    for origin in foreign {
        let (status, allowed) = asked(&server, "/multitenant/current", origin).await;
        assert_eq!((status, allowed), (403, None), "{origin}");
    }
    let own = "http://localhost:5173";
    let (status, allowed) = asked(&server, "/multitenant/current", own).await;
    assert_eq!((status, allowed.as_deref()), (200, Some(own)));
}

#[tokio::test]
async fn kept_mail_is_read_by_our_own_pages_and_by_no_others_of_this_machine() {
    let installation = Installation::bare();
    let server = installation.serve().await;

    let other = asked(&server, "/_dev/mail.json", "http://localhost:5173").await.0;
    let own = format!("http://localhost:{}", server.address.port());

    assert_eq!(other, 403);
    assert_eq!(asked(&server, "/_dev/mail.json", &own).await.0, 200);
}

async fn asked(server: &Running, path: &str, origin: &str) -> (u16, Option<String>) {
    let url = format!("http://{}{path}", server.address);
    let request = reqwest::Client::new().request(Method::GET, url).header("origin", origin);
    let request = request.header("host", format!("localhost:{}", server.address.port()));
    let answer = request.send().await.unwrap();
    let allowed = answer.headers().get("access-control-allow-origin");
    let allowed = allowed.map(|value| value.to_str().unwrap().to_owned());
    (answer.status().as_u16(), allowed)
}
