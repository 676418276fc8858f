//! The demo tenant of development: there before the first question is asked.

use serde_json::json;

use super::steps;
use crate::base::{PlainToken, Result};
use crate::identity::tenant::TenantSettings;
use crate::identity::{ClientKind, House, Scope, Tenant};
use crate::tenancy::steps::{NewClient, NewTenant, claim_host, create_client};

pub const NAME: &str = "demo";
/// Development only, and printed: a secret that protects nothing.
pub const BACKEND_SECRET: &str = "demo-backend-secret-for-development-only";
/// What the tokens of the demo are good for, besides us.
pub const AUDIENCE: &str = "https://orders.example.com";

/// Makes the demo tenant unless it is there. True when it was made now.
pub async fn ensure(house: &House, host: &str) -> Result<bool> {
    let url = format!("http://{host}");
    let new = NewTenant {
        name: NAME.into(),
        display_name: "Demo".into(),
        issuer: url.clone(),
        public_url: url,
        hosts: vec![host.into()],
        data: json!({ "greeting": "Welcome to the demo tenant." }),
        settings: TenantSettings::default(),
    };
    Scope::of_house(house.clone(), None)
        .write(move |tx| {
            if let Some(tenant) = Tenant::named(tx.conn, NAME)? {
                // Another port than last time: the demo answers there too.
                for host in &new.hosts {
                    if Tenant::at_host(tx.conn, host)?.is_none() {
                        claim_host(tx, &tenant, host)?;
                    }
                }
                return Ok(false);
            }
            let tenant = steps::create_tenant(tx, &new)?;
            for client in clients() {
                create_client(tx, tenant.id, &client)?;
            }
            Ok(true)
        })
        .await
}

fn clients() -> [NewClient; 3] {
    let local = ["http://localhost:3000", "http://localhost:5173", "http://localhost:8080"];
    let web = NewClient {
        is_default: true,
        origins: local.map(String::from).to_vec(),
        continue_urls: vec!["http://localhost:3000/_dev".into(), "http://localhost:5173/".into()],
        ..NewClient::of(ClientKind::Browser, "demo-web", "Demo in a browser")
    };
    // Who logs in through the page or the app may go on to the backend.
    let audiences = vec![AUDIENCE.to_owned()];
    let web = NewClient { audiences: audiences.clone(), ..web };
    let app = NewClient {
        audiences: audiences.clone(),
        ..NewClient::of(ClientKind::Native, "demo-app", "Demo app")
    };
    let secret = PlainToken::from_text(BACKEND_SECRET).hash();
    let backend = NewClient {
        secret_hash: Some(secret),
        audiences,
        ..NewClient::of(ClientKind::Server, "demo-backend", "Demo backend")
    };
    [web, app, backend]
}
