//! The README's walk: its very blocks, one after another as a shell script, against the program as it is installed.

use std::net::TcpListener;
use std::process::{Child, Command, Stdio};
use std::time::Duration;

use crate::recipes::{root, run};

/// The `sh` blocks between the two marks.
fn script() -> String {
    let readme = std::fs::read_to_string(root().join("README.md")).unwrap();
    let (_, walk) = readme.split_once("<!-- walk -->").unwrap();
    let (walk, _) = walk.split_once("<!-- end of walk -->").unwrap();
    let blocks = walk.split("```sh\n").skip(1).map(|block| block.split("```").next().unwrap());
    format!("set -eu\n{}", blocks.collect::<String>())
}

/// Killed when the test ends, however it ends.
struct Running(Child);

impl Drop for Running {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

fn free() -> std::net::SocketAddr {
    TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap()
}

#[test]
fn the_readmes_walk_works_line_by_line() {
    let (folder, address) = (tempfile::tempdir().unwrap(), free());
    let mut server = Command::new(env!("CARGO_BIN_EXE_doorward"));
    server.current_dir(&folder).env_clear().env("PATH", std::env::var_os("PATH").unwrap());
    server.args(["--listen", &address.to_string(), "--metrics-listen", &free().to_string()]);
    let server = server.stdout(Stdio::null()).stderr(Stdio::inherit()).spawn().unwrap();
    let _server = Running(server);
    let script = script().replace("localhost:3000", &format!("localhost:{}", address.port()));
    let ready = format!("curl -sf http://{address}/health/ready");
    let up = (0..100).any(|_| {
        std::thread::sleep(Duration::from_millis(100));
        Command::new("sh").args(["-c", &ready]).output().unwrap().status.success()
    });
    assert!(up, "the server did not start within 10 s");

    let said = run(Command::new("sh").args(["-c", &script]).current_dir(&folder));

    assert!(said.trim_end().ends_with("signed up, logged in, refreshed, listed, logged out"), "{said}");
}
