//! What is told of requests: why one was refused, what the log and the metrics say, and what they never say.

mod actions;
pub mod audit;
mod canaries;
mod kills;
mod panics;
mod search;
mod shown;
mod tour;

use std::sync::Arc;

use actix_web::{App as Actix, HttpServer};
use doorward::identity::{Route, serve};

use crate::ground::app::App;

/// Routes that the program does not have, on a server of their own over the same house.
pub fn mounted(app: &App, routes: Vec<Route>) -> String {
    let house = app.running.house.clone();
    let routes: Vec<_> = routes.into_iter().map(Arc::new).collect();
    let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let url = format!("http://{}", listener.local_addr().unwrap());
    let server =
        HttpServer::new(move || Actix::new().configure(|config| serve::mount(config, &house, &routes)));
    tokio::spawn(server.workers(1).disable_signals().listen(listener).unwrap().run());
    url
}

/// Feeds the recorder of this test process; the first subscriber of the process stays.
fn record(app: &App) {
    use doorward::components::recorder::Recording;
    use tracing_subscriber::layer::{Layer, SubscriberExt};
    use tracing_subscriber::util::SubscriberInitExt;

    let layer = app.running.house.recorder.layer().with_filter(Recording::filter());
    let _ = tracing_subscriber::registry().with(layer).try_init();
}
