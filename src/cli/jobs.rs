//! `doorward jobs`: the queue of work and deliveries.

use super::Done;
use super::desk::{self, at_desk, json};
use super::settings::Flags;
use crate::base::JobId;
use crate::components::terminal::{say, table};
use crate::jobs::entity::look::Wanted;
use crate::jobs::entity::{Job, JobState};
use crate::jobs::events;

#[derive(Debug, clap::Subcommand)]
pub enum Jobs {
    /// Jobs, oldest first, a hundred at a time.
    #[command(
        after_help = "Examples:\n  doorward jobs list --state dead\n  doorward jobs list --name mail.send --json"
    )]
    List {
        /// queued, running, done or dead.
        #[arg(long, value_parser = state)]
        state: Option<JobState>,
        /// Only those of this name, such as mail.send.
        #[arg(long)]
        name: Option<String>,
        /// The id of the last one seen.
        #[arg(long, value_name = "ID")]
        after: Option<JobId>,
        /// As JSON.
        #[arg(long)]
        json: bool,
    },
    /// Run a dead or waiting job again, at once; or with --all every dead one.
    #[command(
        after_help = "Examples:\n  doorward jobs retry 0199f2c1-7a10-7bb3-9d5c-0a4be1d2c3f4\n  doorward jobs retry --all"
    )]
    Retry {
        /// Its id, as `jobs list` shows it.
        #[arg(required_unless_present = "all")]
        id: Option<JobId>,
        /// Every dead one.
        #[arg(long, conflicts_with = "id")]
        all: bool,
    },
}

fn state(word: &str) -> Result<JobState, String> {
    JobState::from_word(word).ok_or_else(|| "must be queued, running, done or dead".to_owned())
}

pub fn run(flags: &Flags, jobs: &Jobs) -> Done {
    match jobs {
        Jobs::List { state, name, after, json } => {
            let wanted = Wanted { state: *state, name: name.clone(), ..Wanted::default() };
            list(flags, wanted, (*after, *json))
        }
        Jobs::Retry { id: Some(id), .. } => at_desk(flags, async |scope| {
            events::retry(&scope, *id).await?;
            say(&format!("{id} runs again"));
            Ok(desk::OK)
        }),
        Jobs::Retry { id: None, .. } => at_desk(flags, async |scope| {
            let moved = events::replay(&scope, Wanted::default()).await?;
            say(&format!("{moved} dead jobs run again"));
            Ok(desk::OK)
        }),
    }
}

pub fn list(flags: &Flags, wanted: Wanted, (after, as_json): (Option<JobId>, bool)) -> Done {
    at_desk(flags, async |scope| {
        let (jobs, next) = events::list(&scope, wanted, after).await?;
        if as_json {
            json(&jobs);
        } else if jobs.is_empty() {
            say("there are none");
        } else {
            say(&shown(&jobs));
        }
        if let Some(next) = next {
            eprintln!("doorward: there are more: --after {next}");
        }
        Ok(desk::OK)
    })
}

fn shown(jobs: &[Job]) -> String {
    let mut rows = vec![["ID", "NAME", "STATE", "TRIES", "DUE", "LAST ERROR"].map(String::from).to_vec()];
    rows.extend(jobs.iter().map(|job| {
        vec![
            job.id.to_string(),
            job.name.clone(),
            job.state.word().to_owned(),
            format!("{}/{}", job.retry_count, job.max_attempts),
            job.scheduled_at.to_string(),
            job.last_error.clone().unwrap_or_else(|| "-".to_owned()),
        ]
    }));
    table(&rows)
}
