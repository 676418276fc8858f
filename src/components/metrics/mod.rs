//! Numbers for operators: one recorder a process, shown at `GET /metrics` on an address of its own.
//!
//! A label is never keyed by what callers choose (tenant, path, agent, address): each value is kept for ever.

pub mod names;

use std::net::SocketAddr;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use metrics_exporter_prometheus::{BuildError, PrometheusBuilder, PrometheusHandle};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::Semaphore;
use tokio::task::JoinHandle;
use tokio::time::{interval, sleep, timeout};

use super::platform::{Cause, Component, Handle, Health};

/// From a cache hit to the slowest mail server, in seconds.
const BUCKETS: [f64; 13] = [0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0];
const UPKEEP: Duration = Duration::from_secs(5);
/// A caller that neither asks nor listens holds one of few places for no longer than this.
const PATIENCE: Duration = Duration::from_secs(5);
const PLACES: usize = 16;
const LONGEST_HEAD: usize = 8 * 1024;

/// What the recorder has counted so far, and where it is shown.
#[derive(Clone)]
pub struct Metrics {
    recorder: PrometheusHandle,
    pub address: SocketAddr,
    serving: Arc<Mutex<Option<JoinHandle<()>>>>,
}

impl Handle for Metrics {}

impl Metrics {
    pub fn render(&self) -> String {
        self.recorder.render()
    }

    fn serving(&self) -> std::sync::MutexGuard<'_, Option<JoinHandle<()>>> {
        self.serving.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Call it first thing: what is counted before is lost. A second call gives the same recorder.
pub fn install() -> Result<PrometheusHandle, BuildError> {
    static INSTALLED: Mutex<Option<PrometheusHandle>> = Mutex::new(None);
    let mut installed = INSTALLED.lock().unwrap_or_else(PoisonError::into_inner);
    if let Some(recorder) = installed.as_ref() {
        return Ok(recorder.clone());
    }
    let recorder = PrometheusBuilder::new().set_buckets(&BUCKETS)?.install_recorder()?;
    names::describe();
    Ok(installed.insert(recorder).clone())
}

/// How long to wait from the beginning of one count of whole tables to the next: counting is not to take more than a
/// hundredth of the time, however much there is to count.
pub fn pause_after(took: Duration, usual: Duration) -> Duration {
    usual.max(took * 100)
}

/// Started by the roof; binds at `init`, answers from `start` to `stop`.
pub struct Listener {
    address: SocketAddr,
    bound: Option<TcpListener>,
    metrics: Option<Metrics>,
}

impl Listener {
    pub fn at(address: SocketAddr) -> Self {
        Self { address, bound: None, metrics: None }
    }
}

impl Component for Listener {
    type Consumes = ();
    type Provides = Metrics;

    fn name(&self) -> &'static str {
        "metrics"
    }

    async fn init(&mut self, (): ()) -> Result<Metrics, Cause> {
        let recorder = install()?;
        let bound = TcpListener::bind(self.address).await.map_err(|cause| {
            format!("it cannot listen on {}: {cause}; choose another with --metrics-listen", self.address)
        })?;
        let metrics = Metrics { recorder, address: bound.local_addr()?, serving: Arc::default() };
        self.bound = Some(bound);
        self.metrics = Some(metrics.clone());
        Ok(metrics)
    }

    async fn start(&mut self) -> Result<(), Cause> {
        if let (Some(metrics), Some(bound)) = (&self.metrics, self.bound.take()) {
            tracing::debug!(address = %metrics.address, "metrics listen");
            let task = tokio::spawn(serve(bound, metrics.recorder.clone()));
            *metrics.serving() = Some(task);
        }
        Ok(())
    }

    /// Drops the listener too; an answer under way is finished by its own task.
    async fn stop(&mut self) -> Result<(), Cause> {
        if let Some(task) = self.metrics.as_ref().and_then(|metrics| metrics.serving().take()) {
            task.abort();
        }
        self.bound = None;
        Ok(())
    }

    fn health(metrics: &Metrics) -> Health {
        match metrics.serving().as_ref() {
            Some(task) if task.is_finished() => Health::Failed("its listener has ended".to_owned()),
            _ => Health::Ok,
        }
    }
}

async fn serve(listener: TcpListener, recorder: PrometheusHandle) {
    let places = Arc::new(Semaphore::new(PLACES));
    let mut upkeep = interval(UPKEEP);
    loop {
        tokio::select! {
            _ = upkeep.tick() => recorder.run_upkeep(),
            accepted = listener.accept() => match accepted {
                Ok((stream, _)) => receive(stream, &places, &recorder),
                // Out of file descriptors, most likely: at once again would spin.
                Err(cause) => {
                    tracing::warn!(%cause, "metrics cannot accept");
                    sleep(Duration::from_millis(100)).await;
                }
            },
        }
    }
}

/// Without a free place the connection is closed unanswered.
fn receive(stream: TcpStream, places: &Arc<Semaphore>, recorder: &PrometheusHandle) {
    let Ok(place) = Arc::clone(places).try_acquire_owned() else { return };
    let recorder = recorder.clone();
    tokio::spawn(async move {
        match timeout(PATIENCE, answer(stream, &recorder)).await {
            Ok(Ok(())) => {}
            Ok(Err(cause)) => tracing::debug!(%cause, "metrics caller went away"),
            Err(_) => tracing::debug!("metrics caller was too slow"),
        }
        drop(place);
    });
}

async fn answer(mut stream: TcpStream, recorder: &PrometheusHandle) -> std::io::Result<()> {
    let head = read_head(&mut stream).await?;
    let mut words = head.split(|byte| *byte == b' ');
    let (status, extra, body) = match (words.next(), words.next()) {
        (Some(b"GET"), Some(b"/metrics")) => ("200 OK", "", recorder.render()),
        (Some(b"GET"), Some(_)) => ("404 Not Found", "", "Only /metrics is here.\n".to_owned()),
        (_, Some(_)) => ("405 Method Not Allowed", "allow: GET\r\n", "Only GET is taken.\n".to_owned()),
        _ => ("400 Bad Request", "", "This is not a request.\n".to_owned()),
    };
    let length = body.len();
    let answer = format!(
        "HTTP/1.1 {status}\r\ncontent-type: text/plain; version=0.0.4; charset=utf-8\r\n{extra}\
         content-length: {length}\r\nconnection: close\r\n\r\n{body}"
    );
    stream.write_all(answer.as_bytes()).await?;
    stream.shutdown().await
}

async fn read_head(stream: &mut TcpStream) -> std::io::Result<Vec<u8>> {
    let mut head = Vec::new();
    let mut limited = stream.take(LONGEST_HEAD as u64);
    while !head.windows(4).any(|end| end == b"\r\n\r\n") {
        if limited.read_buf(&mut head).await? == 0 {
            break;
        }
    }
    Ok(head)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::components::Clock;
    use crate::components::platform::Platform;

    async fn listening() -> (Platform, SocketAddr) {
        let free = TcpListener::bind("127.0.0.1:0").await.unwrap().local_addr().unwrap();
        let platform = Platform::builder(&Clock::real()).required(Listener::at(free)).build().unwrap();
        platform.start().await.unwrap();
        (platform, free)
    }

    async fn ask(address: SocketAddr, request: &str) -> String {
        let mut stream = TcpStream::connect(address).await.unwrap();
        stream.write_all(request.as_bytes()).await.unwrap();
        let mut answer = String::new();
        stream.read_to_string(&mut answer).await.unwrap();
        answer
    }

    #[tokio::test]
    async fn what_is_counted_is_shown_with_the_state_of_each_component() {
        let (_platform, address) = listening().await;
        metrics::counter!("doorward_test_total").increment(3);

        let answer = ask(address, "GET /metrics HTTP/1.1\r\nhost: x\r\n\r\n").await;

        assert!(answer.starts_with("HTTP/1.1 200 OK\r\n"), "{answer}");
        assert!(answer.contains("\ndoorward_test_total 3\n"), "{answer}");
        assert!(answer.contains("\ndoorward_component_state{component=\"metrics\"} "), "{answer}");
    }

    #[tokio::test]
    async fn nothing_but_get_metrics_is_answered() {
        let (_platform, address) = listening().await;

        let other = ask(address, "GET /metrics/../secret HTTP/1.1\r\n\r\n").await;
        let post = ask(address, "POST /metrics HTTP/1.1\r\n\r\n").await;
        let noise = ask(address, "\u{1}\r\n\r\n").await;

        assert!(other.starts_with("HTTP/1.1 404 "), "{other}");
        assert!(post.starts_with("HTTP/1.1 405 "), "{post}");
        assert!(noise.starts_with("HTTP/1.1 400 "), "{noise}");
    }

    #[tokio::test]
    async fn an_address_that_is_taken_refuses_the_start_in_a_sentence() {
        let (_platform, address) = listening().await;
        let second = Platform::builder(&Clock::real()).required(Listener::at(address)).build().unwrap();

        let failure = second.start().await.unwrap_err().to_string();

        let start = format!("The component `metrics` failed to initialise: it cannot listen on {address}: ");
        assert!(failure.starts_with(&start), "{failure}");
    }

    #[tokio::test]
    async fn after_the_stop_nobody_listens() {
        let (platform, address) = listening().await;

        platform.stop().await;

        assert!(TcpStream::connect(address).await.is_err());
    }

    #[test]
    fn what_took_long_to_count_is_counted_less_often() {
        let minute = Duration::from_secs(60);

        assert_eq!(pause_after(Duration::from_millis(20), minute), minute);
        assert_eq!(pause_after(Duration::from_secs(3), minute), Duration::from_secs(300));
    }
}
