//! One connection, for as long as somebody is at its other end: whoever neither asks nor reads for too long is hung up on.
//!
//! The framework bounds the head of a connection's first request and the silence after an answer, and nothing else. The
//! head of a second request that comes drop by drop, or an answer that is never read, would hold their place for ever.

use std::io;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};
use std::time::Duration;

use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::time::{Instant, Sleep, sleep_until};

use super::edge::Line;

#[derive(Debug, Clone, Copy)]
pub struct Patience {
    /// From an answer to the end of the next request's head.
    pub asked: Duration,
    /// From the moment when no more of an answer could be sent until all of it was.
    pub read: Duration,
}

pub struct Patient<S> {
    wire: S,
    patience: Patience,
    line: Arc<Line>,
    asking: Alarm,
    reading: Alarm,
    /// Since when an answer has waited for its reader.
    unread: Option<Instant>,
}

#[derive(Default)]
struct Alarm(Option<Pin<Box<Sleep>>>);

impl Alarm {
    /// Whether the time has come; if not, the task is woken when it does.
    fn rings(&mut self, at: Instant, context: &mut Context<'_>) -> bool {
        let sleep = self.0.get_or_insert_with(|| Box::pin(sleep_until(at)));
        // One that rings too early is set again then, and not with every request.
        if sleep.as_mut().poll(context).is_ready() && sleep.deadline() < at {
            sleep.as_mut().reset(at);
        }
        sleep.as_mut().poll(context).is_ready()
    }
}

impl<S> Patient<S> {
    pub fn on(wire: S, patience: Patience) -> Self {
        let line = Arc::new(Line::open());
        Self { wire, patience, line, asking: Alarm::default(), reading: Alarm::default(), unread: None }
    }

    pub fn line(&self) -> Arc<Line> {
        self.line.clone()
    }
}

fn late() -> io::Error {
    io::ErrorKind::TimedOut.into()
}

impl<S: AsyncRead + Unpin> AsyncRead for Patient<S> {
    fn poll_read(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        into: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        let read = Pin::new(&mut self.wire).poll_read(context, into);
        let within = self.patience.asked;
        // What comes is taken; when no more comes, it is asked since when it has been coming.
        if read.is_pending()
            && let Some(since) = self.line.waiting_since()
            && self.asking.rings(since + within, context)
        {
            return Poll::Ready(Err(late()));
        }
        read
    }
}

impl<S: AsyncWrite + Unpin> Patient<S> {
    fn watched<T>(&mut self, context: &mut Context<'_>, written: Poll<io::Result<T>>) -> Poll<io::Result<T>> {
        if written.is_pending() {
            let since = *self.unread.get_or_insert_with(Instant::now);
            if self.reading.rings(since + self.patience.read, context) {
                return Poll::Ready(Err(late()));
            }
        }
        written
    }
}

impl<S: AsyncWrite + Unpin> AsyncWrite for Patient<S> {
    fn poll_write(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        bytes: &[u8],
    ) -> Poll<io::Result<usize>> {
        let written = Pin::new(&mut self.wire).poll_write(context, bytes);
        self.watched(context, written)
    }

    fn poll_write_vectored(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        bytes: &[io::IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        let written = Pin::new(&mut self.wire).poll_write_vectored(context, bytes);
        self.watched(context, written)
    }

    fn is_write_vectored(&self) -> bool {
        self.wire.is_write_vectored()
    }

    /// The framework asks for it when it has nothing left to write.
    fn poll_flush(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        let flushed = Pin::new(&mut self.wire).poll_flush(context);
        if flushed.is_ready() {
            self.unread = None;
        }
        flushed
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.wire).poll_shutdown(context)
    }
}

#[cfg(test)]
mod tests {
    use tokio::io::{AsyncReadExt, AsyncWriteExt, DuplexStream, duplex};
    use tokio::time::{sleep, timeout};

    use super::*;

    const SHORT: Duration = Duration::from_millis(50);

    fn connected() -> (Patient<DuplexStream>, DuplexStream) {
        let (near, far) = duplex(64);
        (Patient::on(near, Patience { asked: SHORT, read: SHORT }), far)
    }

    #[tokio::test]
    async fn a_head_that_comes_drop_by_drop_is_not_waited_for_for_ever() {
        let (mut patient, mut far) = connected();

        let drops = async {
            while far.write_all(b"x").await.is_ok() {
                sleep(SHORT / 10).await;
            }
        };
        let error = async {
            loop {
                if let Err(error) = patient.read_u8().await {
                    return error;
                }
            }
        };
        let error = tokio::select! { () = drops => panic!("it goes on"), error = error => error };

        assert_eq!(error.kind(), io::ErrorKind::TimedOut);
    }

    #[tokio::test]
    async fn while_somebody_is_being_answered_nobody_is_hung_up_on() {
        let (mut patient, _far) = connected();

        let begun = patient.line().begin();
        let read = timeout(SHORT * 4, patient.read_u8()).await;
        drop(begun);

        assert!(read.is_err(), "{read:?}");
        assert_eq!(patient.read_u8().await.unwrap_err().kind(), io::ErrorKind::TimedOut);
    }

    #[tokio::test]
    async fn an_answer_that_nobody_reads_is_given_up() {
        let (mut patient, _far) = connected();

        let error = patient.write_all(&[0; 1000]).await.unwrap_err();

        assert_eq!(error.kind(), io::ErrorKind::TimedOut);
    }
}
