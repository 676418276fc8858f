//! What a newcomer sees first, in development alone: the demo tenant, and where everything is.

use std::net::SocketAddr;

use super::{Listening, owner};
use crate::base::Email;
use crate::components::ask;
use crate::components::platform::{Cause, Component};
use crate::components::terminal::{Ink, paint, say};
use crate::identity::{House, Scope};
use crate::management::demo;
use crate::management::events::in_tenant;
use crate::permissions::known;

/// Started after the API; only what answers is printed, so the table is never of promises.
#[derive(Default)]
pub struct Welcome {
    shown: Option<(House, Listening, Option<String>)>,
}

/// What may be worth a look, where it is, and whether it answers there.
const LINKS: [(&str, &str); 5] = [
    ("Start here", "/"),
    ("API", "/api/v1/multitenant/current"),
    ("API docs", "/docs"),
    ("Mail inbox", "/_dev/mail"),
    ("Requests", "/_dev/events"),
];

impl Component for Welcome {
    type Consumes = (House, Listening);
    type Provides = ();

    fn name(&self) -> &'static str {
        "welcome"
    }

    async fn init(&mut self, (house, at): (House, Listening)) -> Result<(), Cause> {
        let host = format!("localhost:{}", at.0.port());
        demo::ensure(&house, &host).await.map_err(|error| error.words())?;
        let invitation = invite(&house).await?;
        self.shown = Some((house, at, invitation));
        Ok(())
    }

    async fn start(&mut self) -> Result<(), Cause> {
        if let Some((house, Listening(at), invitation)) = self.shown.take() {
            let links = links(at, house.config.server.metrics_listen).await;
            say(&table(&links, at, invitation.as_deref()));
        }
        Ok(())
    }
}

/// The demo's first owner; the mail is in the inbox too. As long as there is none, each start asks anew: whoever missed
/// the first link would else look for it in vain.
async fn invite(house: &House) -> Result<Option<String>, Cause> {
    let scope = in_tenant(&Scope::of_house(house.clone(), None), demo::NAME).await?;
    if owner::is_there(&scope).await? {
        return Ok(None);
    }
    let email = Email::parse("owner@example.com").map_err(|wrong| wrong.detail.into_owned())?;
    Ok(Some(owner::invite(&scope, email, Some(known::ADMIN.to_owned())).await?))
}

async fn links(at: SocketAddr, metrics: SocketAddr) -> Vec<(&'static str, String)> {
    let base = format!("http://localhost:{}", at.port());
    let mut links = Vec::new();
    for (label, path) in LINKS {
        if ask::status(at, path).await.is_ok_and(|status| (200..400).contains(&status)) {
            let path = path.strip_suffix("/multitenant/current").unwrap_or(path);
            links.push((label, format!("{base}{path}")));
        }
    }
    if ask::status(metrics, "/metrics").await.is_ok_and(|status| status == 200) {
        links.push(("Metrics", format!("http://{metrics}/metrics")));
    }
    links
}

fn table(links: &[(&str, String)], at: SocketAddr, invitation: Option<&str>) -> String {
    let base = format!("http://localhost:{}", at.port());
    let mut lines =
        vec![String::new(), format!("  {}", paint(Ink::Bold, "Doorward is open.")), String::new()];
    lines.extend(links.iter().map(|(label, url)| format!("  {label:<13}{}", paint(Ink::Link, url))));
    lines.push(String::new());
    let clients = [
        ("Demo tenant", "demo-web", "a page in a browser"),
        ("", "demo-app", "an app that holds its own tokens"),
        ("", "demo-backend", "a backend; its secret is"),
        ("", "", demo::BACKEND_SECRET),
    ];
    for (label, id, note) in clients {
        let id = paint(Ink::Bold, &format!("{id:<14}"));
        lines.push(format!("  {label:<13}{id}{}", paint(Ink::Dim, note)));
    }
    if let Some(link) = invitation {
        let note = "Be its owner: this link is good once, for seven days.";
        lines.extend([String::new(), format!("  {note}"), format!("  {}", paint(Ink::Link, link))]);
    }
    let curl = format!("curl {base}/multitenant/current");
    lines.extend([String::new(), format!("  {:<13}{}", "What next", paint(Ink::Green, &curl))]);
    lines.push(format!("  {:<13}doorward --help, doorward doctor", ""));
    let lines: Vec<&str> = lines.iter().map(|line| line.trim_end()).collect();
    format!("{}\n", lines.join("\n"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_table_fits_eighty_columns_and_the_demo_secret_in_it_is_the_real_one() {
        let links = [("API", "http://localhost:3000/api/v1".to_owned())];

        let table = table(&links, ([127, 0, 0, 1], 3000).into(), None);

        assert!(table.contains(demo::BACKEND_SECRET), "{table}");
        let longest = table.lines().map(|line| line.chars().count()).max();
        assert!(longest.is_some_and(|longest| longest <= 80), "{longest:?}");
    }
}
