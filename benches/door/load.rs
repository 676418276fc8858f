//! The driver: so many connections, each sending its next request when it has read its last answer.

use std::cell::{Cell, RefCell};
use std::rc::Rc;
use std::time::{Duration, Instant};

use futures_util::future::join_all;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;

use super::process::{Server, cpu_of, machine_cpu};

/// Which requests, for how long.
pub struct Plan {
    requests: Vec<Vec<u8>>,
    lasting: Duration,
    /// Each request is sent once, in turn over all rounds; else they are repeated.
    once: Option<Rc<Cell<usize>>>,
    expected: &'static str,
}

#[derive(Debug, Clone)]
pub struct Run {
    pub per_second: f64,
    pub median_ms: f64,
    pub p99_ms: f64,
    /// Processor microseconds of the server for each request.
    pub cpu_us: f64,
    /// Shares of the machine: the driver's own, and everybody else's but server and driver.
    pub driver: f64,
    pub others: f64,
    pub failed: usize,
}

impl Plan {
    pub fn repeat(request: Vec<u8>, lasting: Duration) -> Self {
        Self::cycle(vec![request], lasting)
    }

    pub fn cycle(requests: Vec<Vec<u8>>, lasting: Duration) -> Self {
        Self { requests, lasting, once: None, expected: "HTTP/1.1 20" }
    }

    pub fn once(requests: Vec<Vec<u8>>, lasting: Duration) -> Self {
        Self { requests, lasting, once: Some(Rc::default()), expected: "HTTP/1.1 20" }
    }
}

pub async fn drive(server: &Server, plan: &Plan, round: usize, connections: usize) -> Run {
    let next = Cell::new(round * 7919);
    let (taken, failed) = (RefCell::new(Vec::new()), Cell::new(0));
    let (cpu, own, (busy, all)) = (server.cpu(), cpu_of(std::process::id()), machine_cpu());
    let began = Instant::now();
    // A plan of single uses is shared out evenly over the rounds.
    let share = plan.once.as_ref().map(|spent| spent.get() + plan.requests.len() / super::ROUNDS);
    let one = |_| async {
        let mut stream = TcpStream::connect(server.address).await.unwrap();
        stream.set_nodelay(true).unwrap();
        let mut answer = Vec::with_capacity(8192);
        while began.elapsed() < plan.lasting {
            let Some(request) = pick(plan, &next, share) else { return };
            let sent = Instant::now();
            stream.write_all(request).await.unwrap();
            read_answer(&mut stream, &mut answer).await;
            taken.borrow_mut().push(sent.elapsed());
            if !answer.starts_with(plan.expected.as_bytes()) {
                failed.set(failed.get() + 1);
            }
        }
    };
    join_all((0..connections).map(one)).await;
    let lasted = began.elapsed().as_secs_f64();
    let mut taken = taken.into_inner();
    taken.sort_unstable();
    let at =
        |share: f64| taken.get(((taken.len() as f64 * share) as usize).min(taken.len().saturating_sub(1)));
    let millis = |share: f64| at(share).map_or(0.0, |time| time.as_secs_f64() * 1000.0);
    let (server_cpu, driver_cpu) = (server.cpu() - cpu, cpu_of(std::process::id()) - own);
    let (busy, all) = (machine_cpu().0 - busy, machine_cpu().1 - all);
    Run {
        // A refusal is no service.
        per_second: taken.len().saturating_sub(failed.get()) as f64 / lasted,
        median_ms: millis(0.5),
        p99_ms: millis(0.99),
        cpu_us: server_cpu * 1e6 / taken.len().max(1) as f64,
        driver: driver_cpu / all,
        others: ((busy - server_cpu - driver_cpu) / all).max(0.0),
        failed: failed.get(),
    }
}

fn pick<'p>(plan: &'p Plan, next: &Cell<usize>, share: Option<usize>) -> Option<&'p [u8]> {
    if let Some(spent) = &plan.once {
        let at = spent.get();
        if share.is_some_and(|end| at >= end) {
            return None;
        }
        spent.set(at + 1);
        return plan.requests.get(at).map(Vec::as_slice);
    }
    next.set(next.get() + 1);
    plan.requests.get(next.get() % plan.requests.len()).map(Vec::as_slice)
}

/// Headers, then as many bytes as they say.
pub async fn read_answer(stream: &mut TcpStream, answer: &mut Vec<u8>) {
    answer.clear();
    let mut wanted = usize::MAX;
    let mut chunked = false;
    while answer.len() < wanted && !(chunked && answer.ends_with(b"0\r\n\r\n")) {
        if stream.read_buf(answer).await.unwrap_or(0) == 0 {
            return;
        }
        if wanted == usize::MAX
            && !chunked
            && let Some(end) = answer.windows(4).position(|bytes| bytes == b"\r\n\r\n")
        {
            match length(&answer[..end]) {
                Some(length) => wanted = end + 4 + length,
                None => chunked = true,
            }
        }
    }
}

/// None when it comes in chunks.
fn length(headers: &[u8]) -> Option<usize> {
    for line in headers.split(|byte| *byte == b'\n') {
        let Some(colon) = line.iter().position(|byte| *byte == b':') else { continue };
        let (name, value) = line.split_at(colon);
        if name.eq_ignore_ascii_case(b"content-length") {
            return std::str::from_utf8(&value[1..]).ok()?.trim().parse().ok();
        }
        if name.eq_ignore_ascii_case(b"transfer-encoding") {
            return None;
        }
    }
    Some(0)
}
