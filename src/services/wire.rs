//! A query as it stands in a URL: `name[$in][0]=a&$sort[createdAt]=-1`, as the `qs` package of npm writes it, becomes the tree
//! that a socket would have sent.
//!
//! Numbers in brackets are places of a list however many there are, and a list never turns into an object. What has no one
//! meaning is refused: a name that is a value here and a branch there, brackets that do not close.

use std::borrow::Cow;

use super::INVALID_QUERY;
use super::query::cut;
use crate::base::{Error, FieldError, Result};
use crate::http::Tree;

/// Bytes of a query string. A server's own limit of a URL is smaller still.
const BYTES: usize = 64 << 10;
/// Pairs of one query; a list of a thousand ids is longer than a URL may be.
const PAIRS: usize = 1_000;
/// `$and[0][$or][0][name][$in][0]` has six.
const DEPTH: usize = 8;
/// Of one name between brackets.
const NAME: usize = 64;
/// Digits of a place in a list.
const DIGITS: usize = 4;

/// What JavaScript would take for more than a name (INJ-9): nothing of ours is called so.
const NOBODYS: [&str; 3] = ["__proto__", "constructor", "prototype"];

enum Node {
    Leaf(Vec<String>),
    Branch(Branch),
}

/// In the order of the query. Looking through it is quick: there are no more than a thousand names.
type Branch = Vec<(String, Node)>;

/// The tree of a query string, not decoded yet.
pub fn tree(query: &str) -> Result<Tree> {
    if query.len() > BYTES {
        return Err(wrong("", format!("A query has at most {BYTES} bytes.")));
    }
    let mut root = Branch::new();
    for (number, (name, value)) in url::form_urlencoded::parse(query.as_bytes()).enumerate() {
        if number >= PAIRS {
            return Err(wrong("", format!("A query has at most {PAIRS} pairs.")));
        }
        // What is not UTF-8 was put away as U+FFFD.
        if name.contains(['\0', '\u{fffd}']) || value.contains(['\0', '\u{fffd}']) {
            return Err(wrong("", "Names and values are UTF-8 without NUL."));
        }
        plant(&mut root, &name, value.into_owned())?;
    }
    Ok(Tree::Branch(root.into_iter().map(|(name, node)| (name, grown(node))).collect()))
}

fn plant(root: &mut Branch, name: &str, value: String) -> Result<()> {
    let way = way(name)?;
    let Some((last, branches)) = way.split_last() else { return Err(wrong(name, "A name is missing.")) };
    let mut here = root;
    for step in branches {
        let Some(Node::Branch(inner)) = at(here, step, || Node::Branch(Branch::new())) else {
            return Err(two_things(name));
        };
        here = inner;
    }
    match at(here, last, || Node::Leaf(Vec::new())) {
        Some(Node::Leaf(values)) => values.push(value),
        _ => return Err(two_things(name)),
    }
    Ok(())
}

fn at<'b>(branch: &'b mut Branch, step: &str, new: impl FnOnce() -> Node) -> Option<&'b mut Node> {
    if !branch.iter().any(|(name, _)| name == step) {
        branch.push((step.to_owned(), new()));
    }
    branch.iter_mut().find(|(name, _)| name == step).map(|(_, node)| node)
}

/// `a[b][0]` is `a`, `b`, `0`. An empty pair of brackets adds to a list.
fn way(name: &str) -> Result<Vec<&str>> {
    let (first, mut rest) = name.split_at(name.find('[').unwrap_or(name.len()));
    let mut way = vec![first];
    while let Some(inner) = rest.strip_prefix('[') {
        let (step, after) = inner.split_once(']').ok_or_else(|| wrong(name, "A bracket does not close."))?;
        way.push(step);
        if way.len() > DEPTH {
            return Err(wrong(first, format!("A query is at most {DEPTH} names deep.")));
        }
        rest = after;
    }
    let is_name = |step: &&str| step.len() <= NAME && !step.contains(['[', ']']) && !NOBODYS.contains(step);
    if rest.is_empty() && !first.is_empty() && way.iter().all(is_name) {
        return Ok(way);
    }
    Err(wrong(first, "This is no name of a query."))
}

/// One value is itself, several of one name are a list; a branch of places only is a list in their order.
fn grown(node: Node) -> Tree {
    let inner = match node {
        Node::Leaf(mut values) if values.len() == 1 => return Tree::Text(values.remove(0)),
        Node::Leaf(values) => return Tree::List(values.into_iter().map(Tree::Text).collect()),
        Node::Branch(inner) => inner,
    };
    if !inner.iter().all(|(step, _)| place(step).is_some()) {
        return Tree::Branch(inner.into_iter().map(|(step, node)| (step, grown(node))).collect());
    }
    let mut places: Vec<(usize, Node)> =
        inner.into_iter().map(|(step, node)| (place(&step).unwrap_or(0), node)).collect();
    places.sort_by_key(|(place, _)| *place);
    // `a[]=1&a[]=2` stands at one place.
    let items = places.into_iter().flat_map(|(_, node)| match node {
        Node::Leaf(values) => values.into_iter().map(Tree::Text).collect(),
        branch => vec![grown(branch)],
    });
    Tree::List(items.collect())
}

/// In a list; nothing at all is the first.
fn place(step: &str) -> Option<usize> {
    let is_place = step.len() <= DIGITS && step.bytes().all(|byte| byte.is_ascii_digit());
    is_place.then(|| step.parse().unwrap_or(0))
}

fn two_things(name: &str) -> Error {
    wrong(name, "This name stands for a value here and for more names there.")
}

fn wrong(name: &str, detail: impl Into<Cow<'static, str>>) -> Error {
    let name = cut(name);
    INVALID_QUERY.with(vec![FieldError::new(format!("$query.{name}"), "services.query.form", detail)])
}

#[cfg(test)]
mod tests {
    use std::time::Instant;

    use serde_json::{Value, json};

    use super::*;

    #[track_caller]
    fn reads(query: &str, expected: Value) {
        assert_eq!(tree(query).unwrap(), Tree::from(expected), "{query}");
    }

    #[test]
    fn brackets_are_read_as_qs_writes_them() {
        reads("", json!({}));
        reads("name=Bob", json!({ "name": "Bob" }));
        reads("%24limit=10&%24skip=20", json!({ "$limit": "10", "$skip": "20" }));
        reads("$sort[createdAt]=-1", json!({ "$sort": { "createdAt": "-1" } }));
        reads("$select[0]=name&$select[1]=age", json!({ "$select": ["name", "age"] }));
        reads("age[%24gt]=18&age[$lte]=30", json!({ "age": { "$gt": "18", "$lte": "30" } }));
        reads("name=a+b%2Bc&x=", json!({ "name": "a b+c", "x": "" }));
        reads(
            "$and[0][$or][0][name][$in][0]=a&$and[0][$or][1][age]=3",
            json!({ "$and": [{ "$or": [{ "name": { "$in": ["a"] } }, { "age": "3" }] }] }),
        );
    }

    #[test]
    fn a_list_is_a_list_however_it_is_written_and_however_long() {
        for query in ["a[]=1&a[]=2", "a=1&a=2", "a[0]=1&a[1]=2", "a[1]=2&a[0]=1", "a[7]=2&a[3]=1"] {
            reads(query, json!({ "a": ["1", "2"] }));
        }
        let many: Vec<String> = (0..500).map(|at| format!("id[$in][{at}]=v{at}")).collect();
        let list: Vec<String> = (0..500).map(|at| format!("v{at}")).collect();
        reads(&many.join("&"), json!({ "id": { "$in": list } }));
    }

    #[test]
    fn names_stay_in_the_order_in_which_they_came() {
        let sort = tree("$sort[name]=1&$sort[createdAt]=-1").unwrap();

        let one = |text: &str| Tree::Text(text.into());
        let expected = Tree::Branch(vec![("name".into(), one("1")), ("createdAt".into(), one("-1"))]);
        assert_eq!(sort, Tree::Branch(vec![("$sort".into(), expected)]));
    }

    #[test]
    fn what_has_no_one_meaning_is_refused() {
        for query in [
            "a=1&a[b]=2",
            "a[b]=2&a=1",
            "a[b=1",
            "a]b=1",
            "a[b]c=1",
            "[a]=1",
            "=1",
            "a[[b]]=1",
            "__proto__[x]=1",
            "a[__proto__]=1",
            "a[constructor][prototype]=1",
            "a=%00",
            "a=%ff",
            "a[b][c][d][e][f][g][h][i]=1",
        ] {
            let refused = tree(query).unwrap_err();
            assert_eq!((refused.status(), refused.key()), (400, "services.query.invalid"), "{query}");
        }
    }

    #[test]
    fn inj_9_hostile_queries_cost_little() {
        let deep = format!("a{}=1", "[b]".repeat(10_000));
        let wide: String = (0..50_000).map(|at| format!("$or[{at}][name]=x&")).collect();
        let many: String = (0..1_000_000).map(|at| format!("id[$in][{at}]=x&")).collect();
        let long = format!("{}=1", "a".repeat(5 << 20));
        for (query, what) in [(deep, "deep"), (wide, "wide"), (many, "many"), (long, "long")] {
            let began = Instant::now();
            assert!(tree(&query).is_err(), "{what}");
            println!("{what}: {:?}", began.elapsed());
        }
    }
}
