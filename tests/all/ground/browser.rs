//! A real browser without a window: Chromium, spoken to through chromedriver.

use std::path::{Path, PathBuf};
use std::time::Duration;

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use reqwest::Method;
use serde_json::{Value, json};
use tempfile::TempDir;

use super::leash::{Leash, Leashed};

/// Keys that have no letter, as the WebDriver standard numbers them.
pub mod keys {
    pub const TAB: &str = "\u{e004}";
    pub const ENTER: &str = "\u{e007}";
    pub const ESCAPE: &str = "\u{e00c}";
    pub const SHIFT: &str = "\u{e008}";
}

/// The name under which the standard hides an element's id.
const ELEMENT: &str = "element-6066-11e4-a52e-4f735466cecf";

pub struct Browser {
    http: reqwest::Client,
    session: String,
    _driver: Leash,
}

#[derive(Debug, Clone)]
pub struct Element(String);

impl Browser {
    pub async fn start() -> Self {
        // It takes any port over IPv4 and wants the same over IPv6, which another one may have.
        let (folder, driver, port) = match Self::driver().await {
            (_, _, None) => Self::driver().await,
            started => started,
        };
        let port = port.unwrap_or_else(|| panic!("chromedriver does not start: {}", log(&folder)));
        let http = reqwest::Client::builder().no_proxy().timeout(Duration::from_secs(60)).build().unwrap();
        let driver_url = format!("http://127.0.0.1:{port}");
        let asked = http.post(format!("{driver_url}/session")).json(&capabilities(&folder));
        let answer: Value = asked.send().await.unwrap().json().await.unwrap();
        let Some(id) = answer["value"]["sessionId"].as_str() else { panic!("no browser: {answer:#}") };
        Self { session: format!("{driver_url}/session/{id}"), http, _driver: driver }
    }

    async fn driver() -> (PathBuf, Leash, Option<u16>) {
        let folder = TempDir::with_prefix("doorward-browser-").unwrap().keep();
        let how = Leashed { folder: &folder, signal: "TERM", user: None };
        let driver = Leash::start(&how, ["/bin/sh", "-c", "exec chromedriver --port=0 > log 2>&1"]);
        let port = port(&folder).await;
        (folder, driver, port)
    }

    pub async fn open(&self, url: &str) {
        self.post("url", json!({ "url": url })).await;
    }

    pub async fn url(&self) -> String {
        text(&self.get("url").await)
    }

    pub async fn title(&self) -> String {
        text(&self.get("title").await)
    }

    /// The first element that a CSS selector finds; waits up to 20 s for it.
    pub async fn find(&self, css: &str) -> Element {
        let found = self.post("element", json!({ "using": "css selector", "value": css })).await;
        Element(text(&found[ELEMENT]))
    }

    pub async fn click(&self, css: &str) {
        self.on(css, Method::POST, "click", Some(json!({}))).await;
    }

    /// Replaces what stands in a field.
    pub async fn type_into(&self, css: &str, typed: &str) {
        self.on(css, Method::POST, "clear", Some(json!({}))).await;
        self.on(css, Method::POST, "value", Some(json!({ "text": typed }))).await;
    }

    /// What a person reads there.
    pub async fn text(&self, css: &str) -> String {
        text(&self.on(css, Method::GET, "text", None).await)
    }

    /// Keys pressed one after another, wherever the focus is.
    pub async fn press(&self, keys: &str) {
        let strokes = keys.chars().flat_map(|key| {
            [json!({ "type": "keyDown", "value": key }), json!({ "type": "keyUp", "value": key })]
        });
        let actions: Vec<Value> = strokes.collect();
        self.post("actions", json!({ "actions": [{ "type": "key", "id": "keyboard", "actions": actions }] }))
            .await;
    }

    /// All cookies that this page's requests would carry, the HttpOnly ones too.
    pub async fn cookies(&self) -> Vec<Value> {
        self.get("cookie").await.as_array().cloned().unwrap_or_default()
    }

    /// The value that a function body returns.
    pub async fn run(&self, script: &str) -> Value {
        self.post("execute/sync", json!({ "script": script, "args": [] })).await
    }

    pub async fn resize(&self, width: u32, height: u32) {
        self.post("window/rect", json!({ "width": width, "height": height })).await;
    }

    /// The visible part of the page, as PNG.
    pub async fn screenshot(&self) -> Vec<u8> {
        STANDARD.decode(text(&self.get("screenshot").await)).unwrap()
    }

    /// For what the standard offers and this kit does not name.
    pub async fn get(&self, path: &str) -> Value {
        told(path, self.call(Method::GET, path, None).await)
    }

    pub async fn post(&self, path: &str, body: Value) -> Value {
        told(path, self.call(Method::POST, path, Some(body)).await)
    }

    /// A page may be replaced between the finding of an element and its use: then the new page's is meant.
    async fn on(&self, css: &str, method: Method, verb: &str, body: Option<Value>) -> Value {
        loop {
            let Element(id) = self.find(css).await;
            match self.call(method.clone(), &format!("element/{id}/{verb}"), body.clone()).await {
                Err((error, _)) if error == "stale element reference" => {}
                answer => return told(css, answer),
            }
        }
    }

    async fn call(&self, method: Method, path: &str, body: Option<Value>) -> Result<Value, (String, String)> {
        let mut request = self.http.request(method, format!("{}/{path}", self.session));
        if let Some(body) = body {
            request = request.json(&body);
        }
        let mut answer: Value = request.send().await.unwrap().json().await.unwrap();
        let value = answer["value"].take();
        match value["error"].as_str() {
            Some(error) => Err((error.to_owned(), value["message"].to_string())),
            None => Ok(value),
        }
    }
}

fn told(asked: &str, answer: Result<Value, (String, String)>) -> Value {
    answer.unwrap_or_else(|(error, message)| panic!("the browser refuses {asked}: {error}: {message}"))
}

fn log(folder: &Path) -> String {
    std::fs::read_to_string(folder.join("log")).unwrap_or_default()
}

async fn port(folder: &Path) -> Option<u16> {
    for _ in 0..1500 {
        let log = log(folder);
        let told = log.split_once("started successfully on port ");
        if let Some((port, _)) = told.and_then(|(_, after)| after.split_once('.')) {
            return port.parse().ok();
        }
        assert!(
            !log.contains("not found"),
            "chromedriver is not on this machine. Install it with\n\
             \n    sudo apt-get install -y chromium chromium-driver\n"
        );
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
    None
}

fn capabilities(folder: &Path) -> Value {
    let profile = format!("--user-data-dir={}", folder.join("profile").display());
    json!({ "capabilities": { "alwaysMatch": {
        "timeouts": { "implicit": 20000 },
        "goog:chromeOptions": { "args": [
            "--headless=new", "--no-sandbox", "--disable-gpu", "--disable-dev-shm-usage", "--no-first-run",
            "--disable-background-networking", "--disable-component-update", "--disable-sync", profile,
        ] },
    } } })
}

fn text(value: &Value) -> String {
    value.as_str().unwrap_or_else(|| panic!("the browser answered {value}")).to_owned()
}
