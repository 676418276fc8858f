//! A reverse proxy as stands before several copies: it asks each whether it is ready, hands a request to one that is,
//! and tries nothing twice. Whatever a copy leaves unanswered its caller sees.

use std::net::SocketAddr;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, RwLock};
use std::time::Duration;

use reqwest::Client;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};
use tokio::task::JoinHandle;

/// Between two questions to a copy.
const ASK: Duration = Duration::from_millis(100);

pub struct Balance {
    pub address: SocketAddr,
    shared: Arc<Shared>,
    tasks: Vec<JoinHandle<()>>,
}

#[derive(Default)]
struct Shared {
    nodes: RwLock<Vec<Arc<Node>>>,
    turn: AtomicUsize,
    /// Why requests found no copy, or were left unanswered by one.
    failed: Mutex<Vec<String>>,
}

struct Node {
    address: String,
    is_ready: AtomicBool,
}

impl Balance {
    pub async fn start() -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let (address, shared) = (listener.local_addr().unwrap(), Arc::<Shared>::default());
        let tasks = vec![tokio::spawn(accept(listener, shared.clone())), tokio::spawn(ask(shared.clone()))];
        Self { address, shared, tasks }
    }

    pub fn add(&self, address: &str) {
        let node = Node { address: address.to_owned(), is_ready: AtomicBool::new(false) };
        self.shared.nodes.write().unwrap().push(Arc::new(node));
    }

    pub fn remove(&self, address: &str) {
        self.shared.nodes.write().unwrap().retain(|node| node.address != address);
    }

    pub fn is_ready(&self, address: &str) -> bool {
        let nodes = self.shared.nodes.read().unwrap();
        nodes.iter().any(|node| node.address == address && node.is_ready.load(Ordering::SeqCst))
    }

    pub fn failed(&self) -> Vec<String> {
        self.shared.failed.lock().unwrap().clone()
    }
}

impl Drop for Balance {
    fn drop(&mut self) {
        self.tasks.iter().for_each(JoinHandle::abort);
    }
}

async fn ask(shared: Arc<Shared>) {
    let http = Client::builder().timeout(Duration::from_secs(2)).build().unwrap();
    loop {
        let nodes = shared.nodes.read().unwrap().clone();
        for node in nodes {
            let answer = http.get(format!("http://{}/health/ready", node.address)).send().await;
            node.is_ready.store(answer.is_ok_and(|answer| answer.status() == 200), Ordering::SeqCst);
        }
        tokio::time::sleep(ASK).await;
    }
}

async fn accept(listener: TcpListener, shared: Arc<Shared>) {
    while let Ok((near, _)) = listener.accept().await {
        tokio::spawn(carry(near, shared.clone()));
    }
}

impl Shared {
    /// Of those that are ready each in its turn; where none is, one is waited for.
    async fn ready(&self) -> Option<Arc<Node>> {
        for _ in 0..100 {
            if let Some(node) = self.ready_now() {
                return Some(node);
            }
            tokio::time::sleep(ASK).await;
        }
        None
    }

    fn ready_now(&self) -> Option<Arc<Node>> {
        let nodes = self.nodes.read().unwrap();
        let ready: Vec<_> = nodes.iter().filter(|node| node.is_ready.load(Ordering::SeqCst)).collect();
        let turn = self.turn.fetch_add(1, Ordering::SeqCst);
        (!ready.is_empty()).then(|| ready[turn % ready.len()].clone())
    }
}

/// One caller's connection. The one behind it is kept as long as its copy is ready.
async fn carry(mut near: TcpStream, shared: Arc<Shared>) {
    let mut behind: Option<(Arc<Node>, TcpStream)> = None;
    while let Some(request) = message(&mut near).await {
        behind = behind.filter(|(node, _)| node.is_ready.load(Ordering::SeqCst));
        if behind.is_none() {
            let Some(node) = shared.ready().await else { return fail(&shared, "no copy is ready") };
            let Ok(far) = TcpStream::connect(&node.address).await else {
                return fail(&shared, &format!("{} takes no connection", node.address));
            };
            behind = Some((node, far));
        }
        let Some((node, far)) = &mut behind else { break };
        let sent = far.write_all(&request).await;
        let answer = if sent.is_ok() { message(far).await } else { None };
        let Some(answer) = answer else {
            return fail(&shared, &format!("{} leaves a request without an answer", node.address));
        };
        let is_last = says_close(&answer);
        if near.write_all(&answer).await.is_err() || is_last {
            break;
        }
    }
}

fn fail(shared: &Shared, why: &str) {
    shared.failed.lock().unwrap().push(why.to_owned());
}

/// A head and as many bytes as it announces; none where the other side has closed.
async fn message(from: &mut TcpStream) -> Option<Vec<u8>> {
    let (mut bytes, mut chunk) = (Vec::new(), vec![0; 16 * 1024]);
    loop {
        let read = from.read(&mut chunk).await.ok().filter(|read| *read > 0)?;
        bytes.extend_from_slice(&chunk[..read]);
        let Some(end) = bytes.windows(4).position(|four| four == b"\r\n\r\n") else { continue };
        let whole = end + 4 + announced(&bytes[..end]);
        while bytes.len() < whole {
            let read = from.read(&mut chunk).await.ok().filter(|read| *read > 0)?;
            bytes.extend_from_slice(&chunk[..read]);
        }
        return Some(bytes);
    }
}

fn announced(head: &[u8]) -> usize {
    let head = String::from_utf8_lossy(head).to_ascii_lowercase();
    assert!(!head.contains("transfer-encoding"), "this proxy takes announced lengths alone: {head}");
    let length = head.lines().find_map(|line| line.strip_prefix("content-length:"));
    length.map_or(0, |length| length.trim().parse().unwrap())
}

fn says_close(answer: &[u8]) -> bool {
    let end = answer.windows(4).position(|four| four == b"\r\n\r\n").unwrap_or(0);
    String::from_utf8_lossy(&answer[..end]).to_ascii_lowercase().contains("connection: close")
}
