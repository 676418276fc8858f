//! A server as a process of its own, and what the operating system says it used.

use std::io::{Read, Write};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

pub struct Server {
    child: Child,
    pub address: SocketAddr,
    /// From the spawn to the first good answer.
    pub started: Duration,
}

impl Server {
    pub fn bare(database: Option<&str>) -> Self {
        let address = free();
        let mut command = Command::new(std::env::current_exe().unwrap());
        command.arg("bare").arg(address.port().to_string()).args(database);
        Self::spawn(command, address, "/").unwrap()
    }

    /// Returns when `path` is answered with 200, or with nothing after 30 s.
    pub fn spawn(mut command: Command, address: SocketAddr, path: &str) -> Option<Self> {
        let began = Instant::now();
        let child = command.stdin(Stdio::null()).stdout(Stdio::null()).spawn().unwrap();
        let mut server = Self { child, address, started: Duration::ZERO };
        while !server.answers(path) {
            if began.elapsed() > Duration::from_secs(30) {
                return None;
            }
            std::thread::sleep(Duration::from_millis(1));
        }
        server.started = began.elapsed();
        Some(server)
    }

    fn answers(&self, path: &str) -> bool {
        let Ok(mut stream) = TcpStream::connect(self.address) else { return false };
        let mut status = [0; 12];
        let asked = stream.write_all(&self.get(path)).and_then(|()| stream.read_exact(&mut status));
        asked.is_ok() && &status == b"HTTP/1.1 200"
    }

    pub fn get(&self, path: &str) -> Vec<u8> {
        format!("GET {path} HTTP/1.1\r\nhost: localhost\r\n\r\n").into_bytes()
    }

    /// Seconds of processor that it has used.
    pub fn cpu(&self) -> f64 {
        cpu_of(self.child.id())
    }

    /// Resident, in MiB.
    pub fn memory(&self) -> f64 {
        let status = std::fs::read_to_string(format!("/proc/{}/status", self.child.id())).unwrap();
        let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:")).unwrap();
        line.trim().trim_end_matches(" kB").parse::<f64>().unwrap() / 1024.0
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

pub fn free() -> SocketAddr {
    TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap()
}

/// User and system time of a process; a tick is a hundredth of a second on every Linux that we know.
pub fn cpu_of(process: u32) -> f64 {
    let stat = std::fs::read_to_string(format!("/proc/{process}/stat")).unwrap();
    let after_name = stat.rsplit_once(')').unwrap().1;
    let fields: Vec<&str> = after_name.split_whitespace().collect();
    let ticks: f64 = fields[11].parse::<f64>().unwrap() + fields[12].parse::<f64>().unwrap();
    ticks / 100.0
}

/// Seconds of processor that the whole machine has used and had, idle ones included.
pub fn machine_cpu() -> (f64, f64) {
    let stat = std::fs::read_to_string("/proc/stat").unwrap();
    let fields: Vec<f64> =
        stat.lines().next().unwrap().split_whitespace().skip(1).map(|f| f.parse().unwrap()).collect();
    let all: f64 = fields.iter().take(8).sum();
    let idle = fields[3] + fields[4];
    ((all - idle) / 100.0, all / 100.0)
}
