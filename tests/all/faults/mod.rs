//! What is left after things broke: a process killed, a disk full, a lock held.

mod kill;
mod layer;
mod migrators;
