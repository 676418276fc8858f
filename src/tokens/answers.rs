//! What the token routes answer. The standards name the members, so these are not in camel case.

use schemars::JsonSchema;
use serde::Serialize;
use serde_json::{Map, Value};

use crate::base::{SessionId, TenantId, UserId};
use crate::components::keys::Jwk;
use crate::identity::token::Claims;

/// RFC 7517.
#[derive(Debug, Serialize, JsonSchema)]
pub struct KeySet {
    pub keys: Vec<Jwk>,
}

/// RFC 8414, of which only what exists here is said.
#[derive(Debug, Serialize, JsonSchema)]
pub struct Metadata {
    pub issuer: String,
    pub jwks_uri: String,
    pub introspection_endpoint: String,
    pub introspection_endpoint_auth_methods_supported: &'static [&'static str],
    /// Empty: left out, they would mean the standard's defaults, which are not true here.
    pub response_types_supported: &'static [&'static str],
    pub grant_types_supported: &'static [&'static str],
    #[serde(skip_serializing_if = "Option::is_none")]
    pub service_documentation: Option<String>,
}

/// RFC 7662. A token that is not the caller's to know about is told apart from a dead one by nothing.
#[derive(Debug, Serialize, JsonSchema)]
pub struct Introspection {
    pub active: bool,
    #[serde(flatten, skip_serializing_if = "Option::is_none")]
    pub token: Option<Described>,
}

#[derive(Debug, Serialize, JsonSchema)]
pub struct Described {
    pub iss: String,
    pub aud: Vec<String>,
    pub sub: UserId,
    pub client_id: String,
    /// Always `Bearer`.
    pub token_type: &'static str,
    pub iat: i64,
    pub exp: i64,
    pub jti: String,
    #[serde(skip_serializing_if = "String::is_empty")]
    pub scope: String,
    pub tenant: TenantId,
    pub session: Option<SessionId>,
    /// What the tenant's actions added.
    #[serde(skip_serializing_if = "Map::is_empty")]
    pub ext: Map<String, Value>,
}

impl Introspection {
    pub const INACTIVE: Self = Self { active: false, token: None };

    pub fn of(claims: &Claims) -> Self {
        let token = Described {
            iss: claims.iss.clone(),
            aud: claims.aud.clone(),
            sub: claims.sub,
            client_id: claims.client_id.clone(),
            token_type: "Bearer",
            iat: claims.iat,
            exp: claims.exp,
            jti: claims.jti.clone(),
            scope: claims.scope.clone(),
            tenant: claims.tenant,
            session: claims.session,
            ext: claims.ext.clone(),
        };
        Self { active: true, token: Some(token) }
    }
}
