//! `doorward tenants`: the tenants file against the database.

use std::io::{BufRead, IsTerminal};
use std::path::{Path, PathBuf};
use std::process::ExitCode;

use super::desk::{self, at_desk, json};
use super::settings::Flags;
use super::{Done, NO};
use crate::base::{Error, Result};
use crate::components::config::Environment;
use crate::components::tenants_file::TenantsFile;
use crate::components::terminal::{Ink, paint, say, table};
use crate::identity::Scope;
use crate::management::events::{in_tenant, tenants as events};
use crate::management::plan::{Described, Fate, Line, Plan, TenantPlan};
use crate::tenancy::description;

#[derive(Debug, clap::Subcommand)]
pub enum Tenants {
    /// Show what the file would change. Changes nothing.
    #[command(
        after_help = "Examples:\n  doorward tenants plan\n  doorward tenants plan --check     # in CI: is everything as the file says?"
    )]
    Plan {
        #[command(flatten)]
        file: File,
        /// As JSON.
        #[arg(long)]
        json: bool,
        /// Exit code 5 if there is something to change, or something here that the file lacks.
        #[arg(long)]
        check: bool,
    },
    /// Do what the plan shows, all of it or nothing. What the file lacks is left.
    #[command(after_help = "Examples:\n  doorward tenants apply\n  doorward tenants apply --yes --prune")]
    Apply {
        #[command(flatten)]
        file: File,
        /// Do not ask.
        #[arg(long)]
        yes: bool,
        /// Also take away the API hosts and origins that the file lacks. Tenants and clients are never taken away.
        #[arg(long)]
        prune: bool,
    },
    /// Write the tenants as a file that a plan finds equal.
    #[command(after_help = "Example:\n  doorward tenants export > config/tenants.toml")]
    Export,
    /// Which tenants there are.
    #[command(after_help = "Example:\n  doorward tenants list")]
    List {
        /// As JSON.
        #[arg(long)]
        json: bool,
    },
    /// Shut a tenant's door: no logins, no tokens, nothing, within two seconds. Deletes nothing.
    #[command(after_help = "Example:\n  doorward tenants suspend library")]
    Suspend {
        /// Its name, as `tenants list` shows it.
        tenant: String,
    },
    /// Open it again. Sessions that have not run out live on.
    #[command(after_help = "Example:\n  doorward tenants resume library")]
    Resume {
        /// Its name, as `tenants list` shows it.
        tenant: String,
    },
    /// Give a tenant another issuer. Tokens of the old one are taken until the last has died.
    #[command(after_help = "Example:\n  doorward tenants move-issuer library https://id.library.example")]
    MoveIssuer {
        /// Its name, as `tenants list` shows it.
        tenant: String,
        /// An absolute URL without query and fragment.
        issuer: String,
    },
}

#[derive(Debug, clap::Args)]
pub struct File {
    /// The tenants file [default: config/tenants.toml]
    #[arg(long, value_name = "FILE")]
    file: Option<PathBuf>,
}

pub fn run(flags: &Flags, tenants: &Tenants) -> Done {
    match tenants {
        Tenants::Plan { file, json, check } => plan(flags, file, (*json, *check)),
        Tenants::Apply { file, yes, prune } => apply(flags, file, (*yes, *prune)),
        Tenants::Export => at_desk(flags, export),
        Tenants::List { json } => at_desk(flags, |scope| list(scope, *json)),
        Tenants::Suspend { tenant } => at_desk(flags, async |scope| {
            let shut = events::suspend(&in_tenant(&scope, tenant).await?).await?;
            say(&if shut {
                format!("{tenant} is suspended")
            } else {
                format!("{tenant} was suspended already")
            });
            Ok(desk::OK)
        }),
        Tenants::Resume { tenant } => at_desk(flags, async |scope| {
            let opened = events::resume(&in_tenant(&scope, tenant).await?).await?;
            say(&if opened {
                format!("{tenant} is open again")
            } else {
                format!("{tenant} was open already")
            });
            Ok(desk::OK)
        }),
        Tenants::MoveIssuer { tenant, issuer } => at_desk(flags, async |scope| {
            let until = events::move_issuer(&in_tenant(&scope, tenant).await?, issuer.clone()).await?;
            say(&format!("{tenant} issues as {issuer}; tokens of its old issuer are taken until {until}"));
            Ok(desk::OK)
        }),
    }
}

/// The tenants that the file wants in this environment.
pub fn wanted(file: &Path, environment: Environment) -> std::result::Result<Described, String> {
    let text = std::fs::read_to_string(file).map_err(|error| {
        format!("{}: {error}. Begin with a copy of config/tenants.example.toml.", file.display())
    })?;
    let parsed = TenantsFile::parse(&text).map_err(|errors| {
        let lines = errors.iter().map(|error| format!("\n  {}: {}", error.path, error.detail));
        format!("{} is not right:{}", file.display(), lines.collect::<String>())
    })?;
    Ok(description::of_file(&parsed, environment))
}

fn read(flags: &Flags, file: &File) -> std::result::Result<Described, String> {
    let config = flags.load()?.config;
    wanted(file.file.as_deref().unwrap_or(&config.tenants.file), config.environment)
}

fn plan(flags: &Flags, file: &File, (as_json, check): (bool, bool)) -> Done {
    let wanted = read(flags, file)?;
    at_desk(flags, async |scope| {
        let plan = events::plan(&scope, wanted).await?;
        if as_json {
            json(&plan)
        } else {
            say(&told(&plan))
        }
        let is_equal = plan.is_done(false) && !plan.has_drift();
        Ok(match (plan.refused.is_empty(), check && !is_equal) {
            (false, _) => ExitCode::FAILURE,
            (true, true) => ExitCode::from(NO),
            (true, false) => desk::OK,
        })
    })
}

fn apply(flags: &Flags, file: &File, (yes, prune): (bool, bool)) -> Done {
    let wanted = read(flags, file)?;
    at_desk(flags, async |scope| {
        let plan = events::plan(&scope, wanted.clone()).await?;
        say(&told(&plan));
        if plan.is_done(prune) && plan.refused.is_empty() {
            return Ok(desk::OK);
        }
        if plan.refused.is_empty() && !yes && !agreed()? {
            say("nothing was changed");
            return Ok(ExitCode::FAILURE);
        }
        events::apply(&scope, wanted, plan, prune).await?;
        say("applied");
        Ok(desk::OK)
    })
}

fn agreed() -> Result<bool> {
    if !std::io::stdin().is_terminal() {
        return Err(Error::internal("nobody is here to ask; say --yes to apply this plan"));
    }
    say("Apply this? [y/N]");
    let mut answer = String::new();
    std::io::stdin().lock().read_line(&mut answer).map_err(Error::internal)?;
    Ok(matches!(answer.trim(), "y" | "Y" | "yes"))
}

async fn export(scope: Scope) -> Result<ExitCode> {
    let tenants = events::export(&scope).await?;
    let text = description::to_file(&tenants, scope.house.config.environment).map_err(Error::internal)?;
    say(text.trim_end());
    Ok(desk::OK)
}

async fn list(scope: Scope, as_json: bool) -> Result<ExitCode> {
    let listed = events::list(&scope).await?;
    if as_json {
        json(&listed);
        return Ok(desk::OK);
    }
    if listed.is_empty() {
        say("there are no tenants yet; write config/tenants.toml and `doorward tenants apply`");
        return Ok(desk::OK);
    }
    let mut rows = vec![["NAME", "STATE", "PEOPLE", "ISSUER", "CLIENTS"].map(String::from).to_vec()];
    rows.extend(listed.into_iter().map(|one| {
        vec![one.name, one.state.to_owned(), one.people.to_string(), one.issuer, one.clients.join(", ")]
    }));
    say(&table(&rows));
    Ok(desk::OK)
}

fn told(plan: &Plan) -> String {
    let mut lines: Vec<String> = plan.tenants.iter().flat_map(tenant).collect();
    if plan.tenants.is_empty() {
        lines.push("nothing to do: the tenants are as the file says".to_owned());
    }
    lines.extend(plan.refused.iter().map(|why| paint(Ink::Red, &format!("cannot: {why}"))));
    lines.join("\n")
}

fn tenant(tenant: &TenantPlan) -> Vec<String> {
    let name = &tenant.name;
    let head = match tenant.fate {
        Fate::Create => paint(Ink::Green, &format!("+ {name} (new)")),
        Fate::Change => paint(Ink::Bold, &format!("  {name}")),
        Fate::Left => paint(Ink::Yellow, &format!("? {name} (not in the file; left as it is)")),
    };
    std::iter::once(head).chain(tenant.lines.iter().map(line)).collect()
}

fn line(line: &Line) -> String {
    match line {
        Line::Add { at, value } => paint(Ink::Green, &format!("  + {at} = {value}")),
        Line::Change { at, from, to } => paint(Ink::Yellow, &format!("  ~ {at}: {from} -> {to}")),
        Line::Drift { at, value, prunable: true } => {
            paint(Ink::Dim, &format!("  ? {at} = {value} (not in the file; left, unless --prune)"))
        }
        Line::Drift { at, value, .. } => {
            paint(Ink::Dim, &format!("  ? {at} = {value} (not in the file; left)"))
        }
    }
}
