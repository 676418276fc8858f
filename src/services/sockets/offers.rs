//! What may be called over a socket: every method of every service, by the words that a client of Feathers sends.

use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::sync::Arc;

use serde_json::Value;

use super::{MALFORMED, UNKNOWN_METHOD, UNKNOWN_SERVICE};
use crate::base::Result;
use crate::http::Tree;
use crate::identity::route::{Call, Input, Question, Source, Watched};
use crate::identity::{Access, Method, Route};

/// Routes by service, method, and whether a record is named.
#[derive(Default)]
pub struct Offers {
    routes: HashMap<(String, &'static str, bool), Arc<Route>>,
    services: BTreeSet<String>,
    watched: Vec<Seen>,
}

/// A service whose changes are told, and who is told of them.
#[derive(Clone)]
pub struct Seen {
    pub service: String,
    pub access: Access,
    pub watched: Watched,
}

/// A call as a socket brings it.
pub struct Asked {
    pub route: Arc<Route>,
    pub input: Input,
}

impl Offers {
    pub fn of(routes: &[Arc<Route>]) -> Self {
        let mut offers = Self::default();
        for route in routes.iter().filter(|route| route.source == Source::Call) {
            let (service, verb, is_named) = place(route);
            offers.services.insert(service.clone());
            if let Some(watched) = route.watched.clone() {
                offers.watched.push(Seen { service: service.clone(), access: route.access, watched });
            }
            offers.routes.insert((service, verb, is_named), route.clone());
        }
        offers
    }

    pub fn is_watched(&self, service: &str) -> bool {
        self.watched.iter().any(|seen| seen.service == service)
    }

    /// Those whose subject this is.
    pub fn watching(&self, subject: &str) -> impl Iterator<Item = &Seen> {
        self.watched.iter().filter(move |seen| seen.watched.subject == subject)
    }

    /// `["patch", "users", id, data, query]`.
    ///
    /// Refuses with `services.socket.malformed`, `.unknownService` and `.unknownMethod`.
    pub fn asked(&self, event: Tree) -> Result<Asked> {
        let Tree::List(mut words) = event else { return Err(MALFORMED.error()) };
        if words.len() < 2 {
            return Err(MALFORMED.error());
        }
        let mut rest = words.split_off(2).into_iter();
        let [Tree::Text(verb), Tree::Text(service)] = words.as_slice() else { return Err(MALFORMED.error()) };
        // Clients may write it as a path.
        let (service, mut params) = self.service(service.trim_matches('/'))?;
        let verb = verb.as_str();
        let mut is_named = matches!(verb, "get" | "update" | "patch" | "remove");
        if is_named {
            match id(rest.next().unwrap_or(Tree::Null))? {
                Some(id) => drop(params.insert("id".to_owned(), id)),
                None => is_named = false,
            }
        }
        let has_data = !matches!(verb, "find" | "get" | "remove");
        let mut data = if has_data { rest.next().map_or(Value::Null, Value::from) } else { Value::Null };
        let query = Question::Grown(rest.next().unwrap_or(Tree::Null));
        if rest.next().is_some() {
            return Err(MALFORMED.saying("More is sent than this method takes."));
        }
        let route = self.find(service, verb, is_named)?;
        if route.by_header.is_some() {
            // Where the call names no record, its data does.
            let named = data.as_object_mut().and_then(|members| members.remove("id"));
            params.insert("id".into(), named.as_ref().and_then(Value::as_str).unwrap_or_default().into());
        }
        Ok(Asked { route, input: Input::Call(Call { params, data, query }) })
    }

    /// As a router finds it: by its name, or by a template of it.
    fn service(&self, named: &str) -> Result<(String, BTreeMap<String, String>)> {
        if self.services.contains(named) {
            return Ok((named.to_owned(), BTreeMap::new()));
        }
        let templates = self.services.iter().filter(|service| service.contains('{'));
        let mut fitting = templates.filter_map(|template| Some((template.clone(), fits(template, named)?)));
        fitting.next().ok_or_else(|| UNKNOWN_SERVICE.error())
    }

    fn find(&self, service: String, verb: &str, is_named: bool) -> Result<Arc<Route>> {
        let standing = ["find", "get", "create", "update", "patch", "remove"];
        let verb = standing.into_iter().find(|known| *known == verb).or_else(|| {
            let own = self.routes.keys().find(|(of, own, _)| *of == service && *own == verb);
            own.map(|(_, own, _)| *own)
        });
        let verb = verb.ok_or_else(|| UNKNOWN_METHOD.error())?;
        self.routes.get(&(service, verb, is_named)).cloned().ok_or_else(|| UNKNOWN_METHOD.error())
    }
}

/// Where a route stands in the words of a socket.
fn place(route: &Route) -> (String, &'static str, bool) {
    if let Some((path, verb)) = route.by_header {
        return (path.trim_matches('/').to_owned(), verb, false);
    }
    let path = route.path.trim_matches('/');
    let (service, is_named) = match path.strip_suffix("/{id}") {
        Some(service) => (service, true),
        None => (path, false),
    };
    let verb = match (route.method, is_named) {
        (Method::Get, true) => "get",
        (Method::Get, false) => "find",
        (Method::Post, _) => "create",
        (Method::Put, _) => "update",
        (Method::Patch, _) => "patch",
        (Method::Delete, _) => "remove",
    };
    (service.to_owned(), verb, is_named)
}

/// What stands where the template has names.
fn fits(template: &str, named: &str) -> Option<BTreeMap<String, String>> {
    let (mut parts, mut words) = (template.split('/'), named.split('/'));
    let mut params = BTreeMap::new();
    loop {
        match (parts.next(), words.next()) {
            (None, None) => return Some(params),
            (Some(part), Some(word)) if part == word => {}
            (Some(part), Some(word)) if !word.is_empty() => {
                let name = part.strip_prefix('{').and_then(|part| part.strip_suffix('}'))?;
                params.insert(name.to_owned(), word.to_owned());
            }
            _ => return None,
        }
    }
}

/// An id is text; a number is nobody's, as in a path. What else might stand there is no id (INJ-9).
fn id(sent: Tree) -> Result<Option<String>> {
    match sent {
        Tree::Null => Ok(None),
        Tree::Text(id) => Ok(Some(id)),
        Tree::Integer(number) => Ok(Some(number.to_string())),
        _ => Err(MALFORMED.saying("An id is text.")),
    }
}
