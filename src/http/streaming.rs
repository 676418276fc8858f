//! An answer that goes on: its bytes come as they are there, until it ends or whoever reads it goes away.

use std::fmt;
use std::sync::{Arc, Mutex, PoisonError};

use actix_web::web::Bytes;
use futures_util::stream::{BoxStream, Stream, StreamExt};

/// Taken once, by the transport that says it.
#[derive(Clone)]
pub struct Streaming(Arc<Mutex<Option<BoxStream<'static, Bytes>>>>);

impl Streaming {
    pub fn of(bytes: impl Stream<Item = Bytes> + Send + 'static) -> Self {
        Self(Arc::new(Mutex::new(Some(bytes.boxed()))))
    }

    pub fn take(&self) -> Option<BoxStream<'static, Bytes>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).take()
    }
}

impl fmt::Debug for Streaming {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Streaming")
    }
}
