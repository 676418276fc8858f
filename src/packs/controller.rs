//! What a pack would do, before it does it.

use super::events::{self, Diff, Wanted};
use super::service;
use crate::base::Result;
use crate::identity::{Access, Method, Route, Scope};
use crate::permissions::known::PACK_MANAGE;

pub fn routes() -> Vec<Route> {
    let mut all = vec![
        Route::new(Method::Post, "/packs/diff", Access::Permission(PACK_MANAGE), diff)
            .named("packs.diff", "What a pack would make, change and remove. Nothing is done."),
    ];
    all.extend(service::routes());
    all
}

async fn diff(scope: Scope, wanted: Wanted) -> Result<Diff> {
    events::diff(&scope, wanted).await
}
