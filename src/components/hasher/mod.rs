//! The hasher: passwords are hashed and verified here, on threads of their own, within bounds.
//!
//! Stored strings are PHC strings, `$argon2id$v=19$m=…,t=…,p=1$salt$hash`. With a pepper the password goes
//! through HMAC-SHA-256 first and the string says which key: `$dw1$k=<key id>$argon2id$…`.
//! Memory is at most permits × m, plus what a foreign hash asks for within its caps.

use std::sync::Arc;
use std::time::{Duration, Instant};

use aws_lc_rs::rand;
use tracing::{Instrument, debug_span};

use crate::base::{Error, Password, Result, TenantId};

mod argon;
mod bench;
mod counts;
mod foreign;
mod pepper;
mod pool;

pub use argon::Cost;
pub use counts::Counts;
pub use foreign::accept_import;
pub use pepper::{Pepper, Peppers};

use argon::Argon;
use counts::Floor;
use foreign::Foreign;
use pool::Pool;

#[derive(Clone)]
pub struct Hasher(Arc<Inner>);

pub struct Settings {
    pub cost: Cost,
    pub peppers: Peppers,
    pub bounds: Bounds,
}

pub struct Bounds {
    /// Hashes at once; the processors less one, so that the rest of the server keeps one.
    pub permits: usize,
    pub queue: usize,
    pub wait: Duration,
    /// After this long without work a thread gives its memory back.
    pub idle: Duration,
}

/// What a verification found.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Verdict {
    pub matches: bool,
    /// The password matched a string of another scheme, cost or pepper: hash it anew and store that.
    pub rehash: bool,
    /// The work alone, without the wait for a permit; what a login subtracts from `foreign_floor`.
    pub took: Duration,
}

struct Inner {
    pool: Pool,
    cost: Cost,
    peppers: Peppers,
    /// Never matches, and costs what a real one costs.
    decoy: String,
    floor: Arc<Floor>,
}

impl Default for Bounds {
    fn default() -> Self {
        let cores = std::thread::available_parallelism().map_or(1, std::num::NonZero::get);
        Self {
            permits: (cores - 1).max(1),
            queue: 64,
            wait: Duration::from_secs(1),
            idle: Duration::from_secs(5),
        }
    }
}

impl Hasher {
    /// Starts the threads; they end when the last clone of the handle is gone.
    pub fn start(settings: Settings) -> Result<Self> {
        let Settings { cost, peppers, bounds } = settings;
        let decoy = peppers.wrap(Argon::fresh(cost, random()?).to_phc(&random::<32>()?));
        let pool = Pool::start(bounds, cost.memory).map_err(Error::internal)?;
        Ok(Self(Arc::new(Inner { pool, cost, peppers, decoy, floor: Arc::default() })))
    }

    /// Refuses with `error.server.busy` when the queue is full or would take longer than its wait.
    pub async fn hash(&self, tenant: Option<TenantId>, password: &Password) -> Result<String> {
        let argon = Argon::fresh(self.0.cost, random()?);
        let secret = self.0.peppers.season(password);
        let hashing = self.0.pool.run(tenant, move |bench| argon.hash(secret.as_slice(), bench));
        let phc = hashing.instrument(debug_span!("hash")).await??;
        Ok(self.0.peppers.wrap(phc))
    }

    /// Refuses like `hash`. Without a stored string, or with one that cannot be read or asks for more than
    /// the caps allow, a decoy costs the same work through the same queue: nobody can tell who is unknown.
    pub async fn verify(
        &self,
        tenant: Option<TenantId>,
        password: &Password,
        stored: Option<&str>,
    ) -> Result<Verdict> {
        let inner = &self.0;
        let readable = stored.and_then(|text| {
            Stored::read(text, inner)
                .inspect_err(|reason| tracing::error!(reason, "stored password hash"))
                .ok()
        });
        let known = readable.is_some();
        let stored = match readable {
            Some(stored) => stored,
            None => Stored::read(&inner.decoy, inner).map_err(Error::internal)?,
        };
        let rehash = !stored.is_current(inner);
        let secret = stored.season(password, inner);
        let floor = inner.floor.clone();
        let work = move |bench: &mut bench::Bench| {
            let began = Instant::now();
            let matches = stored.verify(secret.as_slice(), bench);
            let took = began.elapsed();
            if let Stored::Foreign(foreign) = &stored {
                floor.note(foreign.name(), took);
            }
            (matches, took)
        };
        let (matches, took) = inner.pool.run(tenant, work).instrument(debug_span!("hash.verify")).await?;
        let matches = matches && known;
        Ok(Verdict { matches, rehash: matches && rehash, took })
    }

    /// How long a login takes at the slowest foreign scheme seen here, 99 times of 100. While a tenant holds
    /// foreign hashes its logins are held for `foreign_floor() - verdict.took`, without a permit, so that time
    /// does not tell an imported account from any other. Zero until one was verified: see `rehearse`.
    pub fn foreign_floor(&self) -> Duration {
        self.0.floor.p99()
    }

    /// Measures a foreign hash once, so that its floor stands before the first login: after an import and at start.
    pub async fn rehearse(&self, stored: &str) -> Result<()> {
        let password = Password::parse("rehearsal".to_owned()).map_err(|e| Error::internal(e.detail))?;
        self.verify(None, &password, Some(stored)).await.map(drop)
    }

    pub fn counts(&self) -> &Counts {
        self.0.pool.counts()
    }
}

/// A stored string that was read, within the caps.
enum Stored {
    Own { argon: Argon, hash: Vec<u8>, key: Option<String> },
    Foreign(Foreign),
}

impl Stored {
    /// The caps are checked here too, not only at import: whoever writes to the table must not own the processor.
    fn read(text: &str, inner: &Inner) -> Result<Self, &'static str> {
        let (key, phc) = pepper::unwrap(text)?;
        if key.is_some_and(|key| !inner.peppers.has(key)) {
            return Err("its pepper is not configured");
        }
        if phc.starts_with("$argon2") {
            let (argon, hash) = Argon::parse(phc)?;
            return Ok(Self::Own { argon, hash, key: key.map(str::to_owned) });
        }
        if key.is_some() {
            Err("a pepper on a foreign scheme")
        } else {
            Foreign::parse(phc).map(Self::Foreign)
        }
    }

    fn is_current(&self, inner: &Inner) -> bool {
        match self {
            Self::Own { argon, key, hash } => {
                hash.len() == argon::HASH && argon.is(inner.cost) && key.as_deref() == inner.peppers.current()
            }
            Self::Foreign(_) => false,
        }
    }

    fn season(&self, password: &Password, inner: &Inner) -> zeroize::Zeroizing<Vec<u8>> {
        match self {
            Self::Own { key: Some(key), .. } => inner.peppers.season_with(key, password),
            _ => zeroize::Zeroizing::new(password.expose().as_bytes().to_vec()),
        }
    }

    fn verify(&self, secret: &[u8], bench: &mut bench::Bench) -> bool {
        match self {
            Self::Own { argon, hash, .. } => argon.verify(secret, hash, bench),
            Self::Foreign(foreign) => foreign.verify(secret),
        }
    }
}

fn random<const N: usize>() -> Result<[u8; N]> {
    let mut bytes = [0; N];
    rand::fill(&mut bytes).map_err(|_| Error::internal("no randomness"))?;
    Ok(bytes)
}

#[cfg(test)]
mod tests;
