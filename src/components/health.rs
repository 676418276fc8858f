//! `/health/*`: whether this process lives, has started, and is ready. No detail: the answer is for probes.

use actix_web::HttpResponse;
use actix_web::web::{self, ServiceConfig};

use crate::components::platform::Watch;

pub fn mount(config: &mut ServiceConfig, watch: &Watch) {
    let (started, ready) = (watch.clone(), watch.clone());
    config
        .route("/health/live", web::get().to(|| async { told(true) }))
        .route("/health/startup", web::get().to(move || told_later(started.clone())))
        .route("/health/ready", web::get().to(move || told_later(ready.clone())))
        .route("/_health", web::route().to(HttpResponse::Ok));
}

async fn told_later(watch: Watch) -> HttpResponse {
    told(watch.is_ready())
}

fn told(well: bool) -> HttpResponse {
    let (mut response, word) =
        if well { (HttpResponse::Ok(), "ok") } else { (HttpResponse::ServiceUnavailable(), "not ready") };
    response.insert_header(("cache-control", "no-store")).content_type("text/plain").body(word)
}
