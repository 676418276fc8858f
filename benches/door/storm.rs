//! A login storm: five times as many logins offered as can be done, and who is in already, or comes from next door, meanwhile.

use std::cell::{Cell, RefCell};
use std::time::{Duration, Instant};

use futures_util::future::{join, join3};
use futures_util::stream::{FuturesUnordered, StreamExt};
use tokio::io::AsyncWriteExt;
use tokio::net::TcpStream;

use super::bare;
use super::load::read_answer;
use super::process::Server;
use super::town::Town;

const OFFERED: f64 = 5.0;
const CHECKS_A_SECOND: f64 = 100.0;
/// Who waits longer has gone away.
const PATIENCE: Duration = Duration::from_secs(10);

/// What came back, in the order of time.
#[derive(Default)]
struct Answers {
    good: Vec<Duration>,
    refused: Vec<Duration>,
    /// Neither 2xx nor 429 nor 503, or nothing at all.
    wrong: usize,
}

pub async fn storm(database: &str, town: &Town) {
    let seconds = std::env::var("STORM_SECONDS").map_or(60, |text| text.parse().unwrap());
    let (lasting, capacity) = (Duration::from_secs(seconds), bare::hashes(Duration::from_secs(3)));
    let [me, login, next_door] = town.storm();
    let mut idle = at_rate(&town.server, &me, CHECKS_A_SECOND, Duration::from_secs(10)).await;
    let (rest, over) = (town.server.memory(), Cell::new(false));
    let load = async {
        let checks = at_rate(&town.server, &me, CHECKS_A_SECOND, lasting);
        let logins = at_rate(&town.server, &login, capacity * OFFERED, lasting);
        let neighbour = at_rate(&town.server, &next_door, 1.0, lasting);
        let came = join3(checks, logins, neighbour).await;
        over.set(true);
        came
    };
    let ((mut checks, mut logins, mut neighbour), most) = join(load, watched(town, &over)).await;
    let done = logins.good.len() as f64 / lasting.as_secs_f64();
    println!(
        "{database}: {:.0} logins/s offered for {seconds} s: {done:.1}/s done ({:.2} of the bare loop), {} refused within {:.1} ms p95",
        capacity * OFFERED,
        done / capacity,
        logins.refused.len(),
        at(&mut logins.refused, 0.95),
    );
    println!(
        "  GET /auth/me p99 {:.1} ms, {:.1} when idle, {} refused; a login next door each second: {} of {}, the slowest in {:.0} ms",
        at(&mut checks.good, 0.99),
        at(&mut idle.good, 0.99),
        checks.refused.len(),
        neighbour.good.len(),
        neighbour.good.len() + neighbour.refused.len(),
        at(&mut neighbour.good, 1.0),
    );
    let wrong = logins.wrong + checks.wrong + neighbour.wrong;
    println!("  {wrong} answers that are neither; memory {rest:.1} MiB before, {most:.1} at most");
}

/// The most memory that it had meanwhile.
async fn watched(town: &Town, over: &Cell<bool>) -> f64 {
    let mut most = 0.0_f64;
    while !over.get() {
        most = most.max(town.server.memory());
        tokio::time::sleep(Duration::from_millis(100)).await;
    }
    most
}

/// Each request on a connection of its own when its time has come, whether others are answered or not.
async fn at_rate(server: &Server, requests: &[Vec<u8>], per_second: f64, lasting: Duration) -> Answers {
    let (answers, idle) = (RefCell::new(Answers::default()), RefCell::new(Vec::<TcpStream>::new()));
    let (began, mut sent, mut flying) = (Instant::now(), 0_u32, FuturesUnordered::new());
    while began.elapsed() < lasting {
        let due = began + Duration::from_secs_f64(f64::from(sent) / per_second);
        tokio::select! {
            () = tokio::time::sleep_until(due.into()) => {
                flying.push(one(server, &requests[sent as usize % requests.len()], &answers, &idle));
                sent += 1;
            }
            Some(()) = flying.next() => {}
        }
    }
    while flying.next().await.is_some() {}
    drop(flying);
    answers.into_inner()
}

async fn one(server: &Server, request: &[u8], answers: &RefCell<Answers>, idle: &RefCell<Vec<TcpStream>>) {
    let (kept, sent) = (idle.borrow_mut().pop(), Instant::now());
    let mut answer = Vec::new();
    let asked = async {
        let mut stream = match kept {
            Some(stream) => stream,
            None => TcpStream::connect(server.address).await.ok()?,
        };
        stream.write_all(request).await.ok()?;
        read_answer(&mut stream, &mut answer).await;
        Some(stream)
    };
    let stream = tokio::time::timeout(PATIENCE, asked).await.ok().flatten();
    let (took, mut answers) = (sent.elapsed(), answers.borrow_mut());
    match answer.get(9..12) {
        Some([b'2', ..]) => answers.good.push(took),
        Some(b"429" | b"503") => answers.refused.push(took),
        _ => answers.wrong += 1,
    }
    // One that the server is about to close is no use to the next.
    let closes = answer.windows(17).any(|words| words.eq_ignore_ascii_case(b"connection: close"));
    idle.borrow_mut().extend(stream.filter(|_| !closes && !answer.is_empty()));
}

fn at(times: &mut [Duration], share: f64) -> f64 {
    times.sort_unstable();
    let place = ((times.len() as f64 * share) as usize).min(times.len().saturating_sub(1));
    times.get(place).map_or(f64::NAN, |time| time.as_secs_f64() * 1000.0)
}
