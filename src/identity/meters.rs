//! How often a route answered, and how long it took.

use std::sync::OnceLock;

use metrics::{Counter, Histogram};

use crate::components::metrics::names;

/// A route's numbers, each looked up by its labels once.
#[derive(Default)]
pub struct Meters {
    answered: [OnceLock<Counter>; CLASSES.len()],
    took: OnceLock<Histogram>,
}

const CLASSES: [&str; 4] = ["2xx", "3xx", "4xx", "5xx"];

impl Meters {
    pub fn count(&self, event: &'static str, status: u16, took: f64) {
        let class = usize::from(status / 100).saturating_sub(2).min(CLASSES.len() - 1);
        if let (Some(answered), Some(class)) = (self.answered.get(class), CLASSES.get(class)) {
            let counter = || metrics::counter!(names::REQUESTS, "event" => event, "status" => *class);
            answered.get_or_init(counter).increment(1);
        }
        let histogram = || metrics::histogram!(names::REQUEST_SECONDS, "event" => event);
        self.took.get_or_init(histogram).record(took);
    }
}
