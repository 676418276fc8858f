//! Sockets: the wire of Engine.IO 4 and Socket.IO 5, as far as a Feathers client speaks it. Text alone; one namespace.

pub mod engine;
pub mod packet;
