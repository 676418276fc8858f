//! `doorward events tail`: requests as they come.

use std::time::Duration;

use serde_json::Value;

use super::feed::{Feed, Part, Trouble};
use super::told::Told;
use crate::cli::settings::Flags;
use crate::cli::{Done, desk};
use crate::components::terminal::tell;

const AFTER: &str = "\
It follows a server in development, which alone tells it what it does. Elsewhere
read the log, or ask for one request by the id that its answer had:
  journalctl -u doorward -f -o cat | jq 'select(.status >= 400)'
  doorward events show 0199f2c1-7a10-7bb3-9d5c-0a4be1d2c3f4

Examples:
  doorward events tail
  doorward events tail --refused --tenant demo
  doorward events tail --status 401,5xx --route login
  doorward events tail --json | jq .steps";

#[derive(Debug, clap::Args)]
#[command(after_help = AFTER)]
pub struct Tail {
    /// Only requests at this tenant, by its name.
    #[arg(long, value_name = "NAME")]
    tenant: Option<String>,
    /// Only these statuses: 401, 4xx, or several with commas between.
    #[arg(long, value_delimiter = ',', value_parser = status)]
    status: Vec<Status>,
    /// Only requests whose method, path or event holds this.
    #[arg(long, value_name = "PART")]
    route: Option<String>,
    /// Only what was refused or failed.
    #[arg(long)]
    refused: bool,
    /// How many of the last ones to begin with.
    #[arg(long, short = 'n', default_value_t = 10)]
    lines: usize,
    /// End after those, and follow nothing.
    #[arg(long)]
    once: bool,
    /// Everything that is known of each, as a line of JSON.
    #[arg(long)]
    json: bool,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Status {
    One(u64),
    Class(u64),
}

fn status(text: &str) -> Result<Status, String> {
    let wrong = || "must be a status as 401, or a class as 4xx".to_owned();
    if let Some(class) = text.strip_suffix("xx") {
        return class
            .parse()
            .ok()
            .filter(|class| (1..=5).contains(class))
            .map(Status::Class)
            .ok_or_else(wrong);
    }
    text.parse().ok().filter(|status| (100..=599).contains(status)).map(Status::One).ok_or_else(wrong)
}

/// After an answer, so that following a busy server does not spend what its own callers have of the limits.
const BREATH: Duration = Duration::from_secs(1);

pub fn run(flags: &Flags, tail: &Tail) -> Done {
    let config = flags.load()?.config;
    if !config.environment.is_development() {
        return Err(format!(
            "this is {}, whose servers tell nobody what they do: follow their log instead, or look at one request \
             with `doorward events show REQUEST_ID`",
            config.environment
        ));
    }
    let feed = Feed(config.server.listen);
    let runtime = tokio::runtime::Runtime::new().map_err(|error| error.to_string())?;
    runtime.block_on(async {
        tokio::select! {
            done = follow(&feed, tail) => done,
            _ = tokio::signal::ctrl_c() => Ok(desk::OK),
        }
    })
}

async fn follow(feed: &Feed, tail: &Tail) -> Done {
    let mut part = feed.all().await.map_err(|trouble| told(feed, &trouble))?;
    let wanted: Vec<&Value> = part.events.iter().filter(|event| tail.wants(event)).collect();
    let skipped = wanted.len().saturating_sub(tail.lines);
    if !wanted.into_iter().skip(skipped).all(|event| tail.show(event)) || tail.once {
        return Ok(desk::OK);
    }
    loop {
        let next = match feed.after(part.next).await {
            Err(Trouble::Gone(why)) => {
                eprintln!("doorward: the server at {} is gone ({why}); waiting for it", feed.0);
                again(feed, &part).await?
            }
            Err(Trouble::Busy) => {
                tokio::time::sleep(5 * BREATH).await;
                continue;
            }
            Err(trouble) => return Err(told(feed, &trouble)),
            Ok(next) if next.began != part.began => {
                feed.all().await.map_err(|trouble| told(feed, &trouble))?
            }
            Ok(next) => next,
        };
        part = next;
        if !part.events.iter().filter(|event| tail.wants(event)).all(|event| tail.show(event)) {
            return Ok(desk::OK);
        }
        if !part.events.is_empty() {
            tokio::time::sleep(BREATH).await;
        }
    }
}

/// What the server tells when it is back. Another process counts from one, and all of it is news.
async fn again(feed: &Feed, last: &Part) -> Result<Part, String> {
    loop {
        tokio::time::sleep(BREATH).await;
        match feed.all().await {
            Err(Trouble::Gone(_) | Trouble::Busy) => {}
            Err(trouble) => return Err(told(feed, &trouble)),
            Ok(mut part) => {
                eprintln!("doorward: the server is back");
                if part.began == last.began {
                    let is_new = |event: &Value| event["number"].as_u64().is_some_and(|n| n > last.next);
                    part.events.retain(is_new);
                    part.next = part.next.max(last.next);
                }
                return Ok(part);
            }
        }
    }
}

fn told(feed: &Feed, trouble: &Trouble) -> String {
    let at = feed.0;
    match trouble {
        Trouble::Gone(why) => {
            format!("nobody answers at {at} ({why}); start `doorward`, or say where it is with --listen")
        }
        Trouble::Busy => format!("the server at {at} is too busy to tell; try again in a minute"),
        Trouble::Deaf(status) => format!(
            "the server at {at} tells nothing of its requests ({status}): only one in development does. Look at one \
             request with `doorward events show REQUEST_ID`"
        ),
    }
}

impl Tail {
    fn wants(&self, event: &Value) -> bool {
        let told = Told(event);
        let tenant = self.tenant.as_ref().is_none_or(|name| told.says("tenant") == name);
        let status = self.status.is_empty() || told.status().is_some_and(|is| self.has(is));
        let route = self.route.as_ref().is_none_or(|part| {
            told.route().contains(part.as_str()) || told.field("event").contains(part.as_str())
        });
        tenant && status && route && (!self.refused || told.is_refused())
    }

    fn has(&self, is: u64) -> bool {
        self.status.iter().any(|wanted| match wanted {
            Status::One(status) => *status == is,
            Status::Class(class) => *class == is / 100,
        })
    }

    /// False when nobody reads any more.
    fn show(&self, event: &Value) -> bool {
        if self.json { tell(&event.to_string()) } else { tell(Told(event).line().trim_end()) }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_status_is_one_or_a_class() {
        assert_eq!((status("401"), status("5xx")), (Ok(Status::One(401)), Ok(Status::Class(5))));
        assert!(["", "xx", "9xx", "42", "4x", "1000"].iter().all(|text| status(text).is_err()));
    }
}
