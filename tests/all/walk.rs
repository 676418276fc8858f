//! The walks of README and docs: their very blocks, one after another as a shell script, against the program as it is
//! installed; and the page that docs show, in a real browser.

use std::io::{Read, Write};
use std::net::TcpListener;
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::time::Duration;

use crate::ground::browser::Browser;
use crate::recipes::{block, root, run};

/// The `sh` blocks between the two marks.
fn script(page: &str) -> String {
    let text = std::fs::read_to_string(root().join(page)).unwrap();
    let (_, walk) = text.split_once("<!-- walk -->").unwrap();
    let (walk, _) = walk.split_once("<!-- end of walk -->").unwrap();
    let blocks = walk.split("```sh\n").skip(1).map(|block| block.split("```").next().unwrap());
    format!("set -eu\n{}", blocks.collect::<String>())
}

/// A server in a folder of its own, as a newcomer starts it. Killed when the test ends, however it ends.
pub struct Running {
    server: Child,
    pub port: u16,
    folder: tempfile::TempDir,
}

impl Drop for Running {
    fn drop(&mut self) {
        let _ = self.server.kill();
        let _ = self.server.wait();
    }
}

impl Running {
    pub fn start() -> Self {
        let (folder, address) = (tempfile::tempdir().unwrap(), free());
        let mut server = Command::new(env!("CARGO_BIN_EXE_doorward"));
        server.current_dir(&folder).env_clear().env("PATH", path());
        server.args(["--listen", &address.to_string(), "--metrics-listen", "127.0.0.1:0"]);
        let server = server.stdout(Stdio::null()).stderr(Stdio::inherit()).spawn().unwrap();
        let running = Self { server, port: address.port(), folder };
        let ready = format!("curl -sf http://{address}/health/ready");
        let up = (0..300).any(|_| {
            std::thread::sleep(Duration::from_millis(100));
            Command::new("sh").args(["-c", &ready]).output().unwrap().status.success()
        });
        assert!(up, "the server did not start within 30 s");
        running
    }

    /// With the server's port for the one that the pages name, and `8080` for the port of somebody's own page.
    pub fn walk(&self, page: &str, own_page: u16) -> String {
        let here = |text: &str| {
            text.replace("localhost:3000", &format!("localhost:{}", self.port))
                .replace("localhost:8080", &format!("localhost:{own_page}"))
                .replace("listen(8080)", &format!("listen({own_page})"))
        };
        let mut shell = Command::new("sh");
        shell.args(["-c", &here(&script(page))]).current_dir(&self.folder).env("PATH", path());
        run(&mut shell)
    }

    /// An admin of the demo tenant, with the password of the pages.
    pub fn settle(&self, email: &str) {
        let accept = r#"LINK=$(doorward users invite --tenant demo "$0" --role admin)
            curl -sS --fail-with-body "http://localhost:$1/api/v1/auth/invitation/accept" -H 'Doorward-Client: demo-app' \
            --json "{\"token\":\"${LINK#*token=}\",\"password\":\"violet-kettle-orbit-47\"}""#;
        let mut shell = Command::new("sh");
        shell.args(["-euc", accept, email, &self.port.to_string()]);
        run(shell.current_dir(&self.folder).env("PATH", path()));
    }
}

/// The program among the others, by its name.
fn path() -> std::ffi::OsString {
    let ours = Path::new(env!("CARGO_BIN_EXE_doorward")).parent().unwrap().to_owned();
    let others = std::env::var_os("PATH").unwrap();
    std::env::join_paths(std::iter::once(ours).chain(std::env::split_paths(&others))).unwrap()
}

fn free() -> std::net::SocketAddr {
    TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap()
}

/// One page, at every path; ends with the test's process.
fn serve(page: String) -> u16 {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let port = listener.local_addr().unwrap().port();
    std::thread::spawn(move || {
        for stream in listener.incoming() {
            let Ok(mut stream) = stream else { continue };
            let _ = stream.read(&mut [0; 8192]);
            let head = "HTTP/1.1 200 OK\r\ncontent-type: text/html; charset=utf-8\r\nconnection: close";
            let _ = write!(stream, "{head}\r\ncontent-length: {}\r\n\r\n{page}", page.len());
        }
    });
    port
}

#[test]
fn the_readmes_walk_works_line_by_line() {
    let server = Running::start();

    let said = server.walk("README.md", 8080);

    assert!(said.trim_end().ends_with("signed up, logged in, refreshed, listed, logged out"), "{said}");
}

#[tokio::test]
async fn a_tenant_is_made_as_the_guide_says_and_its_page_logs_in_as_the_other_guide_says() {
    let server = Running::start();
    let page = block("docs/log-in-from-a-page.md", "html").replace("demo-web", "library-web");
    let page = serve(page.replace("localhost:3000", &format!("library.localhost:{}", server.port)));

    let said = server.walk("docs/tenants.md", page);
    assert!(said.contains("owner@library.example") && said.contains(r#""active":true"#), "{said}");

    let browser = Browser::start().await;
    browser.open(&format!("http://library.localhost:{page}/")).await;
    browser.type_into("input[name=email]", "owner@library.example").await;
    browser.type_into("input[name=password]", "not-this-one-surely").await;
    browser.click("form button").await;
    reads(&browser, "This address and password do not belong together here.").await;
    browser.type_into("input[name=password]", "violet-kettle-orbit-47").await;
    browser.click("form button").await;
    reads(&browser, "Welcome, Ada.").await;
    // The access token is gone with the page; the cookie is not.
    browser.open(&format!("http://library.localhost:{page}/")).await;
    reads(&browser, "Welcome, Ada.").await;
    browser.click("#out").await;
    reads(&browser, "").await;
    browser.open(&format!("http://library.localhost:{page}/")).await;
    tokio::time::sleep(Duration::from_millis(500)).await;
    reads(&browser, "").await;
}

#[test]
fn roles_are_made_given_and_asked_for_as_the_guide_says() {
    let server = Running::start();

    let said = server.walk("docs/roles.md", 8080);

    let verdicts: Vec<&str> = said.lines().filter(|line| line.contains(r#""allowed":true"#)).collect();
    assert_eq!(verdicts.len(), 2, "{said}");
    assert!(verdicts[1].contains(r#""identifier":"guest""#) && verdicts[1].contains("grantedBy"), "{said}");
}

#[test]
fn an_action_is_made_tried_and_seen_to_act_as_the_guide_says() {
    let server = Running::start();

    let said = server.walk("docs/actions.md", 8080);

    assert!(said.contains(r#""holds":false"#), "{said}");
    let [.., given, denied] = said.lines().collect::<Vec<_>>()[..] else { panic!("{said}") };
    assert!(given.contains(r#""identifier":"visitor""#), "{said}");
    assert!(denied.contains("actions.denied") && denied.contains("Guests come in by the desk."), "{said}");
}

#[test]
fn a_receiver_is_told_and_checks_the_signature_as_the_guide_says() {
    let server = Running::start();
    let own = free().port();

    let said = server.walk("docs/webhooks.md", own);

    assert_eq!(said.trim(), "doorward.user.post.patch: Ada", "{said}");
}

#[test]
fn a_cron_job_is_made_tried_and_heard_as_the_guide_says() {
    let server = Running::start();

    let said = server.walk("docs/cronjobs.md", 8080);

    assert_eq!(said.matches("T09:00:00+0").count(), 20, "{said}");
    assert!(said.trim_end().ends_with("thrown and heard"), "{said}");
}

#[test]
fn another_programs_message_is_signed_and_heard_as_the_guide_says() {
    let server = Running::start();

    let said = server.walk("docs/inbound.md", 8080);

    assert!(said.contains("{\"success\":true}"), "{said}");
    assert!(said.trim_end().ends_with("heard"), "{said}");
}

#[test]
fn a_pack_is_compared_installed_upgraded_and_removed_as_the_guide_says() {
    let server = Running::start();

    let said = server.walk("docs/packs.md", 8080);

    assert!(said.contains("\"change\":\"make\""), "{said}");
    assert!(said.contains("\"name\":\"Monday\",\"change\":\"change\"\n\"version\":\"1.1.0\"\n"), "{said}");
    assert!(said.trim_end().ends_with("\"data\":[]"), "{said}");
}

#[test]
fn lists_are_asked_for_as_the_guide_says() {
    let server = Running::start();

    let said = server.walk("docs/services.md", 8080);

    assert!(said.trim_end().ends_with("made, found and removed"), "{said}");
    assert_eq!(said.matches("owner@services.example").count(), 4, "{said}");
}

#[test]
fn the_permissions_that_the_guide_shows_pass_the_check() {
    let folder = tempfile::tempdir().unwrap();
    std::fs::write(folder.path().join("doorward.toml"), block("docs/roles.md", "toml")).unwrap();
    let mut check = Command::new(env!("CARGO_BIN_EXE_doorward"));

    let shown = run(check.args(["config", "show"]).current_dir(&folder).env_clear());

    assert!(shown.contains("shop:order:refund"), "{shown}");
}

#[test]
fn the_settings_that_the_guide_shows_pass_the_check() {
    let folder = tempfile::tempdir().unwrap();
    std::fs::write(folder.path().join("doorward.toml"), block("docs/production.md", "toml")).unwrap();
    let keys = block("docs/production.md", "sh"); // the first: it makes the master key
    run(Command::new("sh").args(["-euc", &keys]).current_dir(&folder));
    let check = |mail_password: &str| {
        let mut check = Command::new(env!("CARGO_BIN_EXE_doorward"));
        check.args(["config", "check"]).current_dir(&folder).env_clear();
        check.env("DOORWARD_MASTER_KEY_FILE", folder.path().join("master.key"));
        check.env("DOORWARD_MAIL__PASSWORD", mail_password).output().unwrap()
    };

    assert!(check("of the mail server").status.success(), "{:?}", check("of the mail server"));
    assert!(!check("").status.success(), "the check lets anything pass");
}

async fn reads(browser: &Browser, wanted: &str) {
    let mut read = String::new();
    for _ in 0..100 {
        read = browser.text("[role=status]").await;
        if read == wanted {
            return;
        }
        tokio::time::sleep(Duration::from_millis(100)).await;
    }
    panic!("the page says {read:?} and not {wanted:?}");
}
