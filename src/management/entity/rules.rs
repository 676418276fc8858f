//! The rules that no constraint of the database can say, each a question whose every answer is a fault.

use diesel::prelude::*;
use diesel::sql_types::{Binary, Nullable, Text};
use serde::Serialize;

use crate::base::{RecordId, Result, TenantId, Timestamp};
use crate::components::vault::{Place, Vault};
use crate::db::copy::{self, Look, damage};
use crate::db::{DbConn, migrate, sql};
use crate::permissions::known;

#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Fault {
    pub table: &'static str,
    pub id: RecordId,
    pub says: String,
    /// Not wrong, only overdue: a clean-up that should have run has not.
    pub is_late: bool,
}

struct Rule {
    table: &'static str,
    says: &'static str,
    /// Answers the ids of what breaks it; `$1` is now.
    sql: &'static str,
}

/// Enough to see what is the matter; the rest is as many lines of the same.
const SHOWN: usize = 50;

const RULES: &[Rule] = &[
    Rule {
        table: "users",
        says: "has no membership in its home",
        sql: "SELECT u.id AS id FROM users u LEFT JOIN memberships m ON m.user_id = u.id AND \
              m.tenant_id = u.tenant_id WHERE m.user_id IS NULL AND u.deleted_at IS NULL",
    },
    Rule {
        table: "tenants",
        says: "has not exactly one default client",
        sql: "SELECT t.id AS id FROM tenants t WHERE t.deleted_at IS NULL AND \
              (SELECT count(*) FROM clients c WHERE c.tenant_id = t.id AND c.is_default) <> 1",
    },
    Rule {
        table: "clients",
        says: "is the default client and not a browser's",
        sql: "SELECT id FROM clients WHERE is_default AND kind <> 'browser'",
    },
    Rule {
        table: "clients",
        says: "is not a server and has a secret",
        sql: "SELECT id FROM clients WHERE kind <> 'server' AND secret_hash IS NOT NULL",
    },
    Rule {
        table: "tenants",
        says: "has no mandatory role admin",
        sql: "SELECT t.id AS id FROM tenants t WHERE t.deleted_at IS NULL AND NOT EXISTS (SELECT 1 FROM roles r \
              WHERE r.tenant_id = t.id AND r.identifier = 'admin' AND r.is_mandatory)",
    },
    Rule {
        table: "tenants",
        says: "has the issuer of another tenant",
        sql: "SELECT t.id AS id FROM tenants t JOIN tenants o ON o.issuer = t.issuer AND o.id <> t.id \
              WHERE t.deleted_at IS NULL AND o.deleted_at IS NULL",
    },
    Rule {
        table: "client_origins",
        says: "lists an origin on another tenant's API host",
        sql: "SELECT o.client_id AS id FROM client_origins o JOIN tenant_hosts h ON o.tenant_id <> h.tenant_id \
              AND (o.origin = 'https://' || h.host OR o.origin = 'http://' || h.host)",
    },
    Rule {
        table: "login_identifiers",
        says: "points to somebody who is no member",
        sql: "SELECT l.user_id AS id FROM login_identifiers l LEFT JOIN memberships m ON m.user_id = l.user_id \
              AND m.tenant_id = l.tenant_id WHERE m.user_id IS NULL",
    },
    Rule {
        table: "sessions",
        says: "is live although its person is disabled or deleted",
        sql: "SELECT s.id AS id FROM sessions s JOIN users u ON u.id = s.user_id WHERE s.revoked_at IS NULL AND \
              s.idle_expires_at > $1 AND (u.disabled_at IS NOT NULL OR u.deleted_at IS NOT NULL)",
    },
    Rule {
        table: "sessions",
        says: "is live although its person is no member of its tenant",
        sql: "SELECT s.id AS id FROM sessions s LEFT JOIN memberships m ON m.user_id = s.user_id AND \
              m.tenant_id = s.tenant_id WHERE s.revoked_at IS NULL AND s.idle_expires_at > $1 AND m.user_id IS NULL",
    },
    Rule {
        table: "sessions",
        says: "belongs to another tenant than its client",
        sql: "SELECT s.id AS id FROM sessions s JOIN clients c ON c.id = s.client_id WHERE c.tenant_id <> s.tenant_id",
    },
    Rule {
        table: "sessions",
        says: "is live and no audit record tells of its start",
        sql: "SELECT s.id AS id FROM sessions s WHERE s.revoked_at IS NULL AND s.idle_expires_at > $1 AND NOT EXISTS \
              (SELECT 1 FROM audit_records a WHERE a.target_id = s.id AND a.action = 'session.start')",
    },
    Rule {
        table: "sessions",
        says: "lives beyond its absolute end, or ended without a reason",
        sql: "SELECT id FROM sessions WHERE idle_expires_at > absolute_expires_at OR generation < 1 \
              OR (revoked_at IS NULL) <> (revoked_reason IS NULL)",
    },
    Rule {
        table: "pending_logins",
        says: "belongs to another tenant than its client",
        sql: "SELECT p.id AS id FROM pending_logins p JOIN clients c ON c.id = p.client_id \
              WHERE c.tenant_id <> p.tenant_id",
    },
    Rule {
        table: "signing_keys",
        says: "has a state that its times do not bear out",
        sql: "SELECT id FROM signing_keys WHERE (state = 'active' AND activated_at IS NULL) OR \
              (state = 'retiring' AND dies_at IS NULL) OR ((state = 'revoked') <> (revoked_at IS NOT NULL))",
    },
    Rule {
        table: "jobs",
        says: "is leased by nobody, or for no time",
        sql: "SELECT id FROM jobs WHERE (leased_by IS NULL) <> (leased_until IS NULL)",
    },
    Rule {
        table: "jobs",
        says: "is done and still holds its secret",
        sql: "SELECT id FROM jobs WHERE completed_at IS NOT NULL AND sealed IS NOT NULL",
    },
];

/// Not wrong, only overdue. Their `$1` is a day before now.
const LATE: &[Rule] = &[
    Rule {
        table: "one_time_proofs",
        says: "died more than a day ago and was not cleaned away",
        sql: "SELECT id FROM one_time_proofs WHERE expires_at < $1",
    },
    Rule {
        table: "pending_logins",
        says: "died more than a day ago and was not cleaned away",
        sql: "SELECT id FROM pending_logins WHERE expires_at < $1",
    },
    Rule {
        table: "sign_ups",
        says: "died more than a day ago and was not cleaned away",
        sql: "SELECT id FROM sign_ups WHERE expires_at < $1",
    },
    Rule {
        table: "jobs",
        says: "has a lease that ran out more than a day ago",
        sql: "SELECT id FROM jobs WHERE leased_until < $1 AND completed_at IS NULL",
    },
];

#[derive(QueryableByName)]
struct Broken {
    #[diesel(sql_type = sql::Uuid)]
    id: RecordId,
}

/// Every fault of the whole database. Without a vault, what is sealed is not looked into.
pub fn faults(conn: &mut DbConn, vault: Option<&Vault>, now: Timestamp) -> Result<Vec<Fault>> {
    let mut faults = damaged(conn)?;
    if !faults.is_empty() {
        // What is asked of damaged tables has answers that mean nothing, or none.
        return Ok(faults);
    }
    let yesterday = now - std::time::Duration::from_secs(86_400);
    let wrong = RULES.iter().map(|rule| (rule, now, false));
    let late = LATE.iter().map(|rule| (rule, yesterday, true));
    for (rule, at, is_late) in wrong.chain(late) {
        for Broken { id } in broken(conn, rule, at)? {
            faults.push(Fault { table: rule.table, id, says: rule.says.to_owned(), is_late });
        }
    }
    rights(conn, &mut faults)?;
    own_words(conn, &mut faults)?;
    if let Some(vault) = vault {
        faults.extend(unopened(conn, vault)?);
    }
    Ok(faults)
}

fn broken(conn: &mut DbConn, rule: &Rule, at: Timestamp) -> QueryResult<Vec<Broken>> {
    let sql = format!("{} LIMIT {SHOWN}", rule.sql);
    match rule.sql.contains("$1") {
        true => diesel::sql_query(sql).bind::<sql::Instant, _>(at).load(conn),
        false => diesel::sql_query(sql).load(conn),
    }
}

/// The mandatory role holds at least the permissions that this program asks for.
fn rights(conn: &mut DbConn, faults: &mut Vec<Fault>) -> Result<()> {
    const LACKING: &str = "SELECT r.id AS id FROM roles r WHERE r.identifier = 'admin' AND r.is_mandatory AND \
         NOT EXISTS (SELECT 1 FROM role_permissions rp JOIN permissions p ON p.id = rp.permission_id \
         WHERE rp.role_id = r.id AND p.identifier = $1)";
    for permission in known::OF_ADMIN {
        let roles: Vec<Broken> = diesel::sql_query(LACKING).bind::<Text, _>(*permission).load(conn)?;
        for Broken { id } in roles {
            let says = format!("is the mandatory role admin and lacks {permission}");
            faults.push(Fault { table: "roles", id, says, is_late: false });
        }
    }
    Ok(())
}

#[derive(QueryableByName)]
struct Said {
    #[diesel(sql_type = Text)]
    said: String,
}

fn whole(table: &'static str, says: String) -> Fault {
    Fault { table, id: RecordId::of(uuid::Uuid::nil()), says, is_late: false }
}

/// SQLite checks its own file on demand; that its tables are still ours it cannot know.
pub fn damaged(conn: &mut DbConn) -> Result<Vec<Fault>> {
    let told = damage(conn, Look::Whole)?;
    if told.is_empty() {
        let bent = migrate::bent(conn)?.into_iter().take(SHOWN);
        return Ok(bent.map(|says| whole("schema", says)).collect());
    }
    Ok(told.into_iter().take(SHOWN).map(|says| whole("integrity", says)).collect())
}

/// A file that cannot even be opened as a database.
pub fn unreadable(words: &str) -> Fault {
    whole("integrity", copy::unreadable(words))
}

/// And its foreign keys, which another program may have switched off.
fn own_words(conn: &mut DbConn, faults: &mut Vec<Fault>) -> Result<()> {
    if conn.is_postgres() {
        return Ok(());
    }
    let question = "SELECT \"table\" || ' refers to a row that is not in ' || \"parent\" AS said \
         FROM pragma_foreign_key_check";
    let answers: Vec<Said> = diesel::sql_query(question).load(conn)?;
    faults.extend(answers.into_iter().take(SHOWN).map(|Said { said }| whole("foreign keys", said)));
    Ok(())
}

/// Where sealed values lie, and how each row says whose it is.
const SEALED: &[(&str, &str, &str)] = &[
    (
        "sessions",
        "seed_sealed",
        "SELECT id, tenant_id, seed_sealed AS sealed FROM sessions WHERE revoked_at IS NULL",
    ),
    (
        "idempotency_keys",
        "answer_sealed",
        "SELECT id, tenant_id, answer_sealed AS sealed FROM idempotency_keys",
    ),
    (
        // One that signs no more has been wiped.
        "signing_keys",
        "private_sealed",
        "SELECT id, tenant_id, private_sealed AS sealed FROM signing_keys WHERE length(private_sealed) > 0",
    ),
    (
        "totp_settings",
        "secret_sealed",
        "SELECT user_id AS id, tenant_id, secret_sealed AS sealed FROM totp_settings",
    ),
    ("digid_logins", "bsn_sealed", "SELECT user_id AS id, tenant_id, bsn_sealed AS sealed FROM digid_logins"),
    (
        "inbound_webhooks",
        "secret_sealed",
        "SELECT id, tenant_id, secret_sealed AS sealed FROM inbound_webhooks",
    ),
    ("webhooks", "secret_sealed", "SELECT id, tenant_id, secret_sealed AS sealed FROM webhooks"),
    (
        // Sealed as the secret that it was.
        "webhooks",
        "secret_sealed",
        "SELECT id, tenant_id, previous_sealed AS sealed FROM webhooks WHERE previous_sealed IS NOT NULL",
    ),
    ("jobs", "sealed", "SELECT id, tenant_id, sealed FROM jobs WHERE sealed IS NOT NULL"),
];

#[derive(QueryableByName)]
struct Held {
    #[diesel(sql_type = sql::Uuid)]
    id: RecordId,
    #[diesel(sql_type = Nullable<sql::Uuid>)]
    tenant_id: Option<TenantId>,
    #[diesel(sql_type = Binary)]
    sealed: Vec<u8>,
}

/// What this vault cannot open, of all that is sealed.
pub fn unopened(conn: &mut DbConn, vault: &Vault) -> Result<Vec<Fault>> {
    let mut faults = Vec::new();
    for (table, column, question) in SEALED {
        let held: Vec<Held> = diesel::sql_query(*question).load(conn)?;
        for Held { id, tenant_id, sealed } in held {
            let place = Place { tenant: tenant_id, table, column, row: id.0 };
            if vault.open(&place, &sealed).is_err() {
                let says = format!("holds a {column} that this master key does not open");
                faults.push(Fault { table, id, says, is_late: false });
            }
        }
    }
    Ok(faults)
}
