//! One plain HTTP question to a server on this machine: does it answer, with which status, and with what?

use std::io;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};
use std::time::Duration;

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio::time::timeout;

const PATIENCE: Duration = Duration::from_secs(3);
/// Many times what the recorder holds.
const LARGEST: u64 = 64 << 20;

/// The status of `GET path`.
pub async fn status(at: SocketAddr, path: &str) -> io::Result<u16> {
    let late = |_| io::Error::new(io::ErrorKind::TimedOut, "no answer within 3 s");
    timeout(PATIENCE, asked(reachable(at), path)).await.map_err(late)?
}

/// Who listens everywhere is asked on this machine's own address.
pub fn reachable(at: SocketAddr) -> SocketAddr {
    let ip = match at.ip() {
        IpAddr::V4(ip) if ip.is_unspecified() => Ipv4Addr::LOCALHOST.into(),
        IpAddr::V6(ip) if ip.is_unspecified() => Ipv6Addr::LOCALHOST.into(),
        ip => ip,
    };
    SocketAddr::new(ip, at.port())
}

/// Status and body of `GET path`, for an answer that may take as long as told.
pub async fn body(at: SocketAddr, path: &str, patience: Duration) -> io::Result<(u16, Vec<u8>)> {
    let late = |_| io::Error::new(io::ErrorKind::TimedOut, "no answer in time");
    timeout(patience + PATIENCE, whole(reachable(at), path)).await.map_err(late)?
}

async fn asked(at: SocketAddr, path: &str) -> io::Result<u16> {
    let mut wire = called(at, path).await?;
    // `HTTP/1.1 200`
    let mut head = [0; 12];
    wire.read_exact(&mut head).await?;
    status_of(&head)
}

async fn whole(at: SocketAddr, path: &str) -> io::Result<(u16, Vec<u8>)> {
    let mut bytes = Vec::new();
    called(at, path).await?.take(LARGEST).read_to_end(&mut bytes).await?;
    let cut = || io::Error::new(io::ErrorKind::UnexpectedEof, "the answer was cut off");
    let end = bytes.windows(4).position(|four| four == b"\r\n\r\n").ok_or_else(cut)?;
    let body = bytes.split_off(end + 4);
    let head = String::from_utf8_lossy(&bytes).to_ascii_lowercase();
    let stated = head.lines().find_map(|line| line.strip_prefix("content-length:"));
    if stated.and_then(|length| length.trim().parse().ok()) != Some(body.len()) {
        return Err(cut());
    }
    Ok((status_of(&bytes)?, body))
}

async fn called(at: SocketAddr, path: &str) -> io::Result<TcpStream> {
    let mut wire = TcpStream::connect(at).await?;
    let request = format!(
        "GET {path} HTTP/1.1\r\nhost: localhost:{}\r\naccept: text/html, */*\r\nconnection: close\r\n\r\n",
        at.port()
    );
    wire.write_all(request.as_bytes()).await?;
    Ok(wire)
}

fn status_of(head: &[u8]) -> io::Result<u16> {
    let line = head.get(..12).and_then(|line| std::str::from_utf8(line).ok());
    let status = line.and_then(|line| line.split(' ').nth(1)?.parse().ok());
    status.ok_or_else(|| io::Error::new(io::ErrorKind::InvalidData, "the answer is not HTTP"))
}
