//! The way out: the one client by which anything that a tenant names is called (SSRF-1).
//!
//! A name is resolved here, every address of it is looked at, and the connection goes to one of those that were. Nothing is
//! followed, no proxy is asked, and what comes back is read to a bound.

mod addresses;
#[cfg(test)]
mod tests;

use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use reqwest::dns::{Addrs, Name, Resolve, Resolving};
use reqwest::header::{HeaderMap, HeaderName, HeaderValue};
use reqwest::redirect::Policy;
use url::{Host, Url};

pub use addresses::Allowed;

use crate::base::{Error, Result};

/// To be connected, encryption included.
const CONNECT: Duration = Duration::from_secs(2);
/// What is read of an answer.
pub const BODY: usize = 1 << 20;
/// Elsewhere than in networks that the operator named.
const PORTS: [u16; 2] = [443, 8443];
const IDLE: Duration = Duration::from_secs(30);

#[derive(Clone)]
pub struct Egress {
    allowed: Arc<Allowed>,
    /// To the public internet and to named networks.
    outer: reqwest::Client,
    /// To named networks alone.
    inner: reqwest::Client,
}

#[derive(Debug)]
pub struct Outgoing {
    pub url: Url,
    pub headers: Vec<(&'static str, String)>,
    pub body: Vec<u8>,
    /// From the first step to the last byte.
    pub within: Duration,
}

#[derive(Debug, PartialEq, Eq)]
pub struct Answered {
    pub status: u16,
    pub body: Vec<u8>,
    /// There was more.
    pub is_cut: bool,
}

/// Why there is no answer, in words that name no address: whoever asked may not learn what a name means in here.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Unanswered {
    /// It may not be called.
    Forbidden,
    Unreachable,
    TooSlow,
    /// The other end spoke something else than HTTP, or broke off.
    Broken,
}

impl Unanswered {
    pub fn words(self) -> &'static str {
        match self {
            Self::Forbidden => {
                "This address may not be called: it is not public, or not over https at port 443 or 8443."
            }
            Self::Unreachable => "Nobody could be reached there.",
            Self::TooSlow => "There was no whole answer in time.",
            Self::Broken => "The connection broke off, or what came was no HTTP.",
        }
    }
}

impl Egress {
    pub fn new(allowed: Allowed) -> Result<Self> {
        let allowed = Arc::new(allowed);
        let outer = client(Looked { allowed: allowed.clone(), named_only: false })?;
        let inner = client(Looked { allowed: allowed.clone(), named_only: true })?;
        Ok(Self { allowed, outer, inner })
    }

    /// What is wrong with an address before anybody calls it: as far as it can be told without asking what its name means.
    pub fn check(&self, url: &Url) -> std::result::Result<(), Unanswered> {
        let is_web = matches!(url.scheme(), "https" | "http");
        if !is_web || !url.username().is_empty() || url.password().is_some() {
            return Err(Unanswered::Forbidden);
        }
        let named_only = named_only(url);
        let may =
            |address| if named_only { self.allowed.is_named(address) } else { self.allowed.may(address) };
        match url.host() {
            None => Err(Unanswered::Forbidden),
            Some(Host::Ipv4(four)) if !may(four.into()) => Err(Unanswered::Forbidden),
            Some(Host::Ipv6(six)) if !may(six.into()) => Err(Unanswered::Forbidden),
            Some(Host::Domain(_)) if named_only && self.allowed.named.is_empty() => {
                Err(Unanswered::Forbidden)
            }
            Some(_) => Ok(()),
        }
    }

    pub async fn post(&self, outgoing: Outgoing) -> std::result::Result<Answered, Unanswered> {
        self.check(&outgoing.url)?;
        let client = if named_only(&outgoing.url) { &self.inner } else { &self.outer };
        let request = client.post(outgoing.url).headers(headers(outgoing.headers)).timeout(outgoing.within);
        let mut answer = request.body(outgoing.body).send().await.map_err(|error| why(&error))?;
        let mut body = Vec::new();
        while let Some(part) = answer.chunk().await.map_err(|error| why(&error))? {
            let room = BODY - body.len();
            body.extend(part.iter().take(room));
            if part.len() > room {
                return Ok(Answered { status: answer.status().as_u16(), body, is_cut: true });
            }
        }
        Ok(Answered { status: answer.status().as_u16(), body, is_cut: false })
    }
}

/// In the clear, and at ports where other things than the web listen, only what the operator named.
fn named_only(url: &Url) -> bool {
    url.scheme() != "https" || !url.port_or_known_default().is_some_and(|port| PORTS.contains(&port))
}

fn client(resolver: Looked) -> Result<reqwest::Client> {
    reqwest::Client::builder()
        .dns_resolver(Arc::new(resolver))
        .redirect(Policy::none())
        .no_proxy()
        .referer(false)
        .connect_timeout(CONNECT)
        .pool_idle_timeout(IDLE)
        .pool_max_idle_per_host(4)
        .http1_only()
        .user_agent(concat!("Doorward/", env!("CARGO_PKG_VERSION")))
        .build()
        .map_err(Error::internal)
}

/// What is no header is left out; all are our own.
fn headers(named: Vec<(&'static str, String)>) -> HeaderMap {
    let read = |(name, value): (&'static str, String)| {
        Some((HeaderName::from_static(name), HeaderValue::from_str(&value).ok()?))
    };
    named.into_iter().filter_map(read).collect()
}

fn why(error: &reqwest::Error) -> Unanswered {
    let mut cause: Option<&(dyn std::error::Error + 'static)> = Some(error);
    while let Some(this) = cause {
        if this.is::<NotAllowed>() {
            return Unanswered::Forbidden;
        }
        cause = this.source();
    }
    if error.is_timeout() {
        Unanswered::TooSlow
    } else if error.is_connect() {
        Unanswered::Unreachable
    } else {
        Unanswered::Broken
    }
}

/// Looks at every address that a name means, each time that a connection is made.
struct Looked {
    allowed: Arc<Allowed>,
    named_only: bool,
}

#[derive(Debug)]
struct NotAllowed;

impl std::fmt::Display for NotAllowed {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("an address that may not be called")
    }
}

impl std::error::Error for NotAllowed {}

impl Resolve for Looked {
    /// One address that may not be called is enough: whoever owns the name means us ill, and would be luckier next time.
    fn resolve(&self, name: Name) -> Resolving {
        let (allowed, named_only) = (self.allowed.clone(), self.named_only);
        Box::pin(async move {
            let found: Vec<SocketAddr> = tokio::net::lookup_host((name.as_str(), 0)).await?.collect();
            let may =
                |at: &SocketAddr| if named_only { allowed.is_named(at.ip()) } else { allowed.may(at.ip()) };
            if !found.iter().all(may) {
                return Err(NotAllowed.into());
            }
            let addresses: Addrs = Box::new(found.into_iter());
            Ok(addresses)
        })
    }
}
