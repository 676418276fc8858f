//! The uniform services, asked by a client of Feathers that knows nothing of us, and by hand.

mod browsers;
mod feathers;
mod lists;
mod live;
mod people;
mod poller;
pub use poller::Poller;
mod sockets;
mod streams;
mod users;
