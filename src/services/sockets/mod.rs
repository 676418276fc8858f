//! Sockets: what the services do, over Engine.IO 4 and Socket.IO 5, as far as a Feathers client speaks it. Text alone; one
//! namespace. A message becomes a call of a route, and goes through the gate like any request.

pub mod component;
mod door;
pub mod engine;
mod entity;
mod hub;
mod news;
mod offers;
pub mod packet;
mod polling;
mod socket;
mod tail;
mod talk;
mod web_socket;

pub use component::Sockets;
pub use door::mount;
pub use hub::Hub;
pub use news::{followed_by, routes};

crate::refusals! {
    UNKNOWN_SERVICE = 404 "services.socket.unknownService" "There is no service of this name.";
    UNKNOWN_METHOD = 405 "services.socket.unknownMethod" "This service has no such method.";
    MALFORMED = 400 "services.socket.malformed" "This is no call: send the method, the service, and what it takes.";
    BAD_GREETING = 400 "services.socket.greeting" "A greeting is an object; `client`, `token`, `pid` and `offset` are text where they stand in it.";
    UNKNOWN_PLACE = 400 "services.events.lastEventId" "This is no id of an event from here. Begin without one, and read your lists afresh.";
    UNWATCHED = 400 "services.events.unwatched" "No service of this name is watched.";
    SOCKETS_TAKEN = 429 "services.socket.tooMany" "This session has as many sockets and streams of events as it may have. Close one.";
}
