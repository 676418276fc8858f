//! How a process ends.

use std::io::Write;
use std::net::TcpStream;
use std::process::Command;
use std::time::{Duration, Instant};

use crate::ground::Ground;
use crate::ground::binary::{Installation, Running};
use crate::ground::on_both;
use crate::ground::spawned::Spawned;

on_both!(
    shut_1_a_request_in_flight_is_answered_and_the_process_ends_with_0,
    a_stop_is_told_in_the_log_when_it_begins_and_when_it_is_done,
    shut_1_a_second_signal_ends_hard_at_once,
    shut_2_readiness_turns_false_before_the_listener_closes,
    shut_2_startup_stays_true_and_a_worker_does_not_listen,
);

/// A request whose body is still to come: the server must wait for it, or drop it.
fn in_flight(running: &Running) -> TcpStream {
    let mut wire = TcpStream::connect(running.address).unwrap();
    let head = format!(
        "POST /api/v1/auth/logout HTTP/1.1\r\nhost: {}\r\ncontent-type: application/json\r\ncontent-length: 2\r\n\r\n",
        running.address
    );
    wire.write_all(head.as_bytes()).unwrap();
    wire.set_read_timeout(Some(Duration::from_secs(10))).unwrap();
    std::thread::sleep(Duration::from_millis(200));
    wire
}

async fn shut_1_a_request_in_flight_is_answered_and_the_process_ends_with_0(ground: Ground) {
    let installation = Installation::on(&ground);
    let mut running = installation.serve().await;
    let mut wire = in_flight(&running);

    running.signal(libc::SIGTERM);
    running.until("/health/live", None).await;
    wire.write_all(b"{}").unwrap();
    let mut answer = [0; 12];
    std::io::Read::read_exact(&mut wire, &mut answer).unwrap();
    drop(wire);
    let (code, _) = running.ended().await;

    assert!(answer.starts_with(b"HTTP/1.1 "), "{answer:?}");
    assert_eq!(code, Some(0));
}

async fn a_stop_is_told_in_the_log_when_it_begins_and_when_it_is_done(ground: Ground) {
    let server = Spawned::with(&ground, &[]);

    signal(server.id());

    let (told, began) = (["stopping: not ready any more", "\"stopped\""], Instant::now());
    while !told.iter().all(|words| server.text().contains(words)) {
        assert!(began.elapsed() < Duration::from_secs(30), "{}", server.text());
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
}

/// As a supervisor does.
fn signal(process: u32) {
    assert!(Command::new("kill").arg(process.to_string()).status().unwrap().success());
}

async fn shut_1_a_second_signal_ends_hard_at_once(ground: Ground) {
    let installation = Installation::on(&ground);
    let mut running = installation.serve().await;
    let _wire = in_flight(&running);

    running.signal(libc::SIGTERM);
    // `timeout` and some supervisors signal twice at once: that is one wish to stop.
    running.signal(libc::SIGTERM);
    running.until("/health/live", None).await;
    tokio::time::sleep(Duration::from_millis(1_100)).await;
    let began = Instant::now();
    assert!(running.child.try_wait().unwrap().is_none(), "an echo of the first signal stopped it hard");
    running.signal(libc::SIGTERM);
    let (code, _) = running.ended().await;

    assert_eq!(code, Some(4));
    assert!(began.elapsed() < Duration::from_secs(6), "{:?}", began.elapsed());
}

async fn shut_2_readiness_turns_false_before_the_listener_closes(ground: Ground) {
    let installation = Installation::on(&ground).with("DOORWARD_SERVER__DRAIN_PAUSE", "2");
    let mut running = installation.serve().await;

    running.signal(libc::SIGTERM);
    running.until("/health/ready", Some(503)).await;
    let still = (running.status("/health/live").await, running.status("/health/startup").await);
    running.until("/health/live", None).await;
    let (code, _) = running.ended().await;

    assert_eq!(still, (Some(200), Some(200)));
    assert_eq!(code, Some(0));
}

async fn shut_2_startup_stays_true_and_a_worker_does_not_listen(ground: Ground) {
    let installation = Installation::on(&ground);
    let mut worker = installation.spawn(&["work"]);

    tokio::time::sleep(Duration::from_secs(1)).await;
    let listens = worker.status("/health/live").await;
    worker.signal(libc::SIGTERM);
    let (code, _) = worker.ended().await;

    assert_eq!((listens, code), (None, Some(0)));
}
