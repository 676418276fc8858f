//! A whole file is taken; each mistake in it is refused with its path.

use super::*;

const GOOD: &str = r#"
[[tenants]]
name = "library"
display_name = "City Library"
public_url = { production = "https://door.library.nl" }
api_hosts = { production = ["api.library.nl"] }
settings = { sign_up = "open", languages = ["nl"], sender = { name = "Library", address = "door@library.nl" } }
data = { colour = "blue", note = "two\nlines" }
[[tenants.clients]]
public_id = "library-web"
name = "Library"
kind = "browser"
default = true
origins = { production = ["https://www.library.nl"] }
continue_urls = { production = ["https://www.library.nl/welcome"] }
[[tenants]]
name = "museum"
display_name = "Museum"
public_url = { production = "https://door.museum.nl" }
api_hosts = { production = ["api.museum.nl"] }
[[tenants.clients]]
public_id = "museum-web"
name = "Museum"
kind = "browser"
default = true
"#;

/// What the file is refused for when `this` in it is `that`: path and key of each.
fn refused(this: &str, that: &str) -> Vec<(String, String)> {
    assert!(GOOD.contains(this), "{this}");
    let errors = TenantsFile::parse(&GOOD.replacen(this, that, 1)).unwrap_err();
    errors.into_iter().map(|error| (error.path, error.key.into_owned())).collect()
}

fn one(path: &str, key: &str) -> Vec<(String, String)> {
    vec![(path.to_owned(), format!("validator.{key}"))]
}

#[test]
fn the_example_is_a_good_file() {
    let file = TenantsFile::parse(include_str!("../../../config/tenants.example.toml")).unwrap();

    assert_eq!(file.tenants.len(), 2);
}

#[test]
fn a_good_file_is_taken_whole() {
    let file = TenantsFile::parse(GOOD).unwrap();

    let library = &file.tenants[0];
    assert_eq!(library.issuer(Environment::Production), Some("https://door.library.nl"));
    assert_eq!(library.settings.sign_up, SignUp::Open);
    assert_eq!(library.data["note"], "two\nlines");
    assert_eq!(file.tenants[1].settings.sign_up, SignUp::Invitation);
    assert_eq!(file.origins(Environment::Production), ["https://www.library.nl"]);
    assert_eq!(file.origins(Environment::Acceptance), [""; 0]);
}

#[test]
fn an_api_host_belongs_to_one_tenant() {
    let path = "tenants[1].api_hosts.production[0]";

    assert_eq!(refused("api.museum.nl", "api.library.nl"), one(path, "duplicate"));
}

#[test]
fn an_origin_on_another_tenants_api_host_is_refused() {
    let museum = "public_id = \"museum-web\"";
    let native = format!("{museum}\norigins = {{ production = [\"https://api.library.nl\"] }}");

    let errors = refused(museum, &native);

    let path = "tenants[1].clients[0].origins.production[0]";
    assert_eq!(errors[0], (path.to_owned(), "validator.sameSite".to_owned()));
}

#[test]
fn an_origin_on_another_tenants_api_host_is_refused_even_within_one_site() {
    let shared = GOOD.replace("api.museum.nl", "museum.library.nl");
    let origin = "public_id = \"museum-web\"\norigins = { production = [\"https://api.library.nl\"] }";

    let errors = TenantsFile::parse(&shared.replace("public_id = \"museum-web\"", origin)).unwrap_err();

    assert_eq!(errors[0].path, "tenants[1].clients[0].origins.production[0]");
    assert_eq!(errors[0].key, "validator.duplicate");
}

#[test]
fn names_public_ids_and_issuers_are_unique() {
    let issuer = "tenants[1].issuer.production";

    assert_eq!(refused("\"museum\"", "\"library\""), one("tenants[1].name", "duplicate"));
    assert_eq!(
        refused("\"museum-web\"", "\"library-web\""),
        one("tenants[1].clients[0].public_id", "duplicate")
    );
    assert_eq!(refused("https://door.museum.nl", "https://door.library.nl"), one(issuer, "duplicate"));
}

#[test]
fn a_tenant_has_exactly_one_default_client() {
    let second = "[[tenants.clients]]\npublic_id = \"b\"\nname = \"B\"\nkind = \"browser\"\ndefault = true\n[[tenants]]\nname = \"museum\"";

    assert_eq!(refused("default = true", ""), one("tenants[0].clients", "required"));
    assert_eq!(refused("[[tenants]]\nname = \"museum\"", second), one("tenants[0].clients", "duplicate"));
}

#[test]
fn the_default_client_is_a_browsers() {
    assert_eq!(refused("kind = \"browser\"", "kind = \"native\""), one("tenants[0].clients", "kind"));
}

#[test]
fn a_browser_client_on_another_site_is_refused_with_the_remedy() {
    let text = GOOD.replace("\"https://www.library.nl\"", "\"https://www.boeken.nl\"");

    let errors = TenantsFile::parse(&text).unwrap_err();

    assert_eq!(errors[0].path, "tenants[0].clients[0].origins.production[0]");
    assert_eq!(errors[0].key, "validator.sameSite");
    assert!(errors[0].detail.contains("api.boeken.nl"), "{}", errors[0].detail);
}

#[test]
fn neighbours_below_a_public_suffix_are_another_site() {
    let text = GOOD
        .replace("api.library.nl", "library.github.io")
        .replace("https://www.library.nl", "https://boeken.github.io");

    let errors = TenantsFile::parse(&text).unwrap_err();

    assert_eq!(errors[0].key, "validator.sameSite");
}

#[test]
fn without_an_api_host_the_public_url_is_the_site() {
    let hosts = "api_hosts = { production = [\"api.library.nl\"] }";

    assert!(TenantsFile::parse(&GOOD.replace(hosts, "")).is_ok());
    let other = GOOD.replace(hosts, "").replace("door.library.nl\"", "door.boeken.nl\"");
    assert_eq!(TenantsFile::parse(&other).unwrap_err()[0].key, "validator.sameSite");
}

#[test]
fn only_full_origins_and_https_urls_are_taken() {
    let origin = "tenants[0].clients[0].origins.production[0]";
    let next = "tenants[0].clients[0].continue_urls.production[0]";
    let links = "tenants[0].public_url.production";

    assert_eq!(
        refused("[\"https://www.library.nl\"]", "[\"https://www.library.nl/\"]"),
        one(origin, "url.invalid")
    );
    assert_eq!(refused("[\"https://www.library.nl\"]", "[\"*\"]"), one(origin, "url.invalid"));
    assert_eq!(refused("https://www.library.nl/welcome", "javascript:alert(1)"), one(next, "url.invalid"));
    assert_eq!(refused("https://www.library.nl/welcome", "http://www.library.nl/"), one(next, "url.invalid"));
    assert_eq!(refused("https://door.library.nl", "http://door.library.nl"), one(links, "url.invalid"));
    assert_eq!(
        refused("\"api.library.nl\"", "\"API.library.nl\""),
        one("tenants[0].api_hosts.production[0]", "url.invalid")
    );
}

#[test]
fn control_characters_are_refused_outside_the_tenants_own_data() {
    assert_eq!(refused("City Library", "City\\r\\nBcc: a@b.nl"), one("tenants[0].display_name", "control"));
    assert_eq!(
        refused("name = \"Library\", address", "name = \"L\\u0000\", address"),
        one("tenants[0].settings.sender.name", "control")
    );
    assert_eq!(
        refused("\"https://www.library.nl\"", "\"https://www.library.nl\\n\"")[0].1,
        "validator.control"
    );
}

#[test]
fn what_is_not_known_is_refused() {
    assert_eq!(
        refused("display_name", "displayname = 1\ndisplay_name"),
        one("tenants[0].displayname", "type")
    );
    assert_eq!(
        refused("default = true", "default = true\nsecret = \"a\""),
        one("tenants[0].clients[0].secret", "type")
    );
    assert_eq!(refused("\n[[tenants]]", "tenant = 1\n[[tenants]]"), one("tenant", "unknown"));
    assert_eq!(refused("public_url = { production", "public_url = { prod")[0].1, "validator.type");
}

#[test]
fn what_is_required_is_demanded() {
    assert_eq!(refused("\"City Library\"", "\"\""), one("tenants[0].display_name", "required"));
    assert_eq!(refused("name = \"Library\"\n", ""), one("tenants[0].clients[0].name", "required"));
    assert_eq!(refused("kind = \"browser\"", ""), one("tenants[0].clients[0].kind", "required"));
    assert_eq!(
        refused("api_hosts = {", "api_hosts = { test = [\"a.nl\"],"),
        one("tenants[0].public_url.test", "required")
    );
}

#[test]
fn a_tenant_lives_in_at_least_one_environment() {
    let errors = refused("public_url = { production = \"https://door.museum.nl\" }", "");

    assert!(errors.contains(&("tenants[1].public_url".to_owned(), "validator.required".to_owned())));
}

#[test]
fn settings_are_checked() {
    let at = |key: &str, kind: &str| one(&format!("tenants[0].settings.{key}"), kind);

    assert_eq!(refused("[\"nl\"]", "[\"Dutch\"]"), at("languages[0]", "pattern"));
    assert_eq!(refused("[\"nl\"]", "[]"), at("languages", "required"));
    assert_eq!(refused("door@library.nl", "door"), at("sender.address", "email.invalid"));
    assert_eq!(refused("\"open\"", "\"anyone\""), at("sign_up", "type"));
    assert_eq!(refused("[\"nl\"]", "[\"nl\"], colours = { ink = \"red\" }"), at("colours.ink", "pattern"));
    assert_eq!(refused("[\"nl\"]", "[\"nl\"], sign_in_at = [\"library\"]"), at("sign_in_at[0]", "pattern"));
}

#[test]
fn clients_are_checked() {
    let at = |key: &str, kind: &str| one(&format!("tenants[0].clients[0].{key}"), kind);
    let with = |more: &str| refused("default = true", &format!("default = true\n{more}"));

    assert_eq!(refused("library-web", "library web;"), at("public_id", "pattern"));
    assert_eq!(with("lifetimes = { access = 0 }"), at("lifetimes.access", "type"));
    assert_eq!(
        with("lifetimes = { refresh_idle = 2, refresh_absolute = 1 }"),
        at("lifetimes.refresh_idle", "range")
    );
    assert_eq!(with("audiences = [\"a b\"]"), at("audiences[0]", "pattern"));
}

#[test]
fn a_server_client_has_no_origins() {
    let errors = refused("kind = \"browser\"", "kind = \"server\"");

    assert!(errors.contains(&("tenants[0].clients[0].origins".to_owned(), "validator.kind".to_owned())));
}

#[test]
fn all_mistakes_come_at_once() {
    let text =
        GOOD.replace("\"City Library\"", "7").replace("\"museum\"", "\"Museum\"").replace("\"nl\"", "\"N\"");

    let paths: Vec<String> =
        TenantsFile::parse(&text).unwrap_err().into_iter().map(|error| error.path).collect();

    assert_eq!(paths, ["tenants[0].display_name", "tenants[0].settings.languages[0]", "tenants[1].name"]);
}

#[test]
fn a_file_that_cannot_be_read_says_the_line() {
    let errors = TenantsFile::parse("\n\n[[tenants]\n").unwrap_err();

    assert_eq!((errors.len(), errors[0].path.as_str()), (1, "line 3"));
}
