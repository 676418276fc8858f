//! `/authentication`: a request or a socket's message comes in, one event happens, an answer goes out.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use serde_json::Value;

use super::events::{self, FACTOR_DUE};
use crate::auth::password::events::{CODE_NOT_DUE, NOT_VERIFIED, WRONG_CODE, WRONG_LOGIN};
use crate::base::error::{BUSY, RATE_LIMITED};
use crate::base::{Email, Password, PlainToken, ProofRequestId, Result};
use crate::http::{Answer, Reply, WithCookies};
use crate::identity::asking::{DENIED, UNANSWERED};
use crate::identity::gate::{INVALID_TENANT, REVOKED};
use crate::identity::route::{Binding, Call, read};
use crate::identity::{Access, Method, Route, SUCCESS, Scope, Success};
use crate::sessions::answers::TokenPair;
use crate::sessions::device::Device;
use crate::users::answers::UserSummary;

pub fn routes() -> Vec<Route> {
    vec![
        Route::of_service(Method::Post, "/authentication", Access::Perhaps, create)
            .named("authentication.create", "Log in as clients of Feathers do, by one of several strategies.")
            .takes(|generator| Some(generator.subschema_for::<Strategy>()))
            .shows::<Authenticated>()
            .answers(201)
            .refuses(&[&WRONG_LOGIN, &NOT_VERIFIED, &FACTOR_DUE, &WRONG_CODE, &CODE_NOT_DUE, &REVOKED])
            .refuses(&[&INVALID_TENANT, &RATE_LIMITED, &BUSY])
            .refuses(&[&DENIED, &UNANSWERED])
            .cookie()
            .binds(Binding::In),
        Route::of_service(Method::Delete, "/authentication", Access::Session, remove)
            .named("authentication.remove", "End the session of this access token.")
            .shows::<Success>()
            .binds(Binding::Out),
    ]
}

/// How somebody shows who they are.
#[derive(Deserialize, JsonSchema)]
#[serde(tag = "strategy", deny_unknown_fields, rename_all = "camelCase", rename_all_fields = "camelCase")]
pub enum Strategy {
    /// With address and password.
    Local {
        email: Email,
        password: Password,
        #[serde(default)]
        device: Option<Device>,
        /// What the latest full login on this device answered.
        #[serde(default)]
        known_device: Option<PlainToken>,
    },
    /// With the code that was mailed for a login which still needs one.
    Otp {
        /// What that login was refused with, as `data.challenge`.
        challenge: PlainToken,
        /// The same, as `data.requestId`.
        request_id: ProofRequestId,
        /// Eight digits.
        #[schemars(length(min = 1, max = 32))]
        code: String,
        #[serde(default)]
        known_device: Option<PlainToken>,
    },
    /// With an access token that is still good. The answer holds another one.
    Jwt { access_token: PlainToken },
}

#[derive(Serialize, JsonSchema)]
pub struct Authenticated {
    #[serde(flatten)]
    pub pair: TokenPair,
    pub authentication: By,
    pub user: UserSummary,
}

#[derive(Serialize, JsonSchema)]
#[schemars(rename = "AuthenticatedBy")]
pub struct By {
    pub strategy: &'static str,
    /// The claims of the access token.
    pub payload: Value,
}

async fn create(scope: Scope, call: Call) -> Result<Answer> {
    let (authenticated, cookies) = events::authenticate(&scope, read(call.data)?).await?;
    Ok(WithCookies(authenticated, cookies).into_answer(0))
}

async fn remove(scope: Scope, _: Call) -> Result<Answer> {
    crate::sessions::events::logout(&scope, None).await?;
    Ok(SUCCESS.into_answer(0))
}
