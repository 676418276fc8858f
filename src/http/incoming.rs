//! A request taken apart once; the gate and the rooms read nothing else of it.

use std::collections::BTreeMap;
use std::net::IpAddr;

use actix_web::HttpRequest;
use actix_web::http::header::{self, HeaderName};

use super::Proxies;
use crate::base::error::{INVALID_ENCODING, INVALID_HEADER};
use crate::base::{Error, RequestId, Result, SessionId, TenantId, UserId};

#[derive(Debug, Clone)]
pub struct Incoming {
    pub request: RequestId,
    pub method: String,
    pub path: String,
    pub address: IpAddr,
    pub host: String,
    pub origin: Option<String>,
    pub client: Option<String>,
    /// Outside production only: which tenant's frontend is meant.
    pub tenant_origin: Option<String>,
    pub authorization: Option<String>,
    pub cookies: Vec<(String, String)>,
    pub user_agent: Option<String>,
    pub accept: Option<String>,
    pub accept_language: Option<String>,
    pub idempotency_key: Option<String>,
    pub content_type: Option<String>,
    pub if_match: Option<String>,
    pub if_none_match: Option<String>,
    /// Of server-sent events: the last that was heard.
    pub last_event_id: Option<String>,
    pub sec_fetch_site: Option<String>,
    /// A header that only a proxy writes was there.
    pub forwarded: bool,
    /// The peer is one of our proxies, whose words about the address count.
    pub by_proxy: bool,
    /// Not decoded yet.
    pub query: String,
    pub params: BTreeMap<String, String>,
    /// By which another program's message is signed; of no other request.
    pub signatures: Vec<(&'static str, String)>,
    /// Of a message of a socket: whose it is. No request says this.
    pub bound: Option<Bound>,
}

/// The session by which a socket goes on, after it has proved that it may.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Bound {
    pub session: SessionId,
    pub user: UserId,
    pub tenant: TenantId,
    /// Its public id.
    pub client: String,
}

const CLIENT: HeaderName = HeaderName::from_static("doorward-client");
const TENANT_ORIGIN: HeaderName = HeaderName::from_static("x-tenant-origin");
const OLD_TENANT_ORIGIN: HeaderName = HeaderName::from_static("x-lpc-tenant-origin");
const LAST_EVENT_ID: HeaderName = HeaderName::from_static("last-event-id");
const IDEMPOTENCY_KEY: HeaderName = HeaderName::from_static("idempotency-key");
/// As clients of Feathers 5 send it.
pub const SERVICE_METHOD: HeaderName = HeaderName::from_static("x-service-method");
const SEC_FETCH_SITE: HeaderName = HeaderName::from_static("sec-fetch-site");
const FORWARDED_FOR: HeaderName = HeaderName::from_static("x-forwarded-for");
/// What only a proxy writes.
const PROXIED: [HeaderName; 5] = [
    header::FORWARDED,
    FORWARDED_FOR,
    HeaderName::from_static("x-forwarded-host"),
    HeaderName::from_static("x-forwarded-proto"),
    HeaderName::from_static("x-real-ip"),
];

/// As Standard Webhooks, GitHub and Stripe sign, and what GitHub calls what happened.
const SIGNATURES: [&str; 6] = [
    "webhook-id",
    "webhook-timestamp",
    "webhook-signature",
    "x-hub-signature-256",
    "x-github-event",
    "stripe-signature",
];

/// Longer ones are cut: they are shown to people, never compared.
const USER_AGENT: usize = 256;

impl Incoming {
    pub fn read(request: &HttpRequest, id: RequestId, proxies: &Proxies) -> Result<Self> {
        let text = |name: &HeaderName| single(request, name);
        Ok(Self {
            request: id,
            method: request.method().to_string(),
            path: request.path().to_string(),
            address: address_of(request, proxies),
            host: host_of(request),
            origin: text(&header::ORIGIN)?,
            client: text(&CLIENT)?,
            tenant_origin: text(&TENANT_ORIGIN)?.or(text(&OLD_TENANT_ORIGIN)?),
            authorization: text(&header::AUTHORIZATION)?,
            cookies: cookies(request),
            user_agent: text(&header::USER_AGENT)?.map(|agent| agent.chars().take(USER_AGENT).collect()),
            accept: text(&header::ACCEPT)?,
            accept_language: text(&header::ACCEPT_LANGUAGE)?,
            idempotency_key: text(&IDEMPOTENCY_KEY)?,
            content_type: text(&header::CONTENT_TYPE)?,
            // An empty one names nothing, and so nothing is as the caller saw it.
            if_match: text(&header::IF_MATCH)?
                .or_else(|| request.headers().contains_key(header::IF_MATCH).then(String::new)),
            if_none_match: text(&header::IF_NONE_MATCH)?,
            last_event_id: text(&LAST_EVENT_ID)?,
            sec_fetch_site: text(&SEC_FETCH_SITE)?,
            forwarded: PROXIED.iter().any(|name| request.headers().contains_key(name)),
            by_proxy: proxies.trusts(peer_of(request).to_canonical()),
            query: request.query_string().to_owned(),
            params: params(request)?,
            signatures: Vec::new(),
            bound: None,
        })
    }

    /// With what signs a message.
    pub fn signed(mut self, request: &HttpRequest) -> Result<Self> {
        for name in SIGNATURES {
            if let Some(value) = single(request, &HeaderName::from_static(name))? {
                self.signatures.push((name, value));
            }
        }
        Ok(self)
    }

    /// Of nobody's request: a job's or a command's.
    pub fn none() -> Self {
        Self {
            request: RequestId::new(),
            method: String::new(),
            path: String::new(),
            address: IpAddr::from([0, 0, 0, 0]),
            host: String::new(),
            origin: None,
            client: None,
            tenant_origin: None,
            authorization: None,
            cookies: Vec::new(),
            user_agent: None,
            accept: None,
            accept_language: None,
            idempotency_key: None,
            content_type: None,
            if_match: None,
            if_none_match: None,
            last_event_id: None,
            sec_fetch_site: None,
            forwarded: false,
            by_proxy: false,
            query: String::new(),
            params: BTreeMap::new(),
            signatures: Vec::new(),
            bound: None,
        }
    }

    /// A person with a browser: programs ask for JSON, or for anything.
    pub fn wants_page(&self) -> bool {
        let accepted = self.accept.as_deref().unwrap_or_default().split(',');
        let page = accepted.map(|range| range.split(';').map(str::trim)).find_map(|mut range| {
            range.next().filter(|name| name.eq_ignore_ascii_case("text/html"))?;
            Some(!range.any(|parameter| matches!(parameter, "q=0" | "q=0.0" | "q=0.00" | "q=0.000")))
        });
        page.unwrap_or(false)
    }

    pub fn cookie(&self, name: &str) -> Option<&str> {
        // Two cookies of one name: a neighbour planted one of them, and we cannot tell which.
        let mut found = self.cookies.iter().filter(|(known, _)| known == name);
        let first = found.next();
        if found.next().is_some() { None } else { first.map(|(_, value)| value.as_str()) }
    }
}

/// Whose request it is, for the limiter: known before anything else of it is read.
pub fn address_of(request: &HttpRequest, proxies: &Proxies) -> IpAddr {
    proxies.client(peer_of(request), &values(request, &FORWARDED_FOR))
}

fn peer_of(request: &HttpRequest) -> IpAddr {
    request.peer_addr().map_or(IpAddr::from([0, 0, 0, 0]), |peer| peer.ip())
}

/// A header that must stand once at most; repeated ones are read differently by different parsers.
fn single(request: &HttpRequest, name: &HeaderName) -> Result<Option<String>> {
    let mut values = request.headers().get_all(name);
    let Some(first) = values.next() else { return Ok(None) };
    if values.next().is_some() {
        return Err(INVALID_HEADER.saying("A header stands twice that may stand once."));
    }
    let text =
        first.to_str().map_err(|_| INVALID_HEADER.saying("A header holds characters other than ASCII."))?;
    Ok(Some(text.trim().to_string()).filter(|text| !text.is_empty()))
}

fn values<'r>(request: &'r HttpRequest, name: &HeaderName) -> Vec<&'r str> {
    request.headers().get_all(name).map(|value| value.to_str().unwrap_or("")).collect()
}

fn host_of(request: &HttpRequest) -> String {
    // The Host header itself: what a proxy or an absolute request line says of it is not ours to believe.
    let host = request.headers().get(header::HOST).and_then(|host| host.to_str().ok());
    host.unwrap_or_default().trim_end_matches('.').to_ascii_lowercase()
}

fn cookies(request: &HttpRequest) -> Vec<(String, String)> {
    let lines = values(request, &header::COOKIE);
    let pairs = lines.iter().flat_map(|line| line.split(';')).filter_map(|pair| pair.trim().split_once('='));
    pairs.map(|(name, value)| (name.to_string(), value.to_string())).collect()
}

/// A query of plain names, each of which stands once.
pub fn pairs(query: &str) -> Result<BTreeMap<String, String>> {
    let mut map = BTreeMap::new();
    for (name, value) in url::form_urlencoded::parse(query.as_bytes()) {
        if name.contains(['\0', '\u{fffd}']) || value.contains(['\0', '\u{fffd}']) {
            return Err(INVALID_ENCODING.error());
        }
        if map.insert(name.into_owned(), value.into_owned()).is_some() {
            return Err(INVALID_ENCODING.saying("A query parameter stands twice that may stand once."));
        }
    }
    Ok(map)
}

fn params(request: &HttpRequest) -> Result<BTreeMap<String, String>> {
    let decoded = |(name, value): (&str, &str)| {
        let text = percent(value)?;
        Ok::<_, Error>((name.to_string(), text))
    };
    request.match_info().iter().map(decoded).collect()
}

fn percent(text: &str) -> Result<String> {
    let mut bytes = Vec::with_capacity(text.len());
    let mut rest = text.bytes();
    while let Some(byte) = rest.next() {
        if byte != b'%' {
            bytes.push(byte);
            continue;
        }
        let pair = [rest.next(), rest.next()].map(|digit| digit.and_then(|d| char::from(d).to_digit(16)));
        let [Some(high), Some(low)] = pair else { return Err(INVALID_ENCODING.error()) };
        bytes.push(u8::try_from(high * 16 + low).map_err(Error::internal)?);
    }
    let text = String::from_utf8(bytes).map_err(|_| INVALID_ENCODING.error())?;
    // The router has decoded most of it already, and put U+FFFD for what is not UTF-8.
    if text.contains(['\0', '\u{fffd}']) { Err(INVALID_ENCODING.error()) } else { Ok(text) }
}
