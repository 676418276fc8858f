//! What the doctor looks at.

use std::path::Path;
use std::process::Command;
use std::time::Duration;

use secrecy::ExposeSecret;

use super::super::settings::{Flags, origins};
use super::super::tenants::wanted;
use super::Finding;
use super::backups::{backups, key_apart};
use super::file::file;
use super::walls::second_wall;
use crate::app;
use crate::components::Clock;
use crate::components::config::{Loaded, MailTransport, others_may_read};
use crate::components::database::file_of;
use crate::components::vault::Vault;
use crate::db::durability::{self, durability};
use crate::db::{DbConn, is_postgres, migrate};
use crate::http::address::is_near;
use crate::management::entity::{canary, foreign_hashes, keys, rules};
use crate::management::plan::{compare, own};
use crate::tenancy;

/// Where one finding makes the next pointless, it is the last of its sort.
pub fn all(flags: &Flags) -> Vec<Finding> {
    let loaded = match flags.load() {
        Ok(loaded) => loaded,
        Err(why) => {
            return vec![Finding::fail("settings", why, "mend them; `doorward config defaults` names all")];
        }
    };
    let mut findings = settings(&loaded);
    findings.extend(database(&loaded));
    findings.extend(proxies(&loaded));
    findings.push(mail(&loaded));
    findings.extend(disk(&loaded));
    findings
}

fn settings(loaded: &Loaded) -> Vec<Finding> {
    let made = loaded.config.environment.is_development() && loaded.config.keys.master.is_none();
    let reasons = loaded.insecure_reasons(&origins(loaded));
    // Development makes a missing key at its first start.
    let reasons: Vec<_> = reasons.into_iter().filter(|why| !(made && why.setting == "keys.master")).collect();
    if reasons.is_empty() {
        let words = format!("right and secure enough for {}", loaded.config.environment);
        return vec![Finding::ok("settings", words)];
    }
    let each = reasons.iter().map(|reason| {
        Finding::fail("settings", reason.to_string(), "mend it: a server with these settings does not start")
    });
    each.collect()
}

fn database(loaded: &Loaded) -> Vec<Finding> {
    let url = loaded.config.database.url.expose_secret();
    let path = url.strip_prefix("sqlite://").unwrap_or(url);
    let open = file_of(url).filter(|file| others_may_read(file));
    if !is_postgres(url) && !Path::new(path).exists() {
        let remedy = "start the server, or run `doorward migrate`";
        return vec![Finding::warn("database", format!("{path} is not there yet"), remedy)];
    }
    match DbConn::open(url) {
        Err(error) => {
            let remedy = match file_of(url) {
                Some(_) => {
                    "may this user read and write the file and its folder, and is it an SQLite database?"
                }
                None => "is it running, and is DATABASE_URL right?",
            };
            vec![Finding::fail("database", format!("does not answer: {error}"), remedy)]
        }
        Ok(mut conn) => {
            let mut findings = of_database(loaded, &mut conn);
            findings.extend(open.map(|file| {
                let words = format!("{} can be read by every user of this machine", file.display());
                Finding::warn("database", words, "chmod 600 it and the files beside it, and 700 their folder")
            }));
            findings
        }
    }
}

fn of_database(loaded: &Loaded, conn: &mut DbConn) -> Vec<Finding> {
    let level = migrate::level(conn)
        .unwrap_or_else(|error| migrate::Level { refused: Some(error.words()), ..migrate::Level::default() });
    let ours = loaded.config.environment.to_string();
    let mut findings = vec![lasting(conn), clock(conn)];
    findings.extend(file(conn));
    findings.extend(words(conn));
    if let Some(refused) = level.refused {
        findings
            .insert(0, Finding::fail("migrations", refused, "run the program that belongs to this database"));
        return findings;
    }
    if let Some(theirs) = level.environment.filter(|theirs| *theirs != ours) {
        let words = format!("the database belongs to {theirs}, the settings say {ours}");
        findings.insert(0, Finding::fail("environment", words, "set DOORWARD_ENV, or DATABASE_URL"));
        return findings;
    }
    if !level.pending.is_empty() {
        let words = format!("{} pending: {}", level.pending.len(), level.pending.join(", "));
        findings.insert(0, Finding::warn("migrations", words, "run `doorward migrate`"));
        return findings;
    }
    findings.insert(0, Finding::ok("migrations", "up to date"));
    findings.extend(second_wall(conn));
    findings.push(master_key(loaded, conn));
    findings.extend(key_apart(loaded, conn));
    findings.extend([signing_keys(conn), tenants(loaded, conn), hashes(conn)]);
    findings.extend(backups(loaded, conn));
    findings
}

fn lasting(conn: &mut DbConn) -> Finding {
    match durability(conn) {
        Err(error) => Finding::fail("durability", error.words(), "the database must answer"),
        Ok(told) if !told.survives_power => {
            let remedy = "what was answered could be lost: set synchronous_commit=on and fsync=on, or synchronous=FULL";
            Finding::fail("durability", told.words, remedy)
        }
        Ok(told) if told.survives_machine => {
            Finding::ok("durability", format!("{}; survives the loss of this machine", told.words))
        }
        Ok(told) => Finding::ok(
            "durability",
            format!("{}; survives a power cut, not the loss of the machine", told.words),
        ),
    }
}

/// In a language that is not ours a deadlock is a fault instead of a second try.
fn words(conn: &mut DbConn) -> Option<Finding> {
    let remedy = "as a superuser: GRANT SET ON PARAMETER lc_messages TO the server's role, or \
                  ALTER ROLE ... SET lc_messages = 'C'";
    let locale = conn.foreign_words().ok()??;
    Some(Finding::warn("messages", format!("the database speaks {locale}, where English is needed"), remedy))
}

fn clock(conn: &mut DbConn) -> Finding {
    let remedy = "set both machines' clocks by NTP: lifetimes are judged by them";
    match durability::clock(conn) {
        Ok(None) => Finding::ok("clock", "the database uses this machine's"),
        Ok(Some(theirs)) => {
            let ours = Clock::real().now();
            let apart = ours.since(theirs).max(theirs.since(ours));
            let words = format!("{} ms from the database's", apart.as_millis());
            match apart {
                apart if apart < Duration::from_secs(1) => Finding::ok("clock", words),
                apart if apart < Duration::from_secs(5) => Finding::warn("clock", words, remedy),
                _ => Finding::fail("clock", words, remedy),
            }
        }
        Err(error) => Finding::fail("clock", error.words(), remedy),
    }
}

fn vault(loaded: &Loaded) -> Option<Vault> {
    let mut loaded = loaded.clone();
    // Only one that is there: the doctor makes nothing.
    if loaded.config.keys.master.is_none() && Path::new("data/master.key").exists() {
        loaded.ensure_master_key(Path::new(".")).ok()?;
    }
    Vault::new(&loaded.master_keys().ok()?).ok()
}

fn master_key(loaded: &Loaded, conn: &mut DbConn) -> Finding {
    let remedy = "start with the key that this database was made with, from your backup of it";
    match (vault(loaded), canary(conn)) {
        (None, _) => {
            Finding::warn("master key", "there is none here yet", "development makes one at its first start")
        }
        (_, Err(error)) => Finding::fail("master key", error.to_string(), remedy),
        (Some(_), Ok(None)) => Finding::ok("master key", "nothing is sealed yet"),
        (Some(vault), Ok(Some(sealed))) => match vault.check_canary(&sealed) {
            Ok(()) => sealed_values(&vault, conn),
            Err(error) => Finding::fail("master key", error.words(), remedy),
        },
    }
}

fn sealed_values(vault: &Vault, conn: &mut DbConn) -> Finding {
    match rules::unopened(conn, vault) {
        Ok(faults) if faults.is_empty() => Finding::ok("master key", "opens all that is sealed"),
        Ok(faults) => {
            let words = format!("{} sealed values do not open", faults.len());
            Finding::fail("master key", words, "`doorward verify` names them")
        }
        Err(error) => Finding::fail("master key", error.words(), "the database must answer"),
    }
}

fn signing_keys(conn: &mut DbConn) -> Finding {
    match keys(conn, None) {
        Ok(keys) => {
            let active = keys.iter().filter(|key| key.state.word() == "active").count();
            Finding::ok("signing keys", format!("{active} active of {}", keys.len()))
        }
        Err(error) => Finding::fail("signing keys", error.to_string(), "the database must answer"),
    }
}

fn tenants(loaded: &Loaded, conn: &mut DbConn) -> Finding {
    let now = match tenancy::entity::described(conn) {
        Ok(now) => now,
        Err(error) => return Finding::fail("tenants", error.to_string(), "the database must answer"),
    };
    if !loaded.config.tenants.file.exists() {
        let words = format!("{} here, and no tenants file to hold them against", now.len());
        return Finding::ok("tenants", words);
    }
    match wanted(&loaded.config.tenants.file, loaded.config.environment) {
        Err(why) => Finding::fail("tenants", why, "mend the file"),
        Ok(wanted) => {
            let plan = compare(&now, &wanted, own(loaded.config.environment));
            if plan.is_done(false) && !plan.has_drift() && plan.refused.is_empty() {
                return Finding::ok("tenants", format!("{} as the file says", now.len()));
            }
            let names: Vec<_> = plan.tenants.iter().map(|tenant| tenant.name.as_str()).collect();
            let words = format!("the file and the database differ in {}", names.join(", "));
            Finding::warn("tenants", words, "`doorward tenants plan` shows how")
        }
    }
}

fn hashes(conn: &mut DbConn) -> Finding {
    match foreign_hashes(conn) {
        Ok(0) => Finding::ok("passwords", "all hashed by Doorward"),
        Ok(left) => {
            let remedy = "they are brought up at their people's next login; until then logins of their tenants are slower";
            Finding::warn("passwords", format!("{left} still hashed by another program"), remedy)
        }
        Err(error) => Finding::fail("passwords", error.to_string(), "the database must answer"),
    }
}

fn mail(loaded: &Loaded) -> Finding {
    let config = &loaded.config;
    match config.mail.transport {
        MailTransport::Keep => return Finding::ok("mail", "kept in this process, never sent"),
        MailTransport::None => {
            let remedy = "sign-up and reset are closed; configure SMTP to open them";
            return Finding::warn("mail", "there is none (mail.transport = \"none\")", remedy);
        }
        MailTransport::Smtp => {}
    }
    let remedy = "check mail.host, port, tls and user; `doorward mail send-test ADDRESS` sends one";
    let Ok(runtime) = tokio::runtime::Runtime::new() else {
        return Finding::fail("mail", "this machine gives no threads", "free some");
    };
    // The mailer's connections belong to the runtime that they are made in, and end in it.
    let _inside = runtime.enter();
    let checked = app::mailer(config).map_err(|error| error.to_string());
    let checked = checked.and_then(|mailer| runtime.block_on(mailer.check()).map_err(|error| error.words()));
    let host = config.mail.host.as_deref().unwrap_or_default();
    match checked {
        Ok(()) => Finding::ok("mail", format!("{host} answers and lets us in")),
        Err(words) => Finding::fail("mail", format!("{host}: {words}"), remedy),
    }
}

/// A development server takes no forwarded request at all, and a test's has no callers.
fn proxies(loaded: &Loaded) -> Option<Finding> {
    let (config, listen) = (&loaded.config, loaded.config.server.listen.ip());
    if config.environment.is_local() {
        return None;
    }
    let trusted: Vec<String> = config.proxies.trusted.iter().map(ToString::to_string).collect();
    if !trusted.is_empty() {
        return Some(Finding::ok(
            "proxies",
            format!("forwarded addresses count from {}", trusted.join(", ")),
        ));
    }
    if is_near(listen) {
        let words = format!("none is declared, and {listen} is reached through one only");
        let remedy = "name it in proxies.trusted: else all its callers are one address, with one limit";
        return Some(Finding::warn("proxies", words, remedy));
    }
    Some(Finding::ok("proxies", "none is declared: callers are known by the address that connects"))
}

/// Less than this, and a busy day could fill it.
const LEAST_KIB: u64 = 1 << 20;

/// Where the database is a file of ours; PostgreSQL's disk is not ours to look at.
fn disk(loaded: &Loaded) -> Option<Finding> {
    let url = loaded.config.database.url.expose_secret();
    let path = Path::new(url.strip_prefix("sqlite://")?);
    let folder = path.parent().filter(|folder| folder.exists())?;
    // POSIX: one line for each, the fourth column is what is left, in KiB.
    let told = Command::new("df").arg("-Pk").arg(folder).output().ok()?;
    let told = String::from_utf8(told.stdout).ok()?;
    let left: u64 = told.lines().nth(1)?.split_whitespace().nth(3)?.parse().ok()?;
    let words = format!("{} MiB left beside the database", left / 1024);
    Some(match left {
        left if left >= LEAST_KIB => Finding::ok("disk", words),
        left if left >= LEAST_KIB / 10 => Finding::warn("disk", words, "make room soon"),
        _ => Finding::fail("disk", words, "make room: a full disk refuses every write"),
    })
}
