//! `/_dev/mail/stream`: tells an open inbox that the list has changed, by server-sent events (WHATWG HTML, 9.2).

use std::time::Duration;

use actix_web::web::{self, Bytes, ServiceConfig};
use actix_web::{HttpRequest, HttpResponse};
use futures_util::stream::{self, Stream};
use tokio::sync::watch;
use tokio::time::timeout;

use crate::base::{RequestId, Result};
use crate::components::limits;
use crate::components::platform::Watch;
use crate::http::{Incoming, problem};
use crate::identity::House;
use crate::identity::gate;

/// A stopping server waits for its streams: this is how soon they notice.
const GLANCE: Duration = Duration::from_millis(300);
/// Something is said so often, or whatever stands between would take the stream for dead.
const BREATHS: u32 = 50;

pub fn mount(config: &mut ServiceConfig, house: &House, watch: &Watch) {
    let (house, watch) = (house.clone(), watch.clone());
    let open = move |request: HttpRequest| open(house.clone(), watch.clone(), request);
    config.route("/_dev/mail/stream", web::get().to(open));
}

async fn open(house: House, watch: Watch, request: HttpRequest) -> HttpResponse {
    let id = RequestId::new();
    match let_in(&house, id, &request) {
        Ok(Some(mails)) => HttpResponse::Ok()
            .content_type("text/event-stream")
            .insert_header(("cache-control", "no-store"))
            .insert_header(("x-content-type-options", "nosniff"))
            .streaming(events(mails, watch)),
        Ok(None) => HttpResponse::NotFound().finish(),
        Err(error) => {
            let answer = problem::answer(&error, id);
            let status = actix_web::http::StatusCode::from_u16(answer.status);
            HttpResponse::build(status.unwrap_or_default()).finish()
        }
    }
}

/// The same door as every other page of development.
fn let_in(house: &House, id: RequestId, request: &HttpRequest) -> Result<Option<watch::Receiver<u64>>> {
    let incoming = Incoming::read(request, id, &house.proxies)?;
    house.limiter.spend_at(limits::ADDRESS, &[], incoming.address)?;
    gate::local_only(house, &incoming)?;
    Ok(house.mailer.kept().map(|kept| kept.watch()))
}

/// Ends when the server stops; the page comes back by itself.
fn events(
    mails: watch::Receiver<u64>,
    watch: Watch,
) -> impl Stream<Item = std::result::Result<Bytes, std::convert::Infallible>> {
    let first = Bytes::from_static(b"retry: 1000\n\n");
    stream::unfold((mails, watch, Some(first)), async |(mut mails, watch, first)| {
        if let Some(first) = first {
            return Some((Ok(first), (mails, watch, None)));
        }
        for _ in 0..BREATHS {
            match timeout(GLANCE, mails.changed()).await {
                Ok(Ok(())) => {
                    let count = *mails.borrow_and_update();
                    let told = format!("event: mail\nid: {count}\ndata: {count}\n\n");
                    return Some((Ok(Bytes::from(told)), (mails, watch, None)));
                }
                Ok(Err(_)) => return None,
                Err(_) if !watch.is_ready() => return None,
                Err(_) => {}
            }
        }
        Some((Ok(Bytes::from_static(b": still here\n\n")), (mails, watch, None)))
    })
}
