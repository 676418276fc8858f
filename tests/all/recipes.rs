//! The recipes of `docs/verify-a-token.md`, run as they stand there against a live server.

#[path = "recipes/verify.rs"]
mod verify;

use std::path::{Path, PathBuf};
use std::process::{Command, Output};

use doorward::base::Timestamp;
use doorward::components::Clock;
use doorward::identity::tenant::TenantSettings;
use doorward::identity::{ClientKind, Scope};
use doorward::management::steps::create_tenant;
use doorward::tenancy::steps::{NewClient, NewTenant, create_client};
use serde_json::json;

use crate::ground::app::{App, Door, config};
use crate::ground::{Ground, on_both};

on_both!(
    a_token_is_verified_in_node_as_the_page_says,
    a_token_is_verified_in_python_as_the_page_says,
    a_token_is_verified_in_rust_as_the_page_says,
);

pub const AUDIENCE: &str = "https://orders.example.com";

pub fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).to_owned()
}

/// The code of the fence that opens with these words.
pub fn block(page: &str, opening: &str) -> String {
    let text = std::fs::read_to_string(root().join(page)).unwrap();
    let (_, after) =
        text.split_once(&format!("\n```{opening}\n")).unwrap_or_else(|| panic!("{page}: no {opening}"));
    after.split_once("\n```").unwrap().0.to_owned() + "\n"
}

/// Runs a program to its end and shows what it said when it failed.
pub fn run(command: &mut Command) -> String {
    let Output { status, stdout, stderr } =
        command.output().unwrap_or_else(|error| panic!("{command:?}: {error}"));
    let (out, err) = (String::from_utf8_lossy(&stdout), String::from_utf8_lossy(&stderr));
    assert!(status.success(), "{command:?}: {status}\n{out}\n{err}");
    out.into_owned()
}

/// The client's packages, as its lock file has them.
pub fn client_packages() -> PathBuf {
    packages("clients/typescript")
}

/// A folder whose packages are there, as its lock file has them.
pub fn packages(folder: &str) -> PathBuf {
    static ONCE: std::sync::Mutex<()> = std::sync::Mutex::new(());
    let _one_at_a_time = ONCE.lock().unwrap_or_else(std::sync::PoisonError::into_inner);
    let folder = root().join(folder);
    let installed = folder.join("node_modules/.package-lock.json");
    let age = |path: &Path| path.metadata().and_then(|file| file.modified()).ok();
    if age(&installed) < age(&folder.join("package-lock.json")) {
        run(Command::new("npm").arg("ci").current_dir(&folder));
    }
    folder
}

/// A tenant at this machine's own address, which other programs reach without a name server.
pub async fn local_tenant(app: &App, name: &str, issuer: &str, owns_host: bool) -> Door {
    let host = app.running.address.unwrap().to_string();
    let new = NewTenant {
        name: name.into(),
        display_name: name.into(),
        issuer: issuer.into(),
        public_url: issuer.into(),
        hosts: if owns_host { vec![host.clone()] } else { Vec::new() },
        data: json!({}),
        settings: TenantSettings::default(),
    };
    let id = format!("{name}-app");
    let web =
        NewClient { is_default: true, ..NewClient::of(ClientKind::Browser, &format!("{name}-web"), name) };
    let client =
        NewClient { audiences: vec![AUDIENCE.into()], ..NewClient::of(ClientKind::Native, &id, name) };
    let scope = Scope::of_house(app.running.house.clone(), None);
    let made = scope.write(move |tx| {
        let tenant = create_tenant(tx, &new)?;
        create_client(tx, tenant.id, &web)?;
        create_client(tx, tenant.id, &client)?;
        Ok(tenant.id)
    });
    Door { tenant: made.await.unwrap(), host, client: id, origin: None }
}

/// Other programs look at the machine's clock, so here the server does too.
pub async fn in_real_time(ground: Ground) -> App {
    let config = config(&ground);
    App::with_clock(ground, config, Clock::real()).await
}

struct Issued {
    app: App,
    issuer: String,
    user: String,
    token: String,
    another: String,
}

/// A token of the local tenant, and one of another tenant.
async fn issued(ground: Ground) -> Issued {
    let app = in_real_time(ground).await;
    let issuer = app.url("");
    let door = local_tenant(&app, "local", &issuer, true).await;
    let user = app.person(&door, "ada@example.com").await;
    let token = app.session(&door, user).await.access;
    let other = app.native("a").await;
    let stranger = app.person(&other, "eve@example.com").await;
    let another = app.session(&other, stranger).await.access;
    Issued { app, issuer, user: user.to_string(), token, another }
}

impl Issued {
    /// The recipe takes the token and names its subject; it refuses another tenant's, and one that was bent.
    fn shows(&self, program: impl Fn() -> Command) {
        let with = |token: &str| {
            let mut command = program();
            command.arg(token).env("ISSUER", &self.issuer).env("AUDIENCE", AUDIENCE);
            command
        };
        assert_eq!(run(&mut with(&self.token)).trim(), self.user);
        let bent = self.token.replace("eyJ0eXAiOiJhdCtqd3Qi", "eyJ0eXAiOiJKV1Qi");
        for wrong in [&self.another, &bent, &format!("{}x", self.token)] {
            assert!(!with(wrong).output().unwrap().status.success(), "{wrong}");
        }
    }
}

async fn a_token_is_verified_in_node_as_the_page_says(ground: Ground) {
    let issued = issued(ground).await;
    let folder = client_packages().join("dist");
    std::fs::create_dir_all(&folder).unwrap();
    let script = folder.join(format!("verify-{}.mjs", issued.app.running.address.unwrap().port()));
    std::fs::write(&script, block("docs/verify-a-token.md", "js")).unwrap();

    issued.shows(|| {
        let mut node = Command::new("node");
        node.arg(&script);
        node
    });
    std::fs::remove_file(script).unwrap();
}

async fn a_token_is_verified_in_python_as_the_page_says(ground: Ground) {
    let issued = issued(ground).await;
    let python = python();
    let script = block("docs/verify-a-token.md", "python");

    issued.shows(|| {
        let mut python = Command::new(&python);
        python.args(["-c", &script]);
        python
    });
}

fn python() -> PathBuf {
    static ONCE: std::sync::Mutex<()> = std::sync::Mutex::new(());
    let _one_at_a_time = ONCE.lock().unwrap_or_else(std::sync::PoisonError::into_inner);
    let folder = root().join("target/recipes");
    let whole = folder.join("whole");
    if !whole.exists() {
        run(Command::new("python3").args(["-m", "venv"]).arg(&folder));
        let wanted = block("docs/verify-a-token.md", "text requirements");
        let packages: Vec<&str> = wanted.split_whitespace().collect();
        run(Command::new(folder.join("bin/pip")).args(["install", "--quiet"]).args(packages));
        std::fs::write(whole, "").unwrap();
    }
    folder.join("bin/python")
}

async fn a_token_is_verified_in_rust_as_the_page_says(ground: Ground) {
    let issued = issued(ground).await;
    let shown = block("docs/verify-a-token.md", "rust");
    assert_eq!(shown, include_str!("recipes/verify.rs"), "the page shows other code than what is run here");

    let claims = verify::verify(&issued.token, &issued.issuer, AUDIENCE).await.unwrap();

    assert_eq!((claims.sub, claims.client_id), (issued.user, "local-app".to_owned()));
    assert!(!claims.tenant.is_empty() && !claims.session.is_empty());
    let now = Timestamp::from_seconds(0) + std::time::Duration::from_secs(claims.exp);
    assert!(now > issued.app.clock.now());
    assert!(verify::verify(&issued.another, &issued.issuer, AUDIENCE).await.is_err());
    assert!(verify::verify(&issued.token, &issued.issuer, "https://reports.example.com").await.is_err());
}
