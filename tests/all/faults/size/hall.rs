//! Where a town of any size stands: a file, or a PostgreSQL of its own whose processor time is known.

use std::fs;
use std::path::PathBuf;

use diesel::connection::SimpleConnection;
use diesel::prelude::*;
use diesel::sql_types::{BigInt, Text};
use serde_json::Value;

use super::plans::{Plan, of_json};
use crate::ground::cluster::{AT_ONCE, lease};
use crate::ground::counters::cpu_of_family;
use crate::ground::leash::Leash;
use crate::ground::{Ground, Kind};

/// No disk is waited for, and nobody tidies up while something is measured. Buffers are a quarter of a machine of 8 GB,
/// as PostgreSQL advises.
const QUIET: &str = "-c fsync=off -c full_page_writes=off -c autovacuum=off -c shared_buffers=2GB \
    -c max_wal_size=8GB -c log_line_prefix=";

pub struct Hall {
    pub ground: Ground,
    cluster: Option<(PathBuf, Leash)>,
}

/// Bytes of a table with its indexes.
#[derive(QueryableByName)]
pub struct Weight {
    #[diesel(sql_type = Text)]
    pub name: String,
    #[diesel(sql_type = BigInt)]
    pub bytes: i64,
}

impl Hall {
    pub fn of(kind: Kind) -> Self {
        if kind == Kind::Sqlite {
            return Self { ground: Ground::new(kind), cluster: None };
        }
        let (port, folder, leash) = lease(AT_ONCE, QUIET);
        Self { ground: Ground::alone(port), cluster: Some((folder, leash)) }
    }

    /// Seconds of processor that the database took, where it is a program of its own.
    pub fn cpu(&self) -> f64 {
        let Some((folder, _)) = &self.cluster else { return 0.0 };
        let lock = fs::read_to_string(folder.join("data/postmaster.pid")).unwrap();
        cpu_of_family(lock.lines().next().unwrap().parse().unwrap())
    }

    /// From now on each statement's plan is written down with what it came to, those within others too.
    pub fn tell_plans(&self, whether: bool) {
        if self.cluster.is_none() {
            return;
        }
        let settings = [
            ("session_preload_libraries", "auto_explain"),
            ("auto_explain.log_min_duration", "0"),
            ("auto_explain.log_analyze", "on"),
            ("auto_explain.log_timing", "off"),
            ("auto_explain.log_nested_statements", "on"),
            ("auto_explain.log_format", "json"),
        ];
        let mut conn = self.ground.connect();
        for (name, value) in settings {
            let to = if whether { format!("SET {name} = '{value}'") } else { format!("RESET {name}") };
            conn.batch_execute(&format!("ALTER DATABASE postgres {to}")).unwrap();
        }
    }

    /// What PostgreSQL wrote down, in its words.
    pub fn plans(&self) -> Vec<Plan> {
        let Some((folder, _)) = &self.cluster else { return Vec::new() };
        let log = fs::read_to_string(folder.join("log")).unwrap();
        let told = log.split("LOG:  duration: ").skip(1).filter_map(|entry| entry.split_once("plan:\n"));
        told.map(|(_, entry)| plan(entry)).collect()
    }

    pub fn weights(&self) -> Vec<Weight> {
        let question = match self.ground.kind {
            Kind::Sqlite => {
                "SELECT s.tbl_name AS name, CAST(sum(d.pgsize) AS INTEGER) AS bytes FROM dbstat('main', 1) d \
                 JOIN sqlite_schema s ON s.name = d.name GROUP BY s.tbl_name"
            }
            Kind::Postgres => {
                "SELECT relname::text AS name, pg_total_relation_size(oid) AS bytes FROM pg_class \
                 WHERE relkind = 'r' AND relnamespace = 'public'::regnamespace"
            }
        };
        diesel::sql_query(question).load(&mut self.ground.connect()).unwrap()
    }
}

/// The lines that belong together begin with a tab.
fn plan(entry: &str) -> Plan {
    let json: String = entry.lines().take_while(|line| line.starts_with('\t')).collect::<Vec<_>>().join("\n");
    let told: Value = serde_json::from_str(&json).unwrap_or_else(|error| panic!("{error}: {json}"));
    of_json(told["Query Text"].as_str().unwrap(), &told["Plan"])
}
