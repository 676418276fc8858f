//! Queries that are read, and queries that are refused.

use std::time::Instant;

use serde_json::{Value, json};

use super::*;
use crate::db::schema::{jobs, roles};
use crate::services::wire;

const NAME: Field = Field::of("name", &roles::identifier).filters().sorts();
const AGE: Field = Field::of("age", &jobs::handler_timeout_ms).filters().sorts();
const FIELDS: &[Field] =
    &[Field::of("id", &jobs::fence).filters().sorts(), NAME, AGE, Field::of("secret", &roles::identifier)];

fn read(query: Value) -> Result<Query> {
    read_tree(query.into())
}

fn read_tree(tree: Tree) -> Result<Query> {
    Query::read(tree, Askable { fields: FIELDS, shown: &["id", "name", "age"].map(String::from) })
}

#[track_caller]
fn refused(query: Value, name: &str, words: &str) {
    let error = read(query.clone()).unwrap_err();
    assert_eq!((error.status(), error.key()), (400, "services.query.invalid"), "{query}");
    let shown = shown(&error);
    assert!(shown.contains(words) && shown.contains(name), "{query}: {shown}");
}

fn shown(error: &Error) -> String {
    let Error::Refused(refused) = error else { panic!("{error:?}") };
    format!("{:?}", refused.errors)
}

fn text(value: &str) -> Datum {
    Datum::Text(value.into())
}

#[test]
fn a_query_of_a_url_and_one_of_a_socket_are_the_same() {
    let of_url = wire::tree(
        "name=Bob&age[$gt]=18&age[$lte]=30&$limit=10&$skip=20&$sort[age]=-1&$sort[name]=1&$select=name",
    );
    let of_socket = json!({
        "name": "Bob", "age": { "$gt": 18, "$lte": 30 }, "$limit": 10, "$skip": 20,
        "$sort": { "age": -1, "name": 1 }, "$select": ["name"],
    });

    let one = read_tree(of_url.unwrap()).unwrap();
    let mut two = read(of_socket).unwrap();
    // An object of a socket comes in another order here.
    two.filter.sort_by_key(|filter| format!("{filter:?}").contains("age"));

    assert_eq!(one, two);
    assert_eq!(one.filter[0], Filter::Is(NAME, Test::Equal(text("Bob"))));
    assert_eq!((one.limit, one.skip), (Some(10), 20));
    assert_eq!(one.sort, [(AGE, true), (NAME, false)]);
    assert_eq!(one.select, Some(vec!["name".to_owned()]));
}

#[test]
fn conditions_nest_and_null_is_a_value() {
    let query =
        read(json!({ "$or": [{ "name": "a" }, { "age": null, "$and": [{ "name": { "$ne": "b" } }] }] }));

    let b = Filter::All(vec![Filter::All(vec![Filter::Is(NAME, Test::Not(text("b")))])]);
    let none = Filter::Is(AGE, Test::Equal(Datum::Null));
    let filter = query.unwrap().filter;
    let Filter::Any(branches) = &filter[0] else { panic!("{filter:?}") };
    assert_eq!(branches[0], Filter::All(vec![Filter::Is(NAME, Test::Equal(text("a")))]));
    assert_eq!(branches[1], Filter::All(vec![b, none]));
}

#[test]
fn one_value_of_a_list_is_a_list_and_none_matches_nothing() {
    let of = |query: Value| read(query).unwrap().filter.remove(0);

    assert_eq!(of(json!({ "name": { "$in": "a" } })), Filter::Is(NAME, Test::In(vec![text("a")])));
    assert_eq!(of(json!({ "name": { "$in": [] } })), Filter::Is(NAME, Test::In(Vec::new())));
}

#[test]
fn inj_1_what_is_not_known_is_refused_and_never_passed_over() {
    refused(json!({ "$where": "1" }), "$where", "Invalid filter value $where");
    refused(json!({ "name": { "$regex": "a" } }), "name.$regex", "Invalid query parameter $regex");
    refused(json!({ "name": { "x": "a" } }), "name.x", "Invalid query parameter x");
    refused(json!({ "shoe": 1 }), "shoe", "but by id, name, age");
    refused(json!({ "secret": "x" }), "secret", "cannot be filtered by it");
    refused(json!({ "$or": [{ "secret": "x" }] }), "secret", "cannot be filtered by it");
    refused(json!({ "$sort": { "secret": 1 } }), "secret", "cannot be sorted by it");
    refused(json!({ "$select": ["password"] }), "password", "has id, name, age");
    refused(json!({ "$sort": { "name": "1; drop" } }), "$sort.name", "Expected 1 or -1");
    refused(json!({ "$or": [{ "$limit": 1 }] }), "$limit", "Invalid filter value");
    refused(json!({ "__proto__": { "x": 1 } }), "__proto__", "cannot be filtered");
    refused(json!([]), "$query", "A query is an object");
}

#[test]
fn inj_6_a_value_of_another_type_is_refused() {
    refused(json!({ "age": "old" }), "age", "Expected a whole number");
    refused(json!({ "age": { "$gt": null } }), "age.$gt", "Nothing is less or more than null");
    refused(json!({ "name": null }), "name", "Expected text");
    refused(json!({ "name": ["a", "b"] }), "name", "send $in");
    refused(json!({ "name": { "$ne": { "$ne": 1 } } }), "name", "Expected text");
    refused(json!({ "$or": { "name": "a" } }), "$or", "Expected a list");
    refused(json!({ "$or": [] }), "$or", "Expected 1 to 50");
    refused(json!({ "$or": ["a"] }), "$or", "A condition is an object");
    for limit in [json!(null), json!(-1), json!("-1"), json!("1e3"), json!(1.5), json!(""), json!([1])] {
        refused(json!({ "$limit": limit }), "$limit", "Expected a whole number");
    }
    refused(json!({ "$skip": 10_001 }), "$skip", "found by $after");
    refused(json!({ "$total": "maybe" }), "$total", "Expected true or false");
}

#[test]
fn inj_9_a_query_has_an_end() {
    let in_each_other =
        |depth: usize| (0..depth).fold(json!({ "name": "a" }), |inner, _| json!({ "$or": [inner] }));
    assert!(read(in_each_other(3)).is_ok());
    refused(in_each_other(4), "$or", "at most 3 deep");
    let wide =
        |width: usize| json!({ "$or": (0..width).map(|_| json!({ "name": "a" })).collect::<Vec<_>>() });
    assert!(read(wide(50)).is_ok());
    refused(wide(51), "$or", "Expected 1 to 50");
    let many = json!({ "$and": [wide(50), wide(50), { "name": "a" }] });
    refused(many, "name", "at most 100 comparisons");
    let values = |count: usize| json!({ "id": { "$in": (0..count).collect::<Vec<_>>() } });
    assert!(read(values(500)).is_ok());
    refused(values(501), "id.$in", "at most 500 values");
}

#[test]
fn hostile_queries_are_refused_before_they_cost() {
    for (what, query) in [
        ("a million values", json!({ "id": { "$in": vec![1; 1_000_000] } })),
        ("fifty thousand branches", json!({ "$or": vec![json!({ "name": "a" }); 50_000] })),
        ("a long name", json!({ "x".repeat(1 << 20): 1 })),
    ] {
        let tree = Tree::from(query);
        let began = Instant::now();
        let shown = shown(&read_tree(tree).unwrap_err());
        println!("{what}: {:?}", began.elapsed());
        assert!(shown.len() < 400, "{what}: the refusal has {} bytes", shown.len());
    }
}
