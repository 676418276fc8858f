//! Panics are told in one line like everything else, and counted.

use std::panic::PanicHookInfo;

use crate::components::metrics::names;

/// Takes the place of the hook that prints to stderr.
pub fn hook() {
    std::panic::set_hook(Box::new(tell));
}

/// Where it happened, and the words only if they were fixed when this program was built: a formatted message may
/// hold the value that nobody expected, and that may be anybody's secret.
fn tell(panic: &PanicHookInfo<'_>) {
    metrics::counter!(names::PANICS).increment(1);
    let place = panic.location().map(|at| format!("{}:{}", at.file(), at.line())).unwrap_or_default();
    let words =
        panic.payload().downcast_ref::<&'static str>().copied().unwrap_or("a message that is not shown");
    tracing::error!(place, words, "panic");
}
