//! Where numbers and waterfalls are shown, and where not.

use doorward::components::metrics;
use doorward::development::events_pages;

use super::{mounted, record};
use crate::ground::app::{App, config};
use crate::ground::spawned::free_address;
use crate::ground::{Ground, on_both};

on_both!(
    cfg_3_metrics_are_on_their_own_listener_and_health_says_one_word,
    a_request_is_shown_as_a_waterfall_with_its_reason_and_never_itself,
    tools_of_development_are_absent_elsewhere,
);

async fn cfg_3_metrics_are_on_their_own_listener_and_health_says_one_word(ground: Ground) {
    let mut settings = config(&ground);
    settings.server.metrics_listen = free_address().parse().unwrap();
    let at = settings.server.metrics_listen;
    let app = App::with(ground, settings).await;
    let door = app.native("a").await;
    let odd = |path: &str| {
        app.request(&door, reqwest::Method::GET, path)
            .header("user-agent", "GoogleHC/1.0 kube-probe/1.27")
            .send()
    };

    for path in [
        "/metrics",
        "/api/v1/metrics",
        "/metrics/",
        "/health/../metrics",
        "/debug",
        "/admin",
        "/session/list",
    ] {
        let status = odd(path).await.unwrap().status().as_u16();
        assert!(matches!(status, 401 | 404), "{path}: {status}");
    }
    let health = odd("/health/ready").await.unwrap().text().await.unwrap();
    let shown = reqwest::get(format!("http://{at}/metrics")).await.unwrap().text().await.unwrap();

    assert_eq!(health, "ok");
    assert!(shown.contains("doorward_component_state{component=\"database\"}"), "{shown}");
    assert!(shown.contains("doorward_refusals_total{key=\"sessionStore.verifyAndDecodeJWT.missingToken\"}"));
    every_number_is_explained(&metrics::install().unwrap().render());
}

fn every_number_is_explained(text: &str) {
    let typed = text.lines().filter_map(|line| line.strip_prefix("# TYPE doorward_")?.split(' ').next());
    let silent: Vec<_> = typed.filter(|name| !text.contains(&format!("# HELP doorward_{name} "))).collect();
    assert!(silent.is_empty(), "{silent:?}");
}

async fn a_request_is_shown_as_a_waterfall_with_its_reason_and_never_itself(ground: Ground) {
    let app = App::start(ground).await;
    record(&app);
    let door = app.native("a").await;
    let tools = mounted(&app, events_pages::routes());
    let refused = app.refresh(&door, "dwr_1_junk").await;
    let id = refused.says("requestId");
    let read =
        async |path: String| reqwest::get(format!("{tools}{path}")).await.unwrap().text().await.unwrap();

    let one = read(format!("/_dev/events/{id}")).await;
    let feed: serde_json::Value = serde_json::from_str(&read("/_dev/events.json".into()).await).unwrap();
    let list = read("/_dev/events".into()).await;

    assert!(list.contains(id) && one.contains("sessions.refresh") && one.contains("form"), "{one}");
    assert!(!list.contains("/_dev/events.json"));
    let events = feed["events"].as_array().unwrap();
    let event = events.iter().find(|event| event["id"] == id).unwrap();
    assert_eq!(event["fields"]["reason"], "form");
    assert_eq!(event["steps"][0]["name"], "gate");
    assert!(!event.to_string().contains("127.0.0.1"), "{event}");
}

async fn tools_of_development_are_absent_elsewhere(ground: Ground) {
    let app = App::start(ground).await;
    let door = app.native("a").await;

    let statuses =
        [app.get(&door, "/_dev/events").await.status, app.get(&door, "/_dev/events.json").await.status];

    assert_eq!(statuses.map(|status| status.as_u16()), [404, 404]);
}
