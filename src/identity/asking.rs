//! Somebody of the tenant's own who may object before something is done: asked between what an event reads and what it writes,
//! never inside a transaction, and never while a hash's place is held.
//!
//! Who that is a room above knows (`actions/`), which the roof names here.

use std::time::Duration;

use futures_util::future::BoxFuture;
use serde_json::{Map, Value, json};

use super::scope::Scope;
use crate::base::{Email, Id, RecordId, Result};

crate::refusals! {
    /// An action that the tenant made for this moment said no; the sentence is the tenant's own where it gave one.
    DENIED = 403 "actions.denied" "The rules of this organisation do not allow it.";
    /// An action that the tenant made for this moment could not be asked, or gave no answer within three seconds.
    UNANSWERED = 503 "actions.unanswered" "Whether this is allowed could not be found out. Try again in a moment.";
}

/// For all who are asked, together.
pub const WITHIN: Duration = Duration::from_secs(3);

/// What those who were asked add, where something may be added.
pub type Added = Map<String, Value>;

/// How somebody is asked. Refuses with [`DENIED`] and [`UNANSWERED`].
pub type Asking = fn(Scope, Question) -> BoxFuture<'static, Result<Added>>;

/// What is about to be done.
#[derive(Debug, Clone)]
pub struct Question {
    /// `doorward.THING.pre.VERB`.
    pub point: &'static str,
    /// To what; what does not exist yet has no id.
    pub subject: (&'static str, Option<RecordId>),
    pub data: Value,
}

impl Question {
    pub fn of_new(point: &'static str, kind: &'static str, data: Value) -> Self {
        Self { point, subject: (kind, None), data }
    }

    pub fn of<K>(point: &'static str, (kind, id): (&'static str, Id<K>), data: Value) -> Self {
        Self { point, subject: (kind, Some(RecordId::of(id.0))), data }
    }

    /// About an address, beside what else is known.
    pub fn about(self, email: &Email) -> Self {
        let domain = email.as_str().rsplit_once('@').map(|(_, domain)| domain);
        let mut data = self.data;
        if let Value::Object(members) = &mut data {
            members.insert("email".into(), json!(email.as_str()));
            members.insert("emailDomain".into(), json!(domain));
        }
        Self { data, ..self }
    }
}

impl Scope {
    /// Refuses with `actions.denied` and `actions.unanswered`.
    pub async fn ask(&self, question: Question) -> Result<()> {
        self.ask_adding(question).await.map(drop)
    }

    /// The same, with what they add.
    pub async fn ask_adding(&self, question: Question) -> Result<Added> {
        match self.house.asking {
            Some(asking) => asking(self.clone(), question).await,
            None => Ok(Added::new()),
        }
    }
}
