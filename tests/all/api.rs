//! The API's description of itself, held against the router, the sources and the files that are checked in.

use std::collections::BTreeSet;
use std::path::Path;
use std::sync::Arc;

use doorward::app as roof;
use doorward::identity::serve;
use doorward::openapi::{self, document::template};
use reqwest::Method;
use serde_json::Value;

use crate::ground::app::{App, Reply, config};
use crate::ground::browser::Browser;
use crate::ground::{Ground, on_both};
use crate::recipes::root;

on_both!(the_document_is_served_and_kept, without_the_setting_there_is_no_page);

fn document() -> Value {
    openapi::document(&roof::routes())
}

/// Compares with the file that is checked in, or writes it.
fn checked_in(name: &str, made: &str) {
    let path = root().join(name);
    if std::env::var_os("UPDATE").is_some() {
        std::fs::write(&path, made).unwrap();
    }
    let kept = std::fs::read_to_string(&path).unwrap_or_default();
    assert!(
        kept == made,
        "{name} is not what the code says. Write it anew with\n\n    UPDATE=1 cargo test --test all api::\n"
    );
}

/// Method and path of every operation, at its canonical place and where the original had it.
fn described(document: &Value) -> BTreeSet<(String, String)> {
    let mut all = BTreeSet::new();
    for (path, methods) in document["paths"].as_object().unwrap() {
        for (method, operation) in methods.as_object().unwrap() {
            let aliases = operation["x-aliases"].as_array().into_iter().flatten();
            let places = aliases.filter_map(Value::as_str).chain([path.as_str()]);
            all.extend(places.map(|place| (method.to_uppercase(), place.to_owned())));
        }
    }
    all
}

#[test]
fn t7_document_and_router_name_the_same_paths() {
    let routes: Vec<_> = roof::routes().into_iter().map(Arc::new).collect();
    let mut routed = BTreeSet::new();
    for (path, there) in serve::table(&routes) {
        let shown = there.iter().filter(|route| !route.hidden);
        routed.extend(shown.map(|route| (route.method.word().to_owned(), template(&path))));
    }

    assert_eq!(described(&document()), routed);
    assert!(
        routed.contains(&("POST".into(), "/auth/refresh-tokens".into())),
        "the original's places are in it"
    );
}

#[test]
fn t7_every_operation_says_who_may_call_it() {
    let document = document();
    let schemes = document["components"]["securitySchemes"].as_object().unwrap();

    for operation in
        document["paths"].as_object().unwrap().values().flat_map(|m| m.as_object().unwrap().values())
    {
        let ways = operation["security"].as_array().unwrap_or_else(|| panic!("{operation}"));
        let named = ways.iter().flat_map(|way| way.as_object().unwrap().keys());
        assert!(named.into_iter().all(|name| schemes.contains_key(name)), "{operation}");
    }
}

#[test]
fn the_document_is_the_one_checked_in() {
    checked_in("docs/openapi.json", &format!("{:#}\n", document()));
}

#[test]
fn the_page_of_triggers_is_the_catalogue() {
    checked_in("docs/triggers.md", &doorward::triggers::catalogue::page());
}

#[test]
fn the_list_of_errors_is_the_one_checked_in() {
    checked_in("docs/errors.md", &openapi::errors::page(&roof::routes()));
}

#[test]
fn a_schemas_name_means_one_shape() {
    let conflicts = openapi::document::conflicts(&roof::routes());
    assert!(conflicts.is_empty(), "rename one with #[schemars(rename = …)]: {conflicts:?}");
}

#[test]
fn every_reference_leads_somewhere_and_every_operation_has_an_id_of_its_own() {
    let document = document();
    let mut references = Vec::new();
    collect("$ref", &document, &mut references);
    let mut ids = Vec::new();
    collect("operationId", &document["paths"], &mut ids);

    for reference in references {
        let at = reference.strip_prefix('#').unwrap();
        assert!(document.pointer(at).is_some(), "{reference}");
    }
    assert_eq!(ids.iter().collect::<BTreeSet<_>>().len(), ids.len(), "{ids:?}");
}

fn collect(member: &str, value: &Value, found: &mut Vec<String>) {
    match value {
        Value::Object(members) => {
            found.extend(members.get(member).and_then(Value::as_str).map(String::from));
            members.values().for_each(|value| collect(member, value, found));
        }
        Value::Array(items) => items.iter().for_each(|value| collect(member, value, found)),
        _ => {}
    }
}

/// `refusals! { … }` as the sources have it: the file below `src/`, and its keys.
fn in_sources(folder: &Path, found: &mut BTreeSet<(String, String)>) {
    for entry in std::fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() {
            in_sources(&path, found);
        } else if path.extension().is_some_and(|extension| extension == "rs") {
            let text = std::fs::read_to_string(&path).unwrap();
            let file = path.strip_prefix(root().join("src")).unwrap().to_str().unwrap().to_owned();
            let blocks =
                text.split("\nrefusals! {\n").skip(1).chain(text.split("\ncrate::refusals! {\n").skip(1));
            let lines = blocks.flat_map(|block| block.split("\n}").next().unwrap().lines());
            let keys = lines.filter(|line| line.contains(" = ")).filter_map(|line| line.split('"').nth(1));
            found.extend(keys.map(|key| (file.clone(), key.to_owned())));
        }
    }
}

#[test]
fn every_refusal_in_the_sources_is_in_the_list() {
    let mut written = BTreeSet::new();
    in_sources(&root().join("src"), &mut written);
    let declared = openapi::errors::declared();
    let listed =
        declared.iter().flat_map(|(file, all)| all.iter().map(|one| (file.to_string(), one.key.to_owned())));

    assert_eq!(listed.collect::<BTreeSet<_>>(), written, "openapi::errors::declared() names the files");
    assert!(written.len() > 25, "{}", written.len());
}

#[test]
fn a_key_has_one_status() {
    let mut known = std::collections::BTreeMap::new();
    for (file, refusal) in
        openapi::errors::declared().into_iter().flat_map(|(f, all)| all.iter().map(move |r| (f, r)))
    {
        let first = *known.entry(refusal.key).or_insert(refusal.status);
        assert_eq!(first, refusal.status, "{file}: {}", refusal.key);
    }
}

async fn the_document_is_served_and_kept(ground: Ground) {
    let app = App::start(ground).await;
    let door = app.native("a").await;

    let first = app.get(&door, "/openapi.json").await;
    let tag = first.headers["etag"].to_str().unwrap();
    let again =
        Reply::of(app.request(&door, Method::GET, "/openapi.json").header("if-none-match", tag)).await;

    assert_eq!(first.json, document());
    assert_eq!(again.status, 304);
}

async fn without_the_setting_there_is_no_page(ground: Ground) {
    let mut config = config(&ground);
    config.server.docs = false;
    let app = App::with(ground, config).await;
    let door = app.native("a").await;

    for path in ["/docs", "/docs/start.js", "/docs/swagger-ui.css"] {
        assert_eq!(app.get(&door, path).await.key(), "error.server.notFound", "{path}");
    }
    assert_eq!(app.get(&door, "/openapi.json").await.status, 200);
}

#[test]
fn the_page_shows_every_operation_and_loads_nothing_from_elsewhere() {
    crate::ground::run(crate::ground::Kind::Sqlite, page);
}

async fn page(ground: Ground) {
    let app = App::start(ground).await;
    let browser = Browser::start().await;
    browser.open(&app.url("/docs")).await;
    browser.find(".opblock").await;

    let shown = browser.run("return document.querySelectorAll('.opblock').length").await;
    let loaded = browser.run("return performance.getEntriesByType('resource').map(e => e.name)").await;
    browser.click("#operations-sessions-sessionsRefresh button").await;
    browser.find("#operations-sessions-sessionsRefresh .responses-table").await;
    let log = browser.post("se/log", serde_json::json!({ "type": "browser" })).await;
    if let Some(folder) = std::env::var_os("DOORWARD_GALLERY") {
        std::fs::write(Path::new(&folder).join("api.png"), browser.screenshot().await).unwrap();
    }

    let operations = document()["paths"]
        .as_object()
        .unwrap()
        .values()
        .map(|m| m.as_object().unwrap().len())
        .sum::<usize>();
    assert_eq!(shown.as_u64().unwrap(), operations as u64);
    let own = |name: &Value| name.as_str().unwrap().starts_with(&app.url("/"));
    assert!(loaded.as_array().unwrap().iter().all(own), "{loaded}");
    assert_eq!(log.as_array().map(Vec::len), Some(0), "{log:#}");
}

#[test]
fn every_promise_names_a_test_that_exists() {
    let page = std::fs::read_to_string(root().join("SECURITY.md")).unwrap();
    let names: Vec<&str> =
        page.split('`').filter(|word| word.contains("::") && !word.contains(' ')).collect();

    for name in &names {
        let (file, function) = name.rsplit_once("::").unwrap();
        let path = root().join("tests/all").join(format!("{}.rs", file.replace("::", "/")));
        let text = std::fs::read_to_string(&path).unwrap_or_else(|error| panic!("{name}: {error}"));
        assert!(text.contains(&format!("fn {function}(")), "{name}");
    }
    assert!(names.len() > 10, "{names:?}");
}
