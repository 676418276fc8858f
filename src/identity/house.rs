//! What every request shares: the handles, and what is remembered of tenants, apps and sessions.

use std::any::Any;
use std::collections::BTreeMap;
use std::hash::Hash;
use std::ops::Deref;
use std::sync::Arc;
use std::time::Duration;

use tokio::sync::{Notify, Semaphore, broadcast};

use super::asking::Asking;
use super::client::App;
use super::denials::Denials;
use super::gather::{Gather, reading};
use super::seen::LastSeen;
use super::session::{Live, Session, Spent, Standing};
use super::tenant::Tenant;
use super::token::Verified;
use crate::base::{HashedToken, Result, SessionId, TenantId, Timestamp, UserId};
use crate::components::cache::Cache;
use crate::components::clock::Clock;
use crate::components::config::Config;
use crate::components::egress::Egress;
use crate::components::flood::Flood;
use crate::components::hasher::Hasher;
use crate::components::keys::Keys;
use crate::components::limiter::Limiter;
use crate::components::mailer::Mailer;
use crate::components::random::Random;
use crate::components::recorder::{Disguise, Recorder};
use crate::components::templates::Templates;
use crate::components::vault::Vault;
use crate::db::tx::Forget;
use crate::db::{Above, Db, DbConn};
use crate::http::Proxies;

#[derive(Clone)]
pub struct House(Arc<Inner>);

pub struct Inner {
    pub config: Arc<Config>,
    pub db: Db,
    pub clock: Clock,
    pub random: Random,
    pub vault: Vault,
    pub keys: Keys,
    pub hasher: Hasher,
    pub limiter: Limiter,
    pub mailer: Arc<Mailer>,
    pub egress: Egress,
    pub templates: Arc<Templates>,
    pub recorder: Recorder,
    pub disguise: Disguise,
    /// Refused requests on their way to the audit.
    pub denials: Denials,
    pub proxies: Proxies,
    /// Rung after a commit that enqueued work, and by notify.
    pub work: Arc<Notify>,
    /// Rung after a commit that wrote domain events, and by notify.
    pub happened: Arc<Notify>,
    /// What is forgotten here, for those who hold on to more than a request; none is everything.
    pub forgotten: broadcast::Sender<Option<Forget>>,
    pub seen: LastSeen,
    pub claims: moka::sync::Cache<[u8; 33], Arc<Verified>>,
    /// Keys at which nobody may guess, until when: a block is remembered, so that it costs no statement.
    pub blocks: moka::sync::Cache<HashedToken, Timestamp>,
    /// What is said once in a while, however often it happens.
    pub flood: Flood,
    /// What is shown of a person in a tenant, in the shape of the room that shows it.
    pub people: Cache<(TenantId, UserId), Arc<dyn Any + Send + Sync>>,
    pub asked_people: Gather<(TenantId, UserId), (), Arc<dyn Any + Send + Sync>>,
    pub asked_standing: Gather<SessionId, (), Arc<Standing>>,
    pub asked_rotations: Gather<SessionId, Spent, Arc<Session>>,
    /// Who is asked before something is done.
    pub asking: Option<Asking>,
    /// Of a tenant, in the shape of the room that asks.
    pub askers: Cache<TenantId, Arc<dyn Any + Send + Sync>>,
    /// How many more of a tenant's may be asked at once.
    pub asked_places: moka::sync::Cache<TenantId, Arc<Semaphore>>,
    /// Whether a tenant holds password hashes that other systems made.
    pub foreign_hashes: moka::sync::Cache<TenantId, bool>,
    live: Cache<SessionId, Option<Arc<Live>>>,
    asked_live: Gather<SessionId, (), Arc<Live>>,
    tenants: Cache<TenantId, Option<Arc<Tenant>>>,
    hosts: Cache<String, Option<TenantId>>,
    pages: Cache<String, bool>,
    apps: Cache<String, Option<Arc<App>>>,
    origins: Cache<String, Arc<Vec<(TenantId, String)>>>,
}

/// So revocation, demotion and suspension bind within it on every node.
const TRUSTED: Duration = Duration::from_secs(2);
/// What callers name is remembered even when it is nothing (LIM-3): no host, issuer, origin or client id is longer than
/// this, so that what they can make us keep has a bound in bytes and not in entries alone.
const LONGEST_NAME: usize = 300;

/// An import says so at once where it ran; other nodes learn of it within this.
const FOREIGN_KNOWN: Duration = Duration::from_secs(10 * 60);

/// Whoever is further behind than this takes everything for forgotten.
const FORGOTTEN: usize = 1_024;

/// The handles that components lend.
pub struct Lent {
    pub config: Arc<Config>,
    pub db: Db,
    pub clock: Clock,
    pub random: Random,
    pub vault: Vault,
    pub keys: Keys,
    pub hasher: Hasher,
    pub limiter: Limiter,
    pub mailer: Arc<Mailer>,
    pub egress: Egress,
    pub templates: Arc<Templates>,
    pub recorder: Recorder,
    pub disguise: Disguise,
    pub asking: Option<Asking>,
}

impl Deref for House {
    type Target = Inner;

    fn deref(&self) -> &Inner {
        &self.0
    }
}

impl House {
    pub fn new(lent: Lent) -> Self {
        // No token is worth anything for longer.
        let lifetime = lent.config.lifetimes.access;
        let claims = moka::sync::Cache::builder().max_capacity(20_000).time_to_live(lifetime).build();
        Self(Arc::new(Inner {
            proxies: Proxies(lent.config.proxies.trusted.clone()),
            config: lent.config,
            db: lent.db,
            clock: lent.clock,
            random: lent.random,
            vault: lent.vault,
            keys: lent.keys,
            hasher: lent.hasher,
            limiter: lent.limiter,
            mailer: lent.mailer,
            egress: lent.egress,
            templates: lent.templates,
            recorder: lent.recorder,
            asking: lent.asking,
            askers: Cache::new(2_000, TRUSTED),
            asked_places: moka::sync::Cache::new(2_000),
            disguise: lent.disguise,
            denials: Denials::default(),
            work: Arc::default(),
            happened: Arc::default(),
            forgotten: broadcast::Sender::new(FORGOTTEN),
            seen: LastSeen::default(),
            claims,
            blocks: moka::sync::Cache::new(100_000),
            flood: Flood::default(),
            people: Cache::new(20_000, TRUSTED),
            asked_people: Gather::default(),
            asked_standing: Gather::default(),
            asked_rotations: Gather::default(),
            foreign_hashes: moka::sync::Cache::builder()
                .max_capacity(4_096)
                .time_to_live(FOREIGN_KNOWN)
                .build(),
            live: Cache::new(20_000, TRUSTED),
            asked_live: Gather::default(),
            tenants: Cache::new(4_096, TRUSTED),
            hosts: Cache::new(8_192, TRUSTED),
            pages: Cache::new(1_024, TRUSTED),
            apps: Cache::new(8_192, TRUSTED),
            origins: Cache::new(8_192, TRUSTED),
        }))
    }

    pub async fn live(&self, id: SessionId) -> Result<Option<Arc<Live>>> {
        let now = self.clock.now();
        let known = match self.live.get(&id, now) {
            Some(known) => known,
            None => {
                let (ticket, clock) = (self.live.ticket(&id, now), self.clock.clone());
                let find = move |conn: &mut DbConn, ids: &BTreeMap<SessionId, ()>| {
                    Ok(Live::all(conn, &ids.keys().copied().collect::<Vec<_>>(), clock.now())?)
                };
                let found = self.asked_live.ask(id, (), reading(&self.db, Above::Session, find)).await?;
                self.live.fill(id, found.clone(), ticket);
                found
            }
        };
        // What was remembered is judged by the clock once more.
        Ok(known.filter(|live| live.is_within(now)))
    }

    pub async fn tenant(&self, id: TenantId) -> Result<Option<Arc<Tenant>>> {
        self.remembered(&self.tenants, id, move |conn| Ok(Tenant::find(conn, id)?.map(Arc::new))).await
    }

    /// Whether links in mails lead here: some tenant's `publicUrl` is this host.
    pub async fn has_pages_at(&self, host: &str) -> Result<bool> {
        let Some(host) = name(host) else { return Ok(false) };
        let asked = host.clone();
        self.remembered(&self.pages, host, move |conn| Ok(Tenant::has_pages_at(conn, &asked)?)).await
    }

    /// The tenant whose API host this is. In development `NAME.localhost` is the tenant of that name.
    pub async fn tenant_at(&self, host: &str) -> Result<Option<TenantId>> {
        let Some(host) = name(host) else { return Ok(None) };
        let asked = host.clone();
        let by_name: Option<String> = self.config.environment.is_local().then(|| local_name(&host)).flatten();
        let find = move |conn: &mut DbConn| {
            let at_host = Tenant::at_host(conn, &asked)?;
            match (at_host, &by_name) {
                (None, Some(name)) => Ok(Tenant::named(conn, name)?.map(|tenant| tenant.id)),
                (found, _) => Ok(found),
            }
        };
        self.remembered(&self.hosts, host, find).await
    }

    /// The tenant whose issuer is this host and path, whichever scheme a proxy took off.
    pub async fn tenant_issuing(&self, place: &str) -> Result<Option<TenantId>> {
        let Some(place) = name(place) else { return Ok(None) };
        let issuers = [format!("https://{place}"), format!("http://{place}")];
        // No host begins like this, so both kinds of question share one memory.
        let key = format!("//{place}");
        self.remembered(&self.hosts, key, move |conn| Ok(Tenant::issuing(conn, &issuers)?)).await
    }

    pub async fn app(&self, public_id: &str) -> Result<Option<Arc<App>>> {
        let Some(id) = name(public_id) else { return Ok(None) };
        let key = format!("id:{id}");
        self.remembered(&self.apps, key, move |conn| Ok(App::public(conn, &id)?.map(Arc::new))).await
    }

    pub async fn default_app(&self, tenant: TenantId) -> Result<Option<Arc<App>>> {
        let key = format!("of:{tenant}");
        self.remembered(&self.apps, key, move |conn| Ok(App::default_of(conn, tenant)?.map(Arc::new))).await
    }

    pub async fn apps_listing(&self, origin: &str) -> Result<Arc<Vec<(TenantId, String)>>> {
        let Some(origin) = name(origin) else { return Ok(Arc::default()) };
        let asked = origin.clone();
        self.remembered(&self.origins, origin, move |conn| Ok(Arc::new(App::listing(conn, &asked)?))).await
    }

    /// What is in memory, else what the database says: which is put there unless it was made old meanwhile.
    async fn remembered<K: Hash + Eq, V: Clone + Send + 'static>(
        &self,
        memory: &Cache<K, V>,
        key: K,
        find: impl FnMut(&mut DbConn) -> Result<V> + Send + 'static,
    ) -> Result<V> {
        let now = self.clock.now();
        if let Some(known) = memory.get(&key, now) {
            return Ok(known);
        }
        let ticket = memory.ticket(&key, now);
        let found = self.db.above(Above::Doorstep).read(find).await?;
        memory.fill(key, found.clone(), ticket);
        Ok(found)
    }

    /// Who is asked in a tenant before something is done.
    pub async fn askers(
        &self,
        tenant: TenantId,
        find: impl FnMut(&mut DbConn) -> Result<Arc<dyn Any + Send + Sync>> + Send + 'static,
    ) -> Result<Arc<dyn Any + Send + Sync>> {
        self.remembered(&self.askers, tenant, find).await
    }

    /// Entries under names that callers made up, or may have.
    pub fn names_known(&self) -> usize {
        self.hosts.len() + self.pages.len() + self.apps.len() + self.origins.len()
    }

    /// What a committed change made old. Before its answer on this node, by notify or within two seconds on others.
    pub fn forget(&self, what: Forget) {
        match what {
            Forget::Session(id) => self.live.evict(&id),
            Forget::User(user) => {
                self.live.evict_where(|_, live| live.as_ref().is_some_and(|l| l.user == user));
                self.people.evict_where(|(_, shown), _| *shown == user);
                // Which blocks were theirs nobody can tell; a forgotten one costs a statement.
                self.blocks.invalidate_all();
            }
            Forget::Keys(tenant) => self.keys.forget(tenant),
            Forget::Guesses(_) => self.blocks.invalidate_all(),
            Forget::Tenant(tenant) => {
                self.live
                    .evict_where(|_, l| l.as_ref().is_none_or(|l| l.tenant == tenant || l.home == tenant));
                self.tenants.evict(&tenant);
                self.hosts.evict_where(|_, id| id.is_none_or(|id| id == tenant));
                self.apps.evict_where(|_, app| app.as_ref().is_none_or(|app| app.client.tenant_id == tenant));
                self.origins.clear();
                self.pages.clear();
                self.people.evict_where(|(shown, _), _| *shown == tenant);
                self.askers.evict(&tenant);
            }
        }
        // Nobody need listen.
        let _ = self.forgotten.send(Some(what));
    }

    /// What one request was let in by turned out to be old: none of it is remembered when it is let in afresh.
    pub fn doubt(&self, session: Option<SessionId>, tenant: Option<TenantId>) {
        if let Some(session) = session {
            self.live.evict(&session);
        }
        if let Some(tenant) = tenant {
            self.forget(Forget::Tenant(tenant));
        }
    }

    /// Another process wrote, or we were deaf for a while: nothing that is remembered is known to be true.
    pub fn forget_all(&self) {
        self.live.clear();
        self.people.clear();
        self.askers.clear();
        self.blocks.invalidate_all();
        self.tenants.clear();
        self.hosts.clear();
        self.pages.clear();
        self.apps.clear();
        self.origins.clear();
        self.keys.forget_all();
        let _ = self.forgotten.send(None);
    }
}

/// As a key, unless it is too long to be any.
fn name(text: &str) -> Option<String> {
    (text.len() <= LONGEST_NAME).then(|| text.to_string())
}

/// `acme` of `acme.localhost:3000`.
fn local_name(host: &str) -> Option<String> {
    let name = host.split(':').next()?.strip_suffix(".localhost")?;
    (!name.is_empty() && !name.contains('.')).then(|| name.to_string())
}
