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
    List {
        #[arg(long)]
        tenant: String,
        /// The id of the last one seen.
        #[arg(long, value_name = "ID")]
        after: Option<UserId>,
        #[arg(long, default_value_t = 50, value_parser = clap::value_parser!(u16).range(1..=1000))]
        limit: u16,
        #[arg(long)]
        json: bool,
    },
    /// Invite an address: the link is shown once, and mailed where mail leaves.
    #[command(after_help = "Example:\n  doorward users invite ada@example.com --tenant library --role admin")]
    Invite {
        email: String,
        #[arg(long)]
        tenant: String,
        #[arg(long, default_value = "admin")]
        role: String,
    },
    /// Give somebody a role.
    #[command(after_help = "Example:\n  doorward users grant ada@example.com admin --tenant library")]
    Grant(Role),
    /// Take a role away. The last admin stays.
    Revoke(Role),
    /// Shut somebody out everywhere and end their sessions.
    Disable(Person),
    /// Let them in again.
    Enable(Person),
}

#[derive(Debug, clap::Args)]
pub struct Role {
    email: String,
    role: String,
    #[arg(long)]
    tenant: String,
}

#[derive(Debug, clap::Args)]
pub struct Person {
    email: String,
    #[arg(long)]
    tenant: String,
}

pub fn run(flags: &Flags, users: &Users) -> Done {
    match users {
        Users::List { tenant, after, limit, json } => at_desk(flags, async |scope| {
            list(&in_tenant(&scope, tenant).await?, *after, (*limit, *json)).await
        }),
        Users::Invite { email: address, tenant, role } => {
            let email = email(address)?;
            at_desk(flags, async |scope| {
                let link = owner::invite(&in_tenant(&scope, tenant).await?, email, role.clone()).await?;
                eprintln!("doorward: this link makes {address} {role} of {tenant}, once; it is kept nowhere");
                say(&link);
                Ok(desk::OK)
            })
        }
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
        Users::Disable(Person { email: address, tenant }) => {
            let email = email(address)?;
            at_desk(flags, async |scope| {
                let done = people::disable(&in_tenant(&scope, tenant).await?, email).await?;
                told(
                    done,
                    &format!("{address} is disabled, their sessions are ended"),
                    "was disabled already",
                )
            })
        }
        Users::Enable(Person { email: address, tenant }) => {
            let email = email(address)?;
            at_desk(flags, async |scope| {
                let done = people::enable(&in_tenant(&scope, tenant).await?, email).await?;
                told(done, &format!("{address} may log in again"), "was not disabled")
            })
        }
    }
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
            person.state.to_owned(),
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
