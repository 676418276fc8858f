//! `doorward users`: the people of a tenant and their roles.

use std::process::ExitCode;

use super::Done;
use super::desk::{self, at_desk, email, json};
use super::settings::Flags;
use crate::app::owner;
use crate::base::{Result, UserId};
use crate::components::terminal::{say, table};
use crate::identity::Scope;
use crate::management::events::{in_tenant, people};

#[derive(Debug, clap::Subcommand)]
pub enum Users {
    /// The people of a tenant, a page at a time.
    #[command(
        after_help = "Examples:\n  doorward users list --tenant library\n  doorward users list --tenant library --limit 1000 --json"
    )]
    List {
        /// Whose people: the tenant's name.
        #[arg(long)]
        tenant: String,
        /// The id of the last one seen.
        #[arg(long, value_name = "ID")]
        after: Option<UserId>,
        /// How many at once, up to 1000.
        #[arg(long, default_value_t = 50, value_parser = clap::value_parser!(u16).range(1..=1000))]
        limit: u16,
        /// As JSON.
        #[arg(long)]
        json: bool,
    },
    /// Invite an address: the link is shown once, and mailed where mail leaves.
    #[command(after_help = "Example:\n  doorward users invite ada@example.com --tenant library --role admin")]
    Invite {
        /// Who is invited.
        email: String,
        /// Where to: the tenant's name.
        #[arg(long)]
        tenant: String,
        /// What they become there; without it, a person like any other.
        #[arg(long)]
        role: Option<String>,
    },
    /// Bring people over from another system, with their password hashes.
    Import(super::import::Import),
    /// Give somebody a role.
    #[command(after_help = "Example:\n  doorward users grant ada@example.com admin --tenant library")]
    Grant(Role),
    /// Take a role away. The last admin stays.
    #[command(after_help = "Example:\n  doorward users revoke ada@example.com admin --tenant library")]
    Revoke(Role),
    /// Shut somebody out everywhere and end their sessions.
    #[command(after_help = "Example:\n  doorward users disable eve@example.com --tenant library")]
    Disable(Person),
    /// Let them in again.
    #[command(after_help = "Example:\n  doorward users enable eve@example.com --tenant library")]
    Enable(Person),
    /// End what strangers' wrong guesses hold: the right password counts at once.
    #[command(after_help = "Example:\n  doorward users unlock ada@example.com --tenant library")]
    Unlock(Person),
}

#[derive(Debug, clap::Args)]
pub struct Role {
    /// The address they log in with there.
    email: String,
    /// One of the tenant's roles, such as admin.
    role: String,
    /// Where: the tenant's name.
    #[arg(long)]
    tenant: String,
}

#[derive(Debug, clap::Args)]
pub struct Person {
    /// The address they log in with.
    email: String,
    /// Their home: the tenant's name.
    #[arg(long)]
    tenant: String,
}

pub fn run(flags: &Flags, users: &Users) -> Done {
    match users {
        Users::List { tenant, after, limit, json } => at_desk(flags, async |scope| {
            list(&in_tenant(&scope, tenant).await?, *after, (*limit, *json)).await
        }),
        Users::Invite { email, tenant, role } => invite(flags, email, (tenant, role)),
        Users::Import(import) => super::import::run(flags, import),
        Users::Grant(Role { email: address, role, tenant }) => {
            let email = email(address)?;
            at_desk(flags, async |scope| {
                let scope = in_tenant(&scope, tenant).await?;
                let given = people::grant(&scope, email, role.clone()).await?;
                told(given, &format!("{address} has {role} in {tenant}"), "had it already")
            })
        }
        Users::Revoke(Role { email: address, role, tenant }) => {
            let email = email(address)?;
            at_desk(flags, async |scope| {
                let scope = in_tenant(&scope, tenant).await?;
                let taken = people::revoke(&scope, email, role.clone()).await?;
                told(taken, &format!("{address} no longer has {role} in {tenant}"), "did not have it")
            })
        }
        Users::Disable(person) => change(flags, person, State::Disabled),
        Users::Enable(person) => change(flags, person, State::Enabled),
        Users::Unlock(person) => change(flags, person, State::Unlocked),
    }
}

enum State {
    Disabled,
    Enabled,
    Unlocked,
}

fn change(flags: &Flags, Person { email: address, tenant }: &Person, to: State) -> Done {
    let email = email(address)?;
    at_desk(flags, async |scope| {
        let scope = in_tenant(&scope, tenant).await?;
        let (changed, words, already) = match to {
            State::Disabled => {
                let done = people::disable(&scope, email).await?;
                (done, "is disabled, their sessions are ended", "was disabled already")
            }
            State::Enabled => (people::enable(&scope, email).await?, "may log in again", "was not disabled"),
            State::Unlocked => {
                let done = people::unlock(&scope, email).await?;
                (done, "is held by no wrong guess any more", "no guess was counted")
            }
        };
        told(changed, &format!("{address} {words}"), already)
    })
}

fn invite(flags: &Flags, address: &str, (tenant, role): (&str, &Option<String>)) -> Done {
    let email = email(address)?;
    at_desk(flags, async |scope| {
        let link = owner::invite(&in_tenant(&scope, tenant).await?, email, role.clone()).await?;
        let what = role.as_deref().unwrap_or("a member");
        eprintln!("doorward: this link makes {address} {what} of {tenant}, once; it is kept nowhere");
        say(&link);
        Ok(desk::OK)
    })
}

fn told(changed: bool, done: &str, already: &str) -> Result<ExitCode> {
    if changed {
        say(done)
    } else {
        say(&format!("nothing to do: {already}"))
    }
    Ok(desk::OK)
}

async fn list(scope: &Scope, after: Option<UserId>, (limit, as_json): (u16, bool)) -> Result<ExitCode> {
    let people = people::list_people(scope, after, i64::from(limit)).await?;
    if as_json {
        json(&people);
        return Ok(desk::OK);
    }
    let mut rows = vec![["ID", "EMAIL", "NAME", "STATE", "ROLES", "LAST LOGIN"].map(String::from).to_vec()];
    rows.extend(people.iter().map(|person| {
        let or_dash = |text: Option<String>| text.unwrap_or_else(|| "-".to_owned());
        vec![
            person.id.to_string(),
            or_dash(person.email.clone()),
            or_dash(person.name.clone()),
            if person.held_until.is_some() {
                format!("{}, held", person.state)
            } else {
                person.state.to_owned()
            },
            or_dash(Some(person.roles.join(", ")).filter(|roles| !roles.is_empty())),
            or_dash(person.last_login_at.map(|at| at.to_string())),
        ]
    }));
    say(&table(&rows));
    if let Some(last) = people.last().filter(|_| people.len() == usize::from(limit)) {
        eprintln!("doorward: there may be more: --after {}", last.id);
    }
    Ok(desk::OK)
}
