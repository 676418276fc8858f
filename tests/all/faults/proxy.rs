//! A TCP proxy that does what bad networks do, switched while connections stand.

use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::watch;
use tokio::task::JoinHandle;

#[derive(Debug, Clone, Copy, PartialEq)]
pub enum Mode {
    Pass,
    /// Every answer takes so much longer.
    Delay(Duration),
    /// Nobody is there: what stands is closed, and what comes at once.
    Drop,
    /// What is sent goes nowhere and nobody says so. When the mode changes it arrives.
    Blackhole,
    /// What stands and what comes is cut off in the middle of a word.
    Reset,
    /// We say farewell and listen on; the other end is not told.
    HalfClose,
    /// The other end is gone, and who talks to us is not told until the mode changes.
    HalfOpen,
}

pub struct Proxy {
    pub address: SocketAddr,
    mode: watch::Sender<Mode>,
    counts: Arc<Counts>,
    server: JoinHandle<()>,
}

#[derive(Default)]
struct Counts {
    taken: AtomicUsize,
    open: AtomicUsize,
}

/// One connection, for as long as it is carried.
struct Open(Arc<Counts>);

impl Proxy {
    pub async fn before(port: u16) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        let (mode, watched) = watch::channel(Mode::Pass);
        let counts = Arc::<Counts>::default();
        let server = tokio::spawn(accept(listener, port, watched, counts.clone()));
        Self { address, mode, counts, server }
    }

    pub fn turn(&self, mode: Mode) {
        self.mode.send_replace(mode);
    }

    /// Connections so far, and those that stand.
    pub fn connections(&self) -> (usize, usize) {
        (self.counts.taken.load(Ordering::SeqCst), self.counts.open.load(Ordering::SeqCst))
    }
}

impl Drop for Proxy {
    fn drop(&mut self) {
        self.server.abort();
    }
}

impl Drop for Open {
    fn drop(&mut self) {
        self.0.open.fetch_sub(1, Ordering::SeqCst);
    }
}

async fn accept(listener: TcpListener, port: u16, mode: watch::Receiver<Mode>, counts: Arc<Counts>) {
    while let Ok((near, _)) = listener.accept().await {
        counts.taken.fetch_add(1, Ordering::SeqCst);
        counts.open.fetch_add(1, Ordering::SeqCst);
        let (open, mode) = (Open(counts.clone()), mode.clone());
        tokio::spawn(async move {
            connect(near, port, mode).await;
            drop(open);
        });
    }
}

async fn connect(near: TcpStream, port: u16, mut mode: watch::Receiver<Mode>) {
    loop {
        let now = *mode.borrow_and_update();
        match now {
            Mode::Pass | Mode::Delay(_) => break,
            Mode::Drop => return,
            Mode::Reset => return drop(near.set_zero_linger()),
            Mode::Blackhole | Mode::HalfClose | Mode::HalfOpen => {
                if mode.changed().await.is_err() {
                    return;
                }
            }
        }
    }
    let Ok(far) = TcpStream::connect(("127.0.0.1", port)).await else { return };
    // What waits for another's acknowledgement would be a delay that nobody asked for.
    let _ = (near.set_nodelay(true), far.set_nodelay(true));
    carry(near, far, mode).await;
}

async fn carry(mut near: TcpStream, mut far: TcpStream, mode: watch::Receiver<Mode>) {
    let (mut questions, mut answers, mut ends) = (mode.clone(), mode.clone(), mode);
    let cut = {
        let ((mut from_near, mut to_near), (mut from_far, mut to_far)) = (near.split(), far.split());
        tokio::select! {
            () = pump(&mut from_near, &mut to_far, &mut questions, false) => None,
            () = pump(&mut from_far, &mut to_near, &mut answers, true) => None,
            mode = end(&mut ends) => mode,
        }
    };
    match cut {
        Some(Mode::Reset) => drop((near.set_zero_linger(), far.set_zero_linger())),
        Some(Mode::HalfClose) => {
            let _ = near.shutdown().await;
            swallow(&mut near, &mut ends).await;
        }
        Some(Mode::HalfOpen) => {
            drop(far);
            swallow(&mut near, &mut ends).await;
            let _ = near.set_zero_linger();
        }
        _ => {}
    }
}

async fn pump(
    from: &mut (impl AsyncReadExt + Unpin),
    to: &mut (impl AsyncWriteExt + Unpin),
    mode: &mut watch::Receiver<Mode>,
    is_answer: bool,
) {
    let mut chunk = vec![0; 16 * 1024];
    while let Ok(length @ 1..) = from.read(&mut chunk).await {
        let now = *mode.borrow_and_update();
        match now {
            Mode::Delay(time) if is_answer => tokio::time::sleep(time).await,
            Mode::Blackhole => drop(mode.wait_for(|mode| *mode != Mode::Blackhole).await),
            _ => {}
        }
        if to.write_all(&chunk[..length]).await.is_err() {
            return;
        }
    }
}

/// Until the mode is one that no connection outlives.
async fn end(mode: &mut watch::Receiver<Mode>) -> Option<Mode> {
    let ends = |mode: &Mode| matches!(mode, Mode::Drop | Mode::Reset | Mode::HalfClose | Mode::HalfOpen);
    mode.wait_for(ends).await.ok().map(|mode| *mode)
}

/// What comes is taken and lost, until the mode changes.
async fn swallow(near: &mut TcpStream, mode: &mut watch::Receiver<Mode>) {
    let mut chunk = vec![0; 16 * 1024];
    let lost = async { while let Ok(1..) = near.read(&mut chunk).await {} };
    tokio::select! {
        () = lost => {}
        _ = mode.changed() => {}
    }
}
