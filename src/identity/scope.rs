//! A request's scope: who asks, in which tenant, through which app, and what an event may borrow for it.

use std::ops::Deref;
use std::sync::Arc;

use diesel::prelude::*;

use super::client::App;
use super::house::House;
use super::once::Once;
use super::pending::PendingLogin;
use super::session::{Epochs, Live};
use super::tenant::Tenant;
use super::token::MISSING_TOKEN;
use crate::base::{Error, JobId, Result, TenantId, Timestamp};
use crate::components::clock::Clock;
use crate::db::schema::{memberships, sessions, tenants, users};
use crate::db::tx::{Actor, ActorKind, Cause, Effects, Tx};
use crate::db::{Above, BothDsl, DbConn, Locked, Reach};
use crate::http::Incoming;

#[derive(Clone)]
pub struct Scope(Arc<Inner>);

pub struct Inner {
    pub house: House,
    pub incoming: Arc<Incoming>,
    pub tenant: Option<Arc<Tenant>>,
    pub app: Option<Arc<App>>,
    pub who: Who,
    /// What this work was caused by, when that was no request.
    pub causation: Option<uuid::Uuid>,
    pub around: Around,
}

/// What belongs to each write of a request, whichever event does it: in its transaction, and so in the same breath.
#[derive(Clone, Default)]
pub struct Around {
    /// Under which key the answer is kept.
    pub once: Option<Arc<Once>>,
    /// Refuses, before the event writes.
    pub before: Option<Proviso>,
    /// Adds, after it.
    pub after: Option<Proviso>,
}

pub type Proviso = Arc<dyn Fn(&mut Tx) -> Result<()> + Send + Sync>;

impl Around {
    fn write(&self, tx: &mut Tx, run: &mut dyn FnMut(&mut Tx) -> Result<()>) -> Result<()> {
        let (once, before, after) = (self.once.as_ref(), self.before.as_ref(), self.after.as_ref());
        once.map_or(Ok(()), |once| once.claim(tx))?;
        before.map_or(Ok(()), |before| before(tx))?;
        run(tx)?;
        after.map_or(Ok(()), |after| after(tx))?;
        once.map_or(Ok(()), |once| once.keep(tx))
    }
}

#[derive(Debug, Clone)]
pub enum Who {
    Nobody,
    Session(Arc<Live>),
    Pending(Arc<PendingLogin>),
    /// A tenant's backend that authenticated as its client.
    Server,
    /// Ourselves: a job.
    House,
    /// Whoever may run commands on this machine.
    Operator,
}

impl Deref for Scope {
    type Target = Inner;

    fn deref(&self) -> &Inner {
        &self.0
    }
}

impl Scope {
    pub fn new(inner: Inner) -> Self {
        Self(Arc::new(inner))
    }

    pub fn of_request(
        house: House,
        incoming: Arc<Incoming>,
        at: Option<(Arc<Tenant>, Arc<App>)>,
        who: Who,
    ) -> Self {
        let (tenant, app) = at.unzip();
        Self::new(Inner { house, incoming, tenant, app, who, causation: None, around: Around::default() })
    }

    /// For jobs and commands: the server itself, in a tenant or above them all.
    pub fn of_house(house: House, tenant: Option<Arc<Tenant>>) -> Self {
        Self::of_nobodys_request(house, tenant, Who::House, None)
    }

    /// A job's: what it changes says which job it was.
    pub fn of_job(house: House, tenant: Option<Arc<Tenant>>, job: JobId) -> Self {
        Self::of_nobodys_request(house, tenant, Who::House, Some(job.0))
    }

    /// For commands: an operator, in a tenant or above them all.
    pub fn of_operator(house: House, tenant: Option<Arc<Tenant>>) -> Self {
        Self::of_nobodys_request(house, tenant, Who::Operator, None)
    }

    fn of_nobodys_request(
        house: House,
        tenant: Option<Arc<Tenant>>,
        who: Who,
        causation: Option<uuid::Uuid>,
    ) -> Self {
        let (incoming, around) = (Arc::new(Incoming::none()), Around::default());
        Self::new(Inner { house, incoming, tenant, app: None, who, causation, around })
    }

    /// The same request, in the tenant that its one-time proof names.
    pub fn within(&self, tenant: Arc<Tenant>, app: Option<Arc<App>>) -> Self {
        Self::new(Inner { tenant: Some(tenant), app, ..self.same() })
    }

    /// The same request, with more to be done around its writes.
    pub fn around(&self, around: Around) -> Self {
        Self::new(Inner { around, ..self.same() })
    }

    fn same(&self) -> Inner {
        let Inner { house, incoming, tenant, app, who, causation, around } = &*self.0;
        Inner {
            house: house.clone(),
            incoming: incoming.clone(),
            tenant: tenant.clone(),
            app: app.clone(),
            who: who.clone(),
            causation: *causation,
            around: around.clone(),
        }
    }

    pub fn now(&self) -> Timestamp {
        self.house.clock.now()
    }

    /// Only routes whose access resolves a tenant call events that ask for it.
    pub fn tenant(&self) -> Result<&Arc<Tenant>> {
        self.tenant.as_ref().ok_or_else(|| Error::internal("an event that needs a tenant ran without one"))
    }

    pub fn tenant_id(&self) -> Result<TenantId> {
        Ok(self.tenant()?.id)
    }

    pub fn app(&self) -> Result<&Arc<App>> {
        self.app.as_ref().ok_or_else(|| Error::internal("an event that needs a client ran without one"))
    }

    pub fn live(&self) -> Result<&Arc<Live>> {
        match &self.who {
            Who::Session(live) => Ok(live),
            _ => Err(MISSING_TOKEN.error()),
        }
    }

    pub fn pending(&self) -> Result<&Arc<PendingLogin>> {
        match &self.who {
            Who::Pending(pending) => Ok(pending),
            _ => Err(MISSING_TOKEN.error()),
        }
    }

    pub fn actor(&self) -> Actor {
        match &self.who {
            Who::Nobody => Actor::NOBODY,
            Who::House => Actor::SERVER,
            Who::Operator => Actor::OPERATOR,
            Who::Server => {
                let client = self.app.as_ref().map(|app| app.client.id.0);
                Actor { kind: ActorKind::Client, id: client, on_behalf_of: None }
            }
            Who::Pending(pending) => Actor::user(pending.user_id),
            Who::Session(live) => Actor { on_behalf_of: live.impersonator, ..Actor::user(live.user) },
        }
    }

    pub fn cause(&self) -> Cause {
        let session = self.live().ok().map(|live| live.session);
        let of_request = !matches!(self.who, Who::House | Who::Operator);
        Cause {
            tenant: self.tenant.as_ref().map(|tenant| tenant.id),
            actor: self.actor(),
            session,
            request: of_request.then_some(self.incoming.request.0),
            causation: self.causation,
            address: of_request.then(|| self.incoming.address.to_string()),
            user_agent: self.incoming.user_agent.clone(),
        }
    }

    /// Its tenant's rows. Commands and jobs may run in none, and see all; a request has to say why it would.
    fn reach(&self) -> Result<Reach> {
        match (&self.tenant, &self.who) {
            (Some(tenant), _) => Ok(Reach::Tenant(tenant.id)),
            (None, Who::House | Who::Operator) => Ok(Reach::Above(Above::Operator)),
            (None, _) => {
                Err(Error::internal("a request in no tenant asks the database, and does not say why"))
            }
        }
    }

    pub async fn read<T: Send + 'static>(
        &self,
        run: impl FnMut(&mut DbConn) -> Result<T> + Send + 'static,
    ) -> Result<T> {
        self.house.db.seeing(self.reach()?).read(run).await
    }

    /// One write transaction. It begins by comparing what the gate saw with what is so now, and what it made old is
    /// forgotten here before anybody gets an answer.
    pub async fn write<T: Send + 'static>(
        &self,
        run: impl FnMut(&mut Tx) -> Result<T> + Send + 'static,
    ) -> Result<T> {
        self.write_seeing(self.reach()?, run).await
    }

    /// The same for what must see past the tenant, and says why.
    pub async fn write_above<T: Send + 'static>(
        &self,
        why: Above,
        run: impl FnMut(&mut Tx) -> Result<T> + Send + 'static,
    ) -> Result<T> {
        self.write_seeing(Reach::Above(why), run).await
    }

    async fn write_seeing<T: Send + 'static>(
        &self,
        reach: Reach,
        mut run: impl FnMut(&mut Tx) -> Result<T> + Send + 'static,
    ) -> Result<T> {
        let writing = Writing {
            cause: self.cause(),
            seen: Seen::of(self),
            clock: self.house.clock.clone(),
            around: self.around.clone(),
        };
        let written = self.house.db.seeing(reach).write(move |conn| {
            let mut value = None;
            let effects = writing.run(conn, &mut |tx| {
                value = Some(run(tx)?);
                Ok(())
            })?;
            let value = value.ok_or_else(|| Error::internal("a write that ended well left nothing"))?;
            Ok((value, effects))
        });
        let (value, effects) = written.await?;
        self.follow(&effects);
        Ok(value)
    }

    /// After [`Error::Stale`]: what is remembered of caller and tenant is what was wrong.
    pub fn doubt(&self) {
        let session = self.live().ok().map(|live| live.session);
        self.house.doubt(session, self.tenant.as_ref().map(|tenant| tenant.id));
    }

    fn follow(&self, effects: &Effects) {
        for what in &effects.forget {
            self.house.forget(*what);
        }
        if effects.refused {
            self.house.denials.told(self.incoming.request);
        }
        for counter in &effects.counted {
            metrics::counter!(*counter).increment(1);
        }
        if effects.work {
            self.house.work.notify_waiters();
        }
        if effects.happened {
            self.house.happened.notify_waiters();
        }
    }
}

/// What every write is made with, whichever event it is of.
struct Writing {
    cause: Cause,
    seen: Seen,
    clock: Clock,
    around: Around,
}

impl Writing {
    fn run(&self, conn: &mut DbConn, run: &mut dyn FnMut(&mut Tx) -> Result<()>) -> Result<Effects> {
        let now = self.clock.now();
        self.seen.still_holds(conn, now)?;
        let mut tx = Tx::new(conn, &self.cause, now);
        self.around.write(&mut tx, run)?;
        Ok(tx.effects)
    }
}

diesel::alias!(tenants as homes: HomeTenants);

/// What a request was let in by. Nothing decided from it is trusted inside a write.
enum Seen {
    Nothing,
    Tenant(TenantId, i64),
    Session(Arc<Live>),
    Pending(Arc<PendingLogin>, i64),
}

impl Seen {
    fn of(scope: &Scope) -> Self {
        match (&scope.who, &scope.tenant) {
            (Who::Session(live), _) => Self::Session(live.clone()),
            (Who::House | Who::Operator, _) | (_, None) => Self::Nothing,
            (Who::Pending(pending), Some(tenant)) => Self::Pending(pending.clone(), tenant.epoch),
            (_, Some(tenant)) => Self::Tenant(tenant.id, tenant.epoch),
        }
    }

    /// The person's row stays locked until the end: who disables them waits for us, and then sees what we wrote.
    fn still_holds(&self, conn: &mut DbConn, now: Timestamp) -> Result<()> {
        let holds = match self {
            Self::Nothing => true,
            Self::Tenant(id, epoch) => Tenant::open_epoch(conn, *id)? == Some(*epoch),
            Self::Session(live) => Self::epochs(conn, live)? == Some(live.epochs),
            Self::Pending(pending, epoch) => {
                Tenant::open_epoch(conn, pending.tenant_id)? == Some(*epoch)
                    && PendingLogin::open(conn, pending.tenant_id, pending.id, now)?.is_some()
            }
        };
        if holds { Ok(()) } else { Err(Error::Stale) }
    }

    fn epochs(conn: &mut DbConn, live: &Live) -> QueryResult<Option<Epochs>> {
        let query =
            users::table
                .inner_join(sessions::table.on(sessions::user_id.eq(users::id)))
                .inner_join(tenants::table.on(tenants::id.eq(sessions::tenant_id)))
                .inner_join(homes.on(homes.field(tenants::id).eq(users::tenant_id)))
                .inner_join(memberships::table.on(
                    memberships::user_id.eq(users::id).and(memberships::tenant_id.eq(sessions::tenant_id)),
                ))
                .filter(sessions::id.eq(live.session))
                .filter(sessions::revoked_at.is_null())
                .filter(users::disabled_at.is_null().and(users::deleted_at.is_null()))
                .filter(tenants::suspended_at.is_null().and(tenants::deleted_at.is_null()))
                .filter(homes.field(tenants::suspended_at).is_null())
                .filter(homes.field(tenants::deleted_at).is_null())
                .select((users::epoch, memberships::epoch, tenants::epoch));
        let found: Option<(i64, i64, i64)> = Locked::person(query).both().get_result(conn).optional()?;
        Ok(found.map(|(user, membership, tenant)| Epochs { user, membership, tenant }))
    }
}
