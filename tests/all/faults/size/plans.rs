//! How a database means to find what it is asked for, and whether that reads a whole table that grows.

use std::fmt;

use diesel::connection::SimpleConnection;
use diesel::prelude::*;
use diesel::sql_types::Text;
use doorward::db::DbConn;
use serde_json::Value;

/// Tables that do not grow with tenants or people: reading them is the quickest way to find anything in them.
const SMALL: [&str; 8] = [
    "installation",
    "permissions",
    "job_pauses",
    "feature_flags",
    "migration_checksums",
    "__diesel_schema_migrations",
    "sqlite_schema",
    // The roles of a cluster, asked once at the start.
    "pg_authid",
];

/// Columns of which a great part of all rows may say the same: what is found by one of them alone is not found.
const COMMON: [&str; 4] = ["state", "kind", "purpose", "is_default"];

/// What may read along a whole table: words that no other statement has, and why.
const REVIEWED: [(&str, &str); 13] = [
    // One row, from the end of the key.
    ("SELECT domain_events.sequence FROM domain_events ORDER BY domain_events.sequence DESC", "the newest"),
    (
        "FROM sessions WHERE ((sessions.revoked_at IS NULL) AND (sessions.idle_expires_at",
        "counted, ever less often",
    ),
    ("FROM jobs GROUP BY jobs.state", "counted, ever less often"),
    // Work that waits, or runs. What is done, which is nearly all there is, has another state.
    ("FROM jobs WHERE ((((((jobs.state =", "the queue in its order"),
    ("FROM jobs WHERE (((jobs.state =", "leases that ran out, jobs that nobody knows"),
    ("FROM jobs WHERE ((jobs.state =", "the oldest in the queue"),
    // PostgreSQL walks along the people in the order of the page and stops when it is full: the long form counts rows.
    ("LEFT OUTER JOIN digid_logins", "a page of people"),
    // A list says how long it is, unless it is asked with `$total=false`: what is counted is the tenant's own.
    ("SELECT COUNT(*) FROM ((users INNER JOIN memberships", "counted, where it is asked for"),
    (
        "SELECT COUNT(*) FROM sessions WHERE ((sessions.tenant_id = $1) AND 1 = 1)",
        "counted, where it is asked for",
    ),
    (
        "SELECT COUNT(*) FROM invitations WHERE ((invitations.tenant_id = $1) AND 1 = 1)",
        "counted, where it is asked for",
    ),
    // All records of the tenant; of one that has a great part of all, all. An index of each would cost every login.
    ("(audit_records.tenant_id = $1) AND (audit_records.actor_id = $2)", "an auditor's filter"),
    ("(audit_records.tenant_id = $1) AND (audit_records.action = $2)", "an auditor's filter"),
    ("(audit_records.tenant_id = $1) AND (audit_records.outcome = $2)", "an auditor's filter"),
];

/// A statement and what is wrong with its plan, which may be nothing.
pub struct Plan {
    pub sql: String,
    pub told: String,
    pub faults: Vec<String>,
    /// Rows that were looked at, where somebody counted.
    pub touched: f64,
}

impl fmt::Debug for Plan {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} looks at {} rows, {:?}: {}", self.sql, self.touched, self.faults, self.told)
    }
}

impl Plan {
    pub fn is_bad(&self) -> bool {
        !self.faults.is_empty() && !self.is_reviewed()
    }

    pub fn is_reviewed(&self) -> bool {
        let plain = self.sql.replace(['"', '`'], "");
        REVIEWED.iter().any(|(words, _)| plain.contains(words))
    }
}

#[derive(QueryableByName)]
struct Line {
    #[diesel(sql_type = Text)]
    detail: String,
}

#[derive(QueryableByName)]
struct Explained {
    #[diesel(sql_type = Text, column_name = "QUERY PLAN")]
    plan: String,
}

/// SQLite has no statistics here, so it plans for a table of ten rows as for one of ten million.
pub fn by_sqlite(conn: &mut DbConn, sql: &str) -> Plan {
    let DbConn::Sqlite(conn) = conn else { panic!("not SQLite") };
    // Of nothing nothing is read, whatever the plan says.
    let is_of_nothing = sql.contains("WHERE (1=0)") || sql.contains("WHERE ((1=0)");
    let lines: Vec<Line> = diesel::sql_query(format!("EXPLAIN QUERY PLAN {sql}")).load(conn).unwrap();
    let lines: Vec<String> = lines.into_iter().map(|line| line.detail).collect();
    let bad = |line: &&String| match line.split_once(' ') {
        Some(("SCAN", what)) => reads_a_table(what),
        Some(("SEARCH", what)) => finds_by_common(what),
        _ => false,
    };
    let faults = lines.iter().filter(bad).filter(|_| !is_of_nothing).cloned().collect();
    Plan { sql: sql.to_owned(), faults, told: lines.join("; "), touched: 0.0 }
}

/// The sessions that a statement of ours is given as rows of values.
const GIVEN: &str = "spent";

/// Of `SCAN x USING INDEX y`. A row of constants, or what a part of the query made, is no table.
fn reads_a_table(what: &str) -> bool {
    let first = what.split(' ').next().unwrap_or_default();
    let is_made = what.contains("CONSTANT ROW")
        || what.contains("VALUES CLAUSE")
        || first.starts_with("pragma_")
        || first == GIVEN;
    !is_made && !SMALL.contains(&first)
}

/// Of `x USING INDEX y (state=? AND id=?)`. Without statistics SQLite takes any index for a good one.
fn finds_by_common(what: &str) -> bool {
    let table = what.split(' ').next().unwrap_or_default();
    let by = what.rsplit_once('(').map_or("", |(_, by)| by.trim_end_matches(')'));
    let columns = by.split(" AND ").map(|term| term.split(['=', '<', '>']).next().unwrap_or_default());
    !SMALL.contains(&table) && !by.is_empty() && columns.into_iter().all(|column| COMMON.contains(&column))
}

/// Makes PostgreSQL believe that every table is large, and that it knows no more: so it plans alike each time.
pub fn pretend_large(conn: &mut DbConn) {
    let small = SMALL.map(|name| format!("'{name}'")).join(", ");
    let words = format!(
        "UPDATE pg_class SET relpages = 1, reltuples = 1000000 WHERE relkind = 'r' AND relnamespace = \
         'public'::regnamespace AND relname NOT IN ({small}); SET plan_cache_mode = force_generic_plan"
    );
    conn.batch_execute(&words).unwrap();
}

/// As PostgreSQL would find it whatever it is given.
pub fn by_postgres(conn: &mut DbConn, sql: &str) -> Plan {
    let DbConn::Pg(conn) = conn else { panic!("not PostgreSQL") };
    let given = (1..).take_while(|at| sql.contains(&format!("${at}"))).map(|_| "NULL");
    let given = given.collect::<Vec<_>>().join(", ");
    conn.batch_execute(&format!("PREPARE asked{} AS {sql}", types(sql, given.split(", ").count()))).unwrap();
    let given = if given.is_empty() { String::new() } else { format!("({given})") };
    let explain = diesel::sql_query(format!("EXPLAIN (FORMAT JSON) EXECUTE asked{given}"));
    let Explained { plan } = explain.get_result(conn).unwrap();
    conn.batch_execute("DEALLOCATE asked").unwrap();
    let plan: Value = serde_json::from_str(&plan).unwrap();
    of_json(sql, &plan[0]["Plan"])
}

/// What stands in rows of values has no type of its own; diesel says it beside the statement.
fn types(sql: &str, given: usize) -> String {
    if !sql.starts_with(&format!("WITH {GIVEN}")) {
        return String::new();
    }
    let row = ["uuid", "bigint", "bytea", "timestamptz"];
    let types = row.iter().cycle().take(given - 1).chain(["timestamptz"].iter());
    format!(" ({})", types.copied().collect::<Vec<_>>().join(", "))
}

/// From PostgreSQL's own description.
pub fn of_json(sql: &str, plan: &Value) -> Plan {
    let mut made = Plan { sql: sql.to_owned(), told: plan.to_string(), faults: Vec::new(), touched: 0.0 };
    walk(plan, &mut made);
    made
}

fn walk(node: &Value, plan: &mut Plan) {
    let (kind, table) = (word(node, "Node Type"), word(node, "Relation Name"));
    let is_all = match kind {
        "Seq Scan" => true,
        // Along an index, but along all of it.
        "Index Scan" | "Index Only Scan" => node.get("Index Cond").is_none(),
        "Bitmap Index Scan" => node.get("Index Cond").is_none(),
        _ => false,
    };
    if is_all && !SMALL.contains(&table) {
        plan.faults.push(format!("{kind} {table} {}", word(node, "Index Name")));
    }
    if kind.contains("Scan") {
        let number = |name: &str| node[name].as_f64().unwrap_or(0.0);
        let looked = ["Actual Rows", "Rows Removed by Filter", "Rows Removed by Index Recheck"];
        plan.touched += looked.map(number).iter().sum::<f64>() * number("Actual Loops");
    }
    for below in node["Plans"].as_array().into_iter().flatten() {
        walk(below, plan);
    }
}

fn word<'v>(node: &'v Value, name: &str) -> &'v str {
    node[name].as_str().unwrap_or_default()
}
