//! PostgreSQL's second wall between tenants: the role that this program takes on, and what that role may do.
//!
//! The policies stand in a migration. A role is the whole cluster's and not everybody may make one, so it is made here,
//! where it may be lacking: then the queries' own filters are the one wall there is, and the doctor says so.

use diesel::connection::SimpleConnection;
use diesel::prelude::*;
use diesel::sql_types::Bool;

use super::conn::DbConn;
use super::reach::Reach;
use crate::base::TenantId;

pub const ROLE: &str = "doorward_app";
pub(super) const STEP_BEHIND: &str = "SET ROLE doorward_app;";

/// Servers of several databases of one cluster may come at once, and whoever comes second finds it done.
const MAKE: &str = "DO $$ BEGIN CREATE ROLE doorward_app NOLOGIN; \
    EXCEPTION WHEN duplicate_object OR unique_violation OR insufficient_privilege THEN NULL; END $$; \
    DO $$ BEGIN IF NOT pg_has_role('doorward_app', 'MEMBER') THEN \
    EXECUTE format('GRANT doorward_app TO %I', current_user); END IF; \
    EXCEPTION WHEN undefined_object OR insufficient_privilege OR unique_violation OR internal_error THEN NULL; END $$;";

/// All but the history: what was written there nobody changes.
const GRANT: &str = "DO $$ BEGIN EXECUTE format('GRANT USAGE ON SCHEMA %I TO doorward_app', current_schema()); \
    EXCEPTION WHEN insufficient_privilege THEN NULL; END $$; \
    GRANT SELECT, INSERT, UPDATE, DELETE ON tenant_hosts, clients, client_origins, sign_ups, invitations, roles, \
    role_permissions, signing_keys, jobs, cron_jobs, feature_flag_values, files, users, password_logins, \
    anonymous_logins, digid_logins, openid_logins, totp_settings, memberships, login_identifiers, user_roles, sessions, \
    pending_logins, devices, one_time_proofs, guess_counters TO doorward_app; \
    GRANT SELECT, INSERT ON audit_records, domain_events TO doorward_app; \
    GRANT SELECT, INSERT ON permissions TO doorward_app; GRANT SELECT ON feature_flags TO doorward_app; \
    GRANT SELECT, UPDATE ON tenants TO doorward_app; \
    GRANT SELECT, INSERT, UPDATE, DELETE ON idempotency_keys TO doorward_app; \
    GRANT SELECT, INSERT, UPDATE, DELETE ON actions, action_runs, webhooks, deliveries TO doorward_app; \
    GRANT SELECT, INSERT, UPDATE, DELETE ON packs, inbound_webhooks TO doorward_app;";

/// What is granted last tells that the rest is.
const STANDS: &str = "SELECT coalesce((SELECT pg_has_role(oid, 'MEMBER') \
    AND has_schema_privilege(oid, current_schema(), 'USAGE') \
    AND has_table_privilege(oid, to_regclass('inbound_webhooks')::oid, 'DELETE') \
    FROM pg_roles WHERE rolname = 'doorward_app'), false) AS stands";

#[derive(QueryableByName)]
struct Stands {
    #[diesel(sql_type = Bool)]
    stands: bool,
}

/// After the migrations, as the tables' owner. Not being allowed to is no failure.
pub(super) fn raise(conn: &mut DbConn) -> QueryResult<()> {
    let DbConn::Pg(pg) = conn else { return Ok(()) };
    if stands(pg)? {
        return Ok(());
    }
    pg.batch_execute(MAKE)?;
    let may: Stands = diesel::sql_query(
        "SELECT EXISTS (SELECT 1 FROM pg_roles WHERE rolname = 'doorward_app' AND pg_has_role(oid, 'MEMBER')) AS stands",
    )
    .get_result(pg)?;
    // One message, and so one transaction: all of it is granted, or nothing.
    if may.stands { pg.batch_execute(GRANT) } else { Ok(()) }
}

/// Whether this connection may step behind the wall; none where there is no such thing.
pub fn is_up(conn: &mut DbConn) -> QueryResult<Option<bool>> {
    match conn {
        DbConn::Pg(pg) => stands(pg).map(Some),
        DbConn::Sqlite(_) => Ok(None),
    }
}

/// Whether this connection's role is one that the wall itself keeps out: neither the tables' owner nor above such.
pub fn is_stranger(conn: &mut DbConn) -> QueryResult<bool> {
    let DbConn::Pg(pg) = conn else { return Ok(false) };
    let asked = diesel::sql_query("SELECT row_security_active('sessions') AS stands");
    asked.get_result::<Stands>(pg).map(|found| found.stands)
}

fn stands(pg: &mut PgConnection) -> QueryResult<bool> {
    diesel::sql_query(STANDS).get_result::<Stands>(pg).map(|found| found.stands)
}

/// Where a pooled connection stands. It remembers, since asking PostgreSQL each time is a round trip.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Place {
    /// There is no wall here.
    Open,
    /// Behind it, and in no tenant: nothing is to be seen.
    Nowhere,
    Tenant(TenantId),
    Above,
}

impl Place {
    /// A fresh connection begins where it sees nothing.
    pub(super) fn first(conn: &mut DbConn) -> QueryResult<Self> {
        let DbConn::Pg(pg) = conn else { return Ok(Self::Open) };
        if !stands(pg)? {
            return Ok(Self::Open);
        }
        pg.batch_execute(STEP_BEHIND)?;
        Ok(Self::Nowhere)
    }

    /// Whether work that sees so far may begin at once.
    pub(super) fn is_at(self, reach: Reach) -> bool {
        self == Self::Open || self == Self::of(reach)
    }

    fn of(reach: Reach) -> Self {
        match reach {
            Reach::Tenant(tenant) => Self::Tenant(tenant),
            Reach::Above(_) => Self::Above,
        }
    }

    /// Takes the connection to where the work may see what it must, and no more.
    pub(super) fn go(&mut self, conn: &mut DbConn, reach: Reach) -> QueryResult<()> {
        if self.is_at(reach) {
            return Ok(());
        }
        let there = Self::of(reach);
        // Should it fail half way, nobody knows where it stands: the next one sets everything.
        *self = Self::Nowhere;
        match there {
            // From an id alone, never from text.
            Self::Tenant(tenant) => conn.batch_execute(&format!(
                "SET ROLE doorward_app; SET doorward.tenant = '{}'",
                tenant.0.hyphenated()
            ))?,
            _ => conn.batch_execute("RESET ROLE; RESET doorward.tenant")?,
        }
        *self = there;
        Ok(())
    }
}
