//! The HTTP server on its listener: as the framework makes one, but for connections that are waited for with patience
//! and not for ever.

use std::fmt::Debug;
use std::future::ready;
use std::io;
use std::net::TcpListener;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};
use std::time::Duration;

use actix_http::body::{BodySize, MessageBody};
use actix_http::{HttpService, Request, Response};
use actix_service::{IntoServiceFactory, Service, ServiceFactory, ServiceFactoryExt, fn_service, map_config};
use actix_web::Error;
use actix_web::dev::{AppConfig, Server, ServiceRequest, ServiceResponse};
use actix_web::web::Bytes;
use tokio::net::TcpStream;

use crate::http::edge::{Begun, Line};
use crate::http::patience::{Patience, Patient};

/// For the head of a connection's first request.
const HEAD: Duration = Duration::from_secs(10);
/// For a connection on which nothing is said.
const SILENCE: Duration = Duration::from_secs(60);
/// A second request's head may take a little longer than a silent connection is kept, which is ended in a friendlier way.
const PATIENCE: Patience = Patience { asked: Duration::from_secs(70), read: Duration::from_secs(60) };
/// For the other end to take the last that is said to it.
const FAREWELL: Duration = Duration::from_secs(1);
/// In seconds, for what has begun when the server is told to stop.
const LAST: u64 = 25;

/// Not yet running.
pub fn server<F, I, S, B>(listener: TcpListener, workers: usize, app: F) -> io::Result<Server>
where
    F: Fn() -> I + Send + Clone + 'static,
    I: IntoServiceFactory<S, Request>,
    S: ServiceFactory<Request, Config = AppConfig> + 'static,
    S::Error: Into<Error> + 'static,
    S::InitError: Debug,
    S::Response: Into<Response<B>> + 'static,
    <S::Service as Service<Request>>::Future: 'static,
    B: MessageBody + 'static,
{
    let address = listener.local_addr()?;
    let builder = Server::build().workers(workers).disable_signals().shutdown_timeout(LAST);
    let ends = builder.graceful_shutdown_signal();
    let connections = move || {
        let ends = ends.clone();
        let app = app().into_factory().map_err(|error| error.into().error_response());
        let http = HttpService::build()
            .graceful_shutdown_signal(move || {
                let ends = ends.clone();
                async move { ends.notified().await }
            })
            .client_request_timeout(HEAD)
            .keep_alive(SILENCE)
            .client_disconnect_timeout(FAREWELL)
            .local_addr(address)
            .on_connect_ext(|wire: &Patient<TcpStream>, data| {
                data.insert(wire.line());
            })
            .h1(map_config(app, |()| AppConfig::default()));
        let patiently = |wire: TcpStream| {
            let from = wire.peer_addr().ok();
            ready(Ok((Patient::on(wire, PATIENCE), from)))
        };
        fn_service(patiently).and_then(http)
    };
    Ok(builder.listen("api", listener, connections)?.run())
}

/// While a request is being answered, to the last byte of its answer, nobody waits for the next.
pub fn answered<S, B>(
    request: ServiceRequest,
    service: &S,
) -> impl Future<Output = actix_web::Result<ServiceResponse<Last<B>>>> + use<S, B>
where
    S: Service<ServiceRequest, Response = ServiceResponse<B>, Error = Error>,
{
    // None where a test has no wire.
    let begun = request.conn_data::<Arc<Line>>().cloned().map(Line::begin);
    let answer = service.call(request);
    async move { Ok(answer.await?.map_body(|_, body| Last { body, _begun: begun })) }
}

/// An answer's body, with what ends when it has been said.
pub struct Last<B> {
    body: B,
    _begun: Option<Begun>,
}

impl<B: MessageBody + Unpin> MessageBody for Last<B> {
    type Error = B::Error;

    fn size(&self) -> BodySize {
        self.body.size()
    }

    fn poll_next(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
    ) -> Poll<Option<Result<Bytes, Self::Error>>> {
        Pin::new(&mut self.body).poll_next(context)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A stream that is listened to for hours is an answer, and not a caller who says nothing.
    #[test]
    fn somebody_is_being_answered_until_the_body_is_gone() {
        let line = Arc::new(Line::open());
        let answer = Last { body: "said slowly", _begun: Some(line.clone().begin()) };

        assert!(line.waiting_since().is_none());
        drop(answer);
        assert!(line.waiting_since().is_some());
    }
}
