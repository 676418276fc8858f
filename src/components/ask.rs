//! One plain HTTP question to a server on this machine: does it answer, and with which status?

use std::io;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};
use std::time::Duration;

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio::time::timeout;

const PATIENCE: Duration = Duration::from_secs(3);

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

async fn asked(at: SocketAddr, path: &str) -> io::Result<u16> {
    let mut wire = TcpStream::connect(at).await?;
    let request =
        format!("GET {path} HTTP/1.1\r\nhost: localhost:{}\r\nconnection: close\r\n\r\n", at.port());
    wire.write_all(request.as_bytes()).await?;
    // `HTTP/1.1 200`
    let mut head = [0; 12];
    wire.read_exact(&mut head).await?;
    let status = std::str::from_utf8(&head).ok().and_then(|line| line.split(' ').nth(1)?.parse().ok());
    status.ok_or_else(|| io::Error::new(io::ErrorKind::InvalidData, "the answer is not HTTP"))
}
