//! Lists of a service: what is found, in which order, how one goes from page to page, and what nobody may ask.

use reqwest::Method;
use serde_json::{Value, json};

use super::people::town;
use crate::ground::app::{App, Door, Reply};
use crate::ground::{Ground, on_both};

on_both!(
    a_comparison_finds_what_it_says_and_null_is_a_value,
    null_comes_first_on_the_way_up_and_last_on_the_way_down,
    a_list_is_walked_by_its_places_whatever_is_made_and_removed_meanwhile,
    a_place_of_another_list_is_none_here,
    a_page_has_an_end_and_says_how_many_there_are,
    ten_1_a_query_finds_nothing_of_another_tenant,
    several_are_meant_only_where_that_is_allowed,
    a_record_goes_back_with_its_id_and_with_no_other,
    inj_9_a_hostile_query_is_refused_in_few_words,
);

/// Somebody with a session, at one door.
struct Desk<'a> {
    app: &'a App,
    door: Door,
    token: String,
}

impl<'a> Desk<'a> {
    async fn at(app: &'a App, tenant: &str) -> Self {
        let door = app.native(tenant).await;
        let user = app.person(&door, &format!("ada@{tenant}.example")).await;
        Self { app, token: app.session(&door, user).await.access, door }
    }

    /// By the rules that stand first in the path: `create+remove/10-100`.
    async fn ask(&self, method: Method, path: &str, body: Option<Value>) -> Reply {
        let (rules, rest) = path.split_once('|').unwrap_or(("none/10-100", path));
        let request = self.app.request(&self.door, method, &format!("/api/v1/conf/{rules}/people{rest}"));
        let request = request.bearer_auth(&self.token);
        Reply::of(match body {
            Some(body) => request.json(&body),
            None => request,
        })
        .await
    }

    async fn find(&self, query: &str) -> Reply {
        let found = self.ask(Method::GET, &format!("?{query}"), None).await;
        assert_eq!(found.status, 200, "{query}: {}", found.text);
        found
    }

    async fn make(&self, name: &str, age: Option<i64>) -> String {
        let made = self.ask(Method::POST, "", Some(json!({ "name": name, "age": age }))).await;
        assert_eq!(made.status, 201, "{}", made.text);
        made.says("id").to_owned()
    }

    async fn refused(&self, query: &str) -> Reply {
        let refused = self.ask(Method::GET, &format!("?{query}"), None).await;
        assert_eq!(
            (refused.status.as_u16(), refused.key()),
            (400, "services.query.invalid"),
            "{}",
            refused.text
        );
        refused
    }
}

fn names(found: &Reply) -> Vec<&str> {
    found.json["data"].as_array().unwrap().iter().map(|row| row["name"].as_str().unwrap()).collect()
}

async fn a_comparison_finds_what_it_says_and_null_is_a_value(ground: Ground) {
    let app = town(ground).await;
    let ada = Desk::at(&app, "a").await;
    for (name, age) in [("ann", Some(1)), ("bob", Some(2)), ("cas", None), ("dan", Some(4))] {
        ada.make(name, age).await;
    }

    for (query, expected) in [
        ("", "ann bob cas dan"),
        ("age=2", "bob"),
        ("age=", "cas"),
        ("age[$ne]=", "ann bob dan"),
        ("age[$ne]=2", "ann cas dan"),
        ("age[$in][]=1&age[$in][]=", "ann cas"),
        ("age[$in][]=1&age[$in][]=4", "ann dan"),
        ("age[$nin][]=1&age[$nin][]=4", "bob cas"),
        ("age[$nin][]=1&age[$nin][]=", "bob dan"),
        ("age[$lt]=2", "ann"),
        ("age[$lte]=2&age[$gt]=1", "bob"),
        ("$or[0][name]=ann&$or[1][age]=4", "ann dan"),
        ("$and[0][$or][0][name]=ann&$and[0][$or][1][name]=bob&age[$gte]=2", "bob"),
        ("name=a' OR '1'='1", ""),
    ] {
        let found = ada.find(query).await;
        assert_eq!(names(&found).join(" "), expected, "{query}");
        assert_eq!(found.json["total"], names(&found).len(), "{query}");
    }
    let shown = ada.find("name=ann&$select[]=age").await.json["data"][0].clone();
    let members: Vec<&String> = shown.as_object().unwrap().keys().collect();
    assert_eq!(members, ["age", "id"], "{shown}");
}

async fn null_comes_first_on_the_way_up_and_last_on_the_way_down(ground: Ground) {
    let app = town(ground).await;
    let ada = Desk::at(&app, "a").await;
    for (name, age) in [("ann", Some(1)), ("bob", None), ("cas", Some(2)), ("dan", None)] {
        ada.make(name, age).await;
    }

    assert_eq!(names(&ada.find("$sort[age]=1&$sort[name]=1").await), ["bob", "dan", "ann", "cas"]);
    assert_eq!(names(&ada.find("$sort[age]=-1&$sort[name]=1").await), ["cas", "ann", "bob", "dan"]);
}

async fn a_list_is_walked_by_its_places_whatever_is_made_and_removed_meanwhile(ground: Ground) {
    let app = town(ground).await;
    let ada = Desk::at(&app, "a").await;
    let mut ids = Vec::new();
    for at in 0..23_i64 {
        ids.push(ada.make(&format!("n{:02}", at % 7), (at % 3 != 0).then_some(at % 5)).await);
    }

    for sort in [
        "",
        "&$sort[age]=1&$sort[name]=-1",
        "&$sort[age]=-1&$sort[name]=1",
        "&$sort[name]=-1",
        "&$sort[id]=-1",
    ] {
        let query = sort.trim_start_matches('&');
        let whole = ada.ask(Method::GET, &format!("none/none|?{query}"), None).await;
        let expected: Vec<Value> =
            whole.json.as_array().unwrap().iter().map(|row| row["id"].clone()).collect();
        let (mut seen, mut after) = (Vec::new(), String::new());
        loop {
            let page = ada.find(&format!("$limit=4{sort}{after}")).await;
            seen.extend(page.json["data"].as_array().unwrap().iter().map(|row| row["id"].clone()));
            // Made and removed before the place and behind it: neither shifts what comes.
            let extra = ada.make("extra", Some(2)).await;
            assert_eq!(ada.ask(Method::DELETE, &format!("/{extra}"), None).await.status, 200);
            let Some(next) = page.json["next"].as_str() else { break };
            assert_eq!(page.json["total"].is_null(), !after.is_empty(), "{}", page.text);
            after = format!("&$after={next}");
        }
        assert_eq!(seen, expected, "{sort}");
    }
}

async fn a_place_of_another_list_is_none_here(ground: Ground) {
    let app = town(ground).await;
    let (ada, bea) = (Desk::at(&app, "a").await, Desk::at(&app, "b").await);
    for desk in [&ada, &bea] {
        for name in ["ann", "bob", "cas"] {
            desk.make(name, None).await;
        }
    }
    let next = ada.find("$limit=1&$sort[name]=1").await.says("next").to_owned();

    assert_eq!(names(&ada.find(&format!("$limit=1&$sort[name]=1&$after={next}")).await), ["bob"]);
    ada.refused(&format!("$sort[name]=-1&$after={next}")).await;
    ada.refused(&format!("$sort[age]=1&$after={next}")).await;
    ada.refused(&format!("$after={next}")).await;
    bea.refused(&format!("$sort[name]=1&$after={next}")).await;
    let (head, tail) = next.split_at(next.len() - 2);
    ada.refused(&format!("$sort[name]=1&$after={head}{}", if tail == "AA" { "BB" } else { "AA" })).await;
    ada.refused("$sort[name]=1&$after=bm8").await;
    ada.refused("$after=").await;
}

async fn a_page_has_an_end_and_says_how_many_there_are(ground: Ground) {
    let app = town(ground).await;
    let ada = Desk::at(&app, "a").await;
    let many: Vec<Value> = (0..120).map(|at| json!({ "name": format!("n{at:03}") })).collect();
    assert_eq!(ada.ask(Method::POST, "create/none|", Some(many.into())).await.status, 201);

    let usual = ada.find("").await;
    assert_eq!((names(&usual).len(), &usual.json["limit"]), (10, &json!(10)));
    let most = ada.find("$limit=1000000").await;
    assert_eq!(
        (names(&most).len(), &most.json["limit"], &most.json["total"]),
        (100, &json!(100), &json!(120))
    );
    let none = ada.find("$limit=0").await;
    assert_eq!((names(&none).len(), &none.json["total"]), (0, &json!(120)));
    let last = ada.find("$skip=115&$sort[name]=1&$total=false").await;
    assert_eq!((names(&last).len(), last.json.get("total"), last.json.get("next")), (5, None, None));
    for query in ["$limit=-1", "$limit=null", "$limit[$gt]=1", "$skip=1e9", "$limit=", "$total=2"] {
        ada.refused(query).await;
    }
}

async fn ten_1_a_query_finds_nothing_of_another_tenant(ground: Ground) {
    let app = town(ground).await;
    let (ada, bea) = (Desk::at(&app, "a").await, Desk::at(&app, "b").await);
    let theirs = bea.make("bob", Some(1)).await;
    ada.make("ann", Some(1)).await;

    for query in
        ["", "$or[0][age]=1&$or[1][age][$ne]=1", &format!("id={theirs}"), "name[$ne]=x&$sort[name]=-1"]
    {
        assert!(!ada.find(query).await.text.contains(&theirs), "{query}");
    }
    assert_eq!(ada.find("").await.json["total"], 1);
    for (method, body) in [
        (Method::GET, None),
        (Method::PATCH, Some(json!({ "age": 9 }))),
        (Method::PUT, Some(json!({ "name": "x" }))),
        (Method::DELETE, None),
    ] {
        let refused = ada.ask(method, &format!("/{theirs}"), body).await;
        assert_eq!((refused.status.as_u16(), refused.key()), (404, "services.get.unknown"));
    }
    let rules = "patch+remove/none|";
    assert_eq!(
        ada.ask(Method::PATCH, rules, Some(json!({ "age": 7 }))).await.json.as_array().unwrap().len(),
        1
    );
    assert_eq!(ada.ask(Method::DELETE, rules, None).await.json.as_array().unwrap().len(), 1);
    assert_eq!(bea.find("age=1").await.json["total"], 1);
}

async fn several_are_meant_only_where_that_is_allowed(ground: Ground) {
    let app = town(ground).await;
    let ada = Desk::at(&app, "a").await;
    for name in ["ann", "bob", "cas"] {
        ada.make(name, Some(1)).await;
    }

    let one_too_many = json!([{ "name": "x" }, { "name": "y" }]);
    for (method, path, body, words) in [
        (Method::POST, "patch+remove/none|", Some(one_too_many), "Can not create multiple entries"),
        (Method::PATCH, "create+remove/none|", Some(json!({})), "Can not patch multiple entries"),
        (Method::DELETE, "create+patch/none|", None, "Can not remove multiple entries"),
    ] {
        let refused = ada.ask(method, path, body).await;
        let told = (refused.status.as_u16(), refused.key(), refused.says("name"), refused.says("message"));
        assert_eq!(told, (405, "services.multi.notAllowed", "MethodNotAllowed", words));
    }
    let patched = ada.ask(Method::PATCH, "patch/none|?name[$ne]=ann", Some(json!({ "age": 2 }))).await;
    assert_eq!(patched.json.as_array().unwrap().len(), 2, "{}", patched.text);
    assert_eq!(names(&ada.find("age=1").await), ["ann"]);
    let bad = json!([{ "name": "x" }, { "nome": "y" }]);
    assert_eq!(ada.ask(Method::POST, "create/none|", Some(bad)).await.status, 422);
    assert_eq!(ada.find("").await.json["total"], 3, "all are read before the first is made");
}

async fn a_record_goes_back_with_its_id_and_with_no_other(ground: Ground) {
    let app = town(ground).await;
    let ada = Desk::at(&app, "a").await;
    let (ann, bob) = (ada.make("ann", Some(1)).await, ada.make("bob", Some(1)).await);

    let own = ada.ask(Method::PATCH, &format!("/{ann}"), Some(json!({ "id": ann, "age": 2 }))).await;
    let other = ada.ask(Method::PATCH, &format!("/{ann}"), Some(json!({ "id": bob, "age": 3 }))).await;

    assert_eq!((own.status.as_u16(), &own.json["age"]), (200, &json!(2)));
    assert_eq!((other.status.as_u16(), other.key()), (422, "validator.error"));
    assert_eq!(ada.find("age=3").await.json["total"], 0);
}

async fn inj_9_a_hostile_query_is_refused_in_few_words(ground: Ground) {
    let app = town(ground).await;
    let ada = Desk::at(&app, "a").await;

    for query in [
        "__proto__[x]=1".to_owned(),
        "name[constructor][prototype]=1".to_owned(),
        "name[$regex]=a".to_owned(),
        "$where=1".to_owned(),
        "tenantId[$ne]=x".to_owned(),
        "$select[]=password".to_owned(),
        format!("name{}=1", "[$and]".repeat(900)),
        (0..300).map(|at| format!("$or[{at}][age]=1&")).collect(),
        (0..700).map(|_| "id[]=1&").collect(),
    ] {
        let refused = ada.refused(&query).await;
        assert!(refused.text.len() < 1_000, "{}", refused.text);
    }
}
