//! A write transaction: its connection, who causes it, and what must be written with every change.

use std::borrow::Cow;

use diesel::dsl::sql;
use diesel::expression::SqlLiteral;
use diesel::prelude::*;
use diesel::sql_types::{BigInt, Bool, Text};
use serde_json::Value;

use super::conn::{BothDsl, DbConn};
use super::schema::{audit_records, domain_events, jobs};
use super::types::Json;
use crate::base::{
    AuditId, DomainEventId, Id, JobId, RecordId, Result, SessionId, TenantId, Timestamp, UserId,
};

crate::choice! {
    /// What sort of somebody acts.
    ActorKind { User = "user", Client = "client", Server = "server", Operator = "operator", Nobody = "nobody" }
}

crate::choice! {
    Outcome { Success = "success", Refused = "refused", Failed = "failed" }
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Actor {
    pub kind: ActorKind,
    pub id: Option<uuid::Uuid>,
    /// The person who acts as the actor, when that is somebody else.
    pub on_behalf_of: Option<UserId>,
}

impl Actor {
    pub const NOBODY: Self = Self { kind: ActorKind::Nobody, id: None, on_behalf_of: None };
    pub const SERVER: Self = Self { kind: ActorKind::Server, id: None, on_behalf_of: None };
    pub const OPERATOR: Self = Self { kind: ActorKind::Operator, id: None, on_behalf_of: None };

    pub fn user(user: UserId) -> Self {
        Self { kind: ActorKind::User, id: Some(user.0), on_behalf_of: None }
    }
}

/// Who and what a change comes from; it stands in every record of it.
#[derive(Debug, Clone)]
pub struct Cause {
    pub tenant: Option<TenantId>,
    pub actor: Actor,
    pub session: Option<SessionId>,
    pub request: Option<uuid::Uuid>,
    pub causation: Option<uuid::Uuid>,
    pub address: Option<String>,
    pub user_agent: Option<String>,
}

impl Cause {
    /// The server itself, on nobody's request.
    pub fn server(tenant: Option<TenantId>) -> Self {
        Self {
            tenant,
            actor: Actor::SERVER,
            session: None,
            request: None,
            causation: None,
            address: None,
            user_agent: None,
        }
    }
}

/// What a node must forget once the change is committed, here at once and elsewhere by notify.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Forget {
    Session(SessionId),
    User(UserId),
    Tenant(TenantId),
    Keys(TenantId),
    Guesses(TenantId),
}

#[derive(Debug, Default)]
pub struct Effects {
    pub forget: Vec<Forget>,
    pub work: bool,
    pub happened: bool,
    /// Counters that go up by one each: a write that is tried again must not count twice.
    pub counted: Vec<&'static str>,
    /// A refusal was written down with its reason.
    pub refused: bool,
    /// What came to be, in its order.
    pub made: Vec<RecordId>,
    /// What a call is answered that gave a key, now and each further time.
    pub answer: Option<Vec<u8>>,
}

pub struct Tx<'c> {
    pub conn: &'c mut DbConn,
    pub cause: &'c Cause,
    pub now: Timestamp,
    pub effects: Effects,
}

/// Who did what to what. `action` is the name of the event that did it.
#[derive(Debug)]
pub struct Audit {
    pub action: &'static str,
    pub outcome: Outcome,
    pub reason: Option<&'static str>,
    pub target: Option<(&'static str, uuid::Uuid)>,
    pub data: Value,
}

impl Audit {
    pub fn success(action: &'static str) -> Self {
        Self {
            action,
            outcome: Outcome::Success,
            reason: None,
            target: None,
            data: Value::Object(serde_json::Map::default()),
        }
    }

    pub fn refused(action: &'static str, reason: &'static str) -> Self {
        Self { outcome: Outcome::Refused, reason: Some(reason), ..Self::success(action) }
    }

    pub fn of<K>(self, kind: &'static str, id: Id<K>) -> Self {
        Self { target: Some((kind, id.0)), ..self }
    }

    pub fn with(self, data: Value) -> Self {
        Self { data, ..self }
    }
}

/// A domain event: a trigger's name, whom it concerns, and what receivers may see of it.
#[derive(Debug)]
pub struct Happened {
    pub trigger: Cow<'static, str>,
    pub subject: (&'static str, uuid::Uuid),
    pub data: Value,
}

impl Happened {
    pub fn new<K>(trigger: impl Into<Cow<'static, str>>, kind: &'static str, id: Id<K>) -> Self {
        let trigger = trigger.into();
        Self { trigger, subject: (kind, id.0), data: Value::Object(serde_json::Map::default()) }
    }

    pub fn with(self, data: Value) -> Self {
        Self { data, ..self }
    }
}

/// A durable piece of work. `sealed` is for what must not stand in the row in clear.
#[derive(Debug)]
pub struct Work {
    pub id: JobId,
    pub kind: &'static str,
    pub name: &'static str,
    pub data: Value,
    pub sealed: Option<Vec<u8>>,
    pub scheduled_at: Option<Timestamp>,
    pub priority: i32,
    pub max_attempts: i32,
    pub dedupe_key: Option<String>,
}

impl Work {
    pub fn job(name: &'static str, data: Value) -> Self {
        let id = JobId::new();
        Self {
            id,
            kind: "job",
            name,
            data,
            sealed: None,
            scheduled_at: None,
            priority: 5,
            max_attempts: 10,
            dedupe_key: None,
        }
    }

    /// A delivery leaves the house: a mail, a webhook call, a push.
    pub fn delivery(name: &'static str, data: Value) -> Self {
        Self { kind: "delivery", priority: 4, max_attempts: 20, ..Self::job(name, data) }
    }
}

impl Effects {
    fn take_in(&mut self, more: Self) {
        self.forget.extend(more.forget);
        self.work |= more.work;
        self.happened |= more.happened;
        self.made.extend(more.made);
    }
}

impl<'c> Tx<'c> {
    pub fn new(conn: &'c mut DbConn, cause: &'c Cause, now: Timestamp) -> Self {
        Self { conn, cause, now, effects: Effects::default() }
    }

    /// The same transaction, on behalf of another tenant: what is written then stands in that tenant's records.
    pub fn within<T>(&mut self, tenant: TenantId, run: impl FnOnce(&mut Tx) -> Result<T>) -> Result<T> {
        self.as_from(Cause { tenant: Some(tenant), ..self.cause.clone() }, run)
    }

    fn as_from<T>(&mut self, cause: Cause, run: impl FnOnce(&mut Tx) -> Result<T>) -> Result<T> {
        let mut tx = Tx::new(&mut *self.conn, &cause, self.now);
        let value = run(&mut tx)?;
        let effects = std::mem::take(&mut tx.effects);
        self.effects.take_in(effects);
        Ok(value)
    }

    /// The same transaction, because of this: what is written then follows from it.
    pub fn because_of<T>(&mut self, cause: uuid::Uuid, run: impl FnOnce(&mut Tx) -> Result<T>) -> Result<T> {
        self.as_from(Cause { causation: Some(cause), ..self.cause.clone() }, run)
    }

    pub fn tenant(&self) -> Option<TenantId> {
        self.cause.tenant
    }

    pub fn audit(&mut self, audit: Audit) -> Result<()> {
        self.audit_summed(audit, 1)
    }

    /// One record for many alike: refusals of a limiter would otherwise be a way to fill the disk.
    pub fn audit_summed(&mut self, audit: Audit, count: i64) -> Result<()> {
        use audit_records as a;
        let cause = self.cause;
        self.effects.refused |= audit.outcome == Outcome::Refused;
        diesel::insert_into(a::table)
            .values((
                (a::id.eq(AuditId::new()), a::tenant_id.eq(cause.tenant), a::action.eq(audit.action)),
                (
                    a::outcome.eq(audit.outcome),
                    a::reason.eq(audit.reason),
                    a::actor_kind.eq(cause.actor.kind),
                ),
                (a::actor_id.eq(cause.actor.id.map(any)), a::on_behalf_of.eq(cause.actor.on_behalf_of)),
                (
                    a::target_kind.eq(audit.target.map(|t| t.0)),
                    a::target_id.eq(audit.target.map(|t| any(t.1))),
                ),
                (a::session_id.eq(cause.session), a::request_id.eq(cause.request.map(any))),
                (a::address.eq(cause.address.as_deref()), a::user_agent.eq(cause.user_agent.as_deref())),
                (a::count.eq(count), a::data.eq(Json(audit.data)), a::created_at.eq(self.now)),
            ))
            .execute(self.conn)?;
        Ok(())
    }

    /// Writes a domain event; sockets, actions, webhooks and audit feed on it after the commit.
    pub fn throw(&mut self, happened: Happened) -> Result<()> {
        use domain_events as e;
        let cause = self.cause;
        diesel::insert_into(e::table)
            .values((
                (
                    e::id.eq(DomainEventId::new()),
                    e::tenant_id.eq(cause.tenant),
                    e::trigger_name.eq(happened.trigger.as_ref()),
                ),
                (e::subject_kind.eq(happened.subject.0), e::subject_id.eq(any(happened.subject.1))),
                (e::actor_kind.eq(cause.actor.kind), e::actor_id.eq(cause.actor.id.map(any))),
                (e::data.eq(Json(happened.data)), e::request_id.eq(cause.request.map(any))),
                (e::causation_id.eq(cause.causation.map(any)), e::created_at.eq(self.now)),
            ))
            .execute(self.conn)?;
        self.effects.happened = true;
        Ok(())
    }

    /// Enqueues work in this transaction; a second one with the same dedupe key is dropped.
    pub fn enqueue(&mut self, work: Work) -> Result<JobId> {
        use jobs as j;
        let cause = self.cause;
        diesel::insert_into(j::table)
            .values((
                (
                    j::id.eq(work.id),
                    j::tenant_id.eq(cause.tenant),
                    j::kind.eq(work.kind),
                    j::name.eq(work.name),
                ),
                (j::priority.eq(work.priority), j::scheduled_at.eq(work.scheduled_at.unwrap_or(self.now))),
                (j::state.eq("queued"), j::retry_count.eq(0), j::max_attempts.eq(work.max_attempts)),
                (j::data.eq(Json(work.data)), j::sealed.eq(work.sealed), j::dedupe_key.eq(work.dedupe_key)),
                (j::fence.eq(0_i64), j::request_id.eq(cause.request.map(any))),
                (j::causation_id.eq(cause.causation.map(any)), j::actor_id.eq(cause.actor.id.map(any))),
                (j::created_at.eq(self.now), j::updated_at.eq(self.now)),
            ))
            .on_conflict_do_nothing()
            .both()
            .execute(self.conn)?;
        self.ring()?;
        Ok(work.id)
    }

    /// There is something to do once this is committed, here or on another node.
    pub fn ring(&mut self) -> Result<()> {
        if !self.effects.work {
            self.effects.work = true;
            self.conn.notify("work")?;
        }
        Ok(())
    }

    /// Something came to be for which the caller asked.
    pub fn made<K>(&mut self, id: Id<K>) {
        self.effects.made.push(any(id.0));
    }

    /// Raises a counter once the change is committed.
    pub fn count(&mut self, counter: &'static str) {
        self.effects.counted.push(counter);
    }

    /// Deciding over a set (the last owner, the last key) needs everybody who decides about it to queue.
    /// On SQLite every write queues already.
    pub fn lock(&mut self, kind: &'static str, tenant: TenantId) -> Result<()> {
        self.queue(format!("{kind}:{tenant}"))
    }

    fn queue(&mut self, key: String) -> Result<()> {
        if let DbConn::Pg(pg) = &mut *self.conn {
            diesel::sql_query("SELECT pg_advisory_xact_lock(hashtextextended($1, 0))")
                .bind::<Text, _>(key)
                .execute(pg)?;
        }
        Ok(())
    }

    /// Whoever decides by what one record is queues too, each for their own record.
    pub fn lock_record(&mut self, kind: &str, id: RecordId) -> Result<()> {
        self.queue(format!("{kind}:{id}"))
    }

    /// Tells this node, after the commit, and every other one that what it remembers of this is old.
    pub fn forget(&mut self, what: Forget) -> Result<()> {
        self.effects.forget.push(what);
        let message = match what {
            Forget::Session(id) => format!("session:{id}"),
            Forget::User(id) => format!("user:{id}"),
            Forget::Tenant(id) => format!("tenant:{id}"),
            Forget::Keys(id) => format!("keys:{id}"),
            Forget::Guesses(id) => format!("guesses:{id}"),
        };
        Ok(self.conn.notify(&message)?)
    }
}

/// An id of whatever kind, for the columns that hold several.
fn any(uuid: uuid::Uuid) -> RecordId {
    Id::of(uuid)
}

/// Reads back PostgreSQL's oldest open transaction; domain events are tailed up to it.
pub fn oldest_open(conn: &mut DbConn) -> QueryResult<i64> {
    #[derive(QueryableByName)]
    struct Oldest {
        #[diesel(sql_type = BigInt)]
        xmin: i64,
    }
    match conn {
        DbConn::Pg(pg) => {
            let sql = "SELECT pg_snapshot_xmin(pg_current_snapshot())::text::bigint AS xmin";
            diesel::sql_query(sql).get_result::<Oldest>(pg).map(|row| row.xmin)
        }
        DbConn::Sqlite(_) => Ok(i64::MAX),
    }
}

/// Events that nothing can come before any more. On PostgreSQL a number may be drawn long before it is seen: what an open
/// transaction might still come before waits for it.
pub fn settled(conn: &DbConn) -> SqlLiteral<Bool> {
    match conn {
        DbConn::Sqlite(_) => sql("1 = 1"),
        DbConn::Pg(_) => sql("xact < pg_snapshot_xmin(pg_current_snapshot())::text::bigint"),
    }
}

/// Of all that may read what happened, the reader that hands it on to listeners.
pub const OUTBOX: &str = "outbox";

/// Whatever commits from now on comes behind it: an `xact` and a `sequence`.
pub fn newest(conn: &mut DbConn) -> QueryResult<(i64, i64)> {
    if let DbConn::Pg(_) = conn {
        let before = sql::<BigInt>("pg_snapshot_xmin(pg_current_snapshot())::text::bigint - 1");
        return Ok((diesel::select(before).get_result::<i64>(conn)?, i64::MAX));
    }
    let last = domain_events::table.select(domain_events::sequence).order(domain_events::sequence.desc());
    Ok((0, last.first::<i64>(conn).optional()?.unwrap_or_default()))
}
