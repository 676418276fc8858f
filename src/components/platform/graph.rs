//! Building a platform: the whole graph is checked before anything happens.

use std::any::TypeId;
use std::collections::HashSet;
use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use super::node::Node;
use super::watch::{House, Standing};
use super::{Cause, Component, Handle, Platform};
use crate::components::Clock;

pub struct Builder {
    clock: Clock,
    nodes: Vec<Node>,
    pause: Duration,
}

/// Every reason why the components do not fit together.
#[derive(Debug)]
pub struct Unsound(pub Vec<String>);

impl Platform {
    pub fn builder(clock: &Clock) -> Builder {
        Builder { clock: clock.clone(), nodes: Vec::new(), pause: Duration::ZERO }
    }
}

impl Builder {
    /// How long a stop waits, unready, before the drain begins.
    pub fn pausing(self, pause: Duration) -> Self {
        Self { pause, ..self }
    }

    /// If it fails, nothing starts.
    pub fn required(self, component: impl Component) -> Self {
        self.add(component, true)
    }

    /// If it fails it is degraded, and the rest serves without it.
    pub fn optional(self, component: impl Component) -> Self {
        self.add(component, false)
    }

    /// A handle without a life, such as the clock.
    pub fn given<H: Handle>(self, name: &'static str, handle: H) -> Self {
        self.required(Given { name, handle })
    }

    pub fn build(mut self) -> Result<Platform, Unsound> {
        let mut flaws = self.doubles();
        flaws.extend(self.unmet());
        self.link();
        match in_order(self.nodes) {
            Ok(nodes) if flaws.is_empty() => {
                let nodes = nodes.into_iter().map(Arc::new).collect();
                Ok(Platform { house: Arc::new(House::new(self.clock, nodes, self.pause)) })
            }
            Ok(_) => Err(Unsound(flaws)),
            Err(circle) => {
                flaws.push(format!("These components wait for each other in a circle: {circle}."));
                Err(Unsound(flaws))
            }
        }
    }

    fn add(mut self, component: impl Component, required: bool) -> Self {
        let standing = Standing::declared(self.clock.now());
        self.nodes.push(Node::of(component, required, standing));
        self
    }

    fn doubles(&self) -> Vec<String> {
        let mut flaws = Vec::new();
        for (at, node) in self.nodes.iter().enumerate() {
            for earlier in self.nodes.iter().take(at) {
                if earlier.name == node.name {
                    flaws.push(format!("Two components are called `{}`.", node.name));
                }
                if let Some(label) = node.provides_label.filter(|_| earlier.provides == node.provides) {
                    let (first, second) = (earlier.name, node.name);
                    flaws.push(format!("Both `{first}` and `{second}` provide `{label}`."));
                }
            }
        }
        flaws
    }

    fn unmet(&self) -> Vec<String> {
        let mut flaws = Vec::new();
        for node in &self.nodes {
            for need in node.needs.iter().filter(|need| !need.optional) {
                let (name, label) = (node.name, need.label);
                match self.provider(need.handle) {
                    None => flaws.push(format!("`{name}` consumes `{label}`, which no component provides.")),
                    Some(provider) if node.required && !provider.required => flaws.push(format!(
                        "`{name}` is required and consumes `{label}`, but `{}`, which provides it, is \
                         optional: consume `Option<{label}>`, or make `{}` required.",
                        provider.name, provider.name
                    )),
                    Some(_) => {}
                }
            }
        }
        flaws
    }

    fn link(&mut self) {
        let found: Vec<Vec<&'static str>> = self.nodes.iter().map(|node| self.providers(node)).collect();
        for (node, providers) in self.nodes.iter_mut().zip(found) {
            node.providers = providers;
        }
    }

    fn providers(&self, node: &Node) -> Vec<&'static str> {
        node.needs
            .iter()
            .filter_map(|need| self.provider(need.handle))
            .map(|provider| provider.name)
            .collect()
    }

    fn provider(&self, handle: TypeId) -> Option<&Node> {
        self.nodes.iter().find(|node| node.provides == handle)
    }
}

/// Providers before their consumers, otherwise as they were added; or a circle, written out.
fn in_order(mut waiting: Vec<Node>) -> Result<Vec<Node>, String> {
    let mut placed: Vec<Node> = Vec::with_capacity(waiting.len());
    let mut names = HashSet::new();
    while !waiting.is_empty() {
        let next = waiting.iter().position(|node| node.providers.iter().all(|name| names.contains(name)));
        let Some(next) = next else { return Err(circle_among(&waiting)) };
        let node = waiting.remove(next);
        names.insert(node.name);
        placed.push(node);
    }
    Ok(placed)
}

/// Each of these waits for another of these, so walking from one to the next must come round.
fn circle_among(waiting: &[Node]) -> String {
    let find = |name: &str| waiting.iter().find(|node| node.name == name);
    let mut walked: Vec<&str> = Vec::new();
    let mut at = waiting.first();
    while let Some(node) = at {
        let seen = walked.iter().position(|name| *name == node.name);
        walked.push(node.name);
        if let Some(seen) = seen {
            return walked.split_off(seen).join(" -> ");
        }
        at = node.providers.iter().find_map(|name| find(name));
    }
    walked.join(" -> ")
}

impl fmt::Display for Unsound {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "The components do not fit together. {}", self.0.join(" "))
    }
}

impl std::error::Error for Unsound {}

struct Given<H> {
    name: &'static str,
    handle: H,
}

impl<H: Handle> Component for Given<H> {
    type Consumes = ();
    type Provides = H;

    fn name(&self) -> &'static str {
        self.name
    }

    async fn init(&mut self, (): ()) -> Result<H, Cause> {
        Ok(self.handle.clone())
    }
}
