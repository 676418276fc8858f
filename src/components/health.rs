//! `/health/*`: whether this process lives, has started, and is ready. No detail: the answer is for probes.

use actix_web::HttpResponse;
use actix_web::web::{self, ServiceConfig};

use crate::components::platform::Watch;

pub fn mount(config: &mut ServiceConfig, watch: &Watch) {
    let (started, ready) = (watch.clone(), watch.clone());
    config
        .route("/health/live", web::get().to(|| told(true)))
        .route("/health/startup", web::get().to(move || told(started.has_started())))
        .route("/health/ready", web::get().to(move || told(ready.is_ready())))
        .route("/_health", web::route().to(HttpResponse::Ok));
}

fn told(well: bool) -> impl Future<Output = HttpResponse> {
    let (mut response, word) =
        if well { (HttpResponse::Ok(), "ok") } else { (HttpResponse::ServiceUnavailable(), "not ready") };
    std::future::ready(
        response.insert_header(("cache-control", "no-store")).content_type("text/plain").body(word),
    )
}
