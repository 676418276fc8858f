//! From spans to trees: the layer of `tracing` that feeds the recorder.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use tracing::span::{Attributes, Id, Record};
use tracing::{Level, Metadata, Subscriber};
use tracing_subscriber::filter::{FilterFn, LevelFilter};
use tracing_subscriber::layer::{Context, Layer};
use tracing_subscriber::registry::LookupSpan;

use super::Recorder;
use super::fields::{Sieve, Value};
use super::tree::{Growing, Place};

/// What these pages ask themselves would push out what they are asked about.
const OWN_PAGES: &str = "/_dev";

pub struct Recording(pub(super) Recorder);

/// A request or a job: where a tree begins.
pub fn is_root(metadata: &Metadata<'_>) -> bool {
    matches!(metadata.name(), "request" | "job") && is_ours(metadata)
}

fn is_ours(metadata: &Metadata<'_>) -> bool {
    metadata.target().split("::").next() == Some("doorward")
}

impl Recording {
    /// Spans of this program down to debug, whatever the log shows; never an event, never a library's span.
    pub fn filter() -> FilterFn {
        let ours = |metadata: &Metadata<'_>| {
            metadata.is_span() && *metadata.level() <= Level::DEBUG && is_ours(metadata)
        };
        FilterFn::new(ours as fn(&Metadata<'_>) -> bool).with_max_level_hint(LevelFilter::DEBUG)
    }

    fn place<S>(&self, attributes: &Attributes<'_>, id: &Id, context: &Context<'_, S>) -> Option<Place>
    where
        S: Subscriber + for<'l> LookupSpan<'l>,
    {
        let name = attributes.metadata().name();
        if is_root(attributes.metadata()) {
            let tree = Growing::plant(&self.0, name)?;
            return Some(Place { tree: Arc::new(Mutex::new(tree)), knot: 0 });
        }
        let parent = context.span(id)?.parent()?;
        let extensions = parent.extensions();
        let parent = extensions.get::<Place>()?;
        let knot = growing(parent).grow(name, parent.knot)?;
        Some(Place { tree: parent.tree.clone(), knot })
    }
}

impl<S: Subscriber + for<'l> LookupSpan<'l>> Layer<S> for Recording {
    fn on_new_span(&self, attributes: &Attributes<'_>, id: &Id, context: Context<'_, S>) {
        let Some(place) = self.place(attributes, id, &context) else { return };
        let mut own_page = false;
        {
            let mut tree = growing(&place);
            attributes.record(&mut Sieve(|name, value| {
                own_page |=
                    matches!(&value, Value::Word(route) if name == "route" && route.starts_with(OWN_PAGES));
                tree.mark(place.knot, name, value);
            }));
        }
        if let (false, Some(span)) = (own_page, context.span(id)) {
            span.extensions_mut().insert(place);
        }
    }

    fn on_record(&self, id: &Id, values: &Record<'_>, context: Context<'_, S>) {
        let Some(span) = context.span(id) else { return };
        let extensions = span.extensions();
        if let Some(place) = extensions.get::<Place>() {
            let mut tree = growing(place);
            values.record(&mut Sieve(|name, value| tree.mark(place.knot, name, value)));
        }
    }

    fn on_close(&self, id: Id, context: Context<'_, S>) {
        let Some(span) = context.span(&id) else { return };
        let Some(place) = span.extensions_mut().remove::<Place>() else { return };
        let mut tree = growing(&place);
        tree.end(place.knot);
        if place.knot == 0 {
            tree.done();
        }
    }
}

fn growing(place: &Place) -> MutexGuard<'_, Growing> {
    place.tree.lock().unwrap_or_else(PoisonError::into_inner)
}
