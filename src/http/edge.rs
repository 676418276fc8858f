//! What a request must look like before anything of it is believed: its size, and one reading only of where it ends
//! and whom it is for.

use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, PoisonError};

use actix_web::HttpRequest;
use actix_web::http::header::{self, HeaderMap};
use actix_web::http::{Method, Version};
use tokio::time::Instant;

use crate::base::Result;
use crate::base::error::{HEADERS_TOO_LARGE, MALFORMED, TOO_LARGE, URL_TOO_LONG};

/// Bytes of a request's parts.
#[derive(Debug, Clone, Copy)]
pub struct Sizes {
    pub headers: usize,
    pub url: usize,
    pub body: usize,
}

/// One connection. The framework reads ahead: what stood behind a malformed request on the same connection would be
/// answered although the connection is said to close.
#[derive(Debug)]
pub struct Line {
    is_cut: AtomicBool,
    /// Since when nobody here is being answered; none while somebody is.
    waiting: Mutex<Option<Instant>>,
}

impl Line {
    pub fn open() -> Self {
        Self { is_cut: AtomicBool::new(false), waiting: Mutex::new(Some(Instant::now())) }
    }

    pub fn waiting_since(&self) -> Option<Instant> {
        *self.waiting.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// A request's head has come.
    pub fn begin(self: Arc<Self>) -> Begun {
        self.set(None);
        Begun(self)
    }

    fn set(&self, waiting: Option<Instant>) {
        *self.waiting.lock().unwrap_or_else(PoisonError::into_inner) = waiting;
    }
}

/// A request that is being answered: until this is dropped.
#[derive(Debug)]
pub struct Begun(Arc<Line>);

impl Drop for Begun {
    fn drop(&mut self) {
        self.0.set(Some(Instant::now()));
    }
}

pub fn check(request: &HttpRequest, sizes: Sizes) -> Result<()> {
    let line = request.conn_data::<Arc<Line>>();
    if line.is_some_and(|line| line.is_cut.load(Ordering::SeqCst)) {
        return Err(MALFORMED.error());
    }
    let checked = whole(request, sizes);
    if let (Err(_), Some(line)) = (&checked, line) {
        line.is_cut.store(true, Ordering::SeqCst);
    }
    checked
}

fn whole(request: &HttpRequest, sizes: Sizes) -> Result<()> {
    if length(request) > sizes.url {
        return Err(URL_TOO_LONG.error());
    }
    let lines = request.headers().iter().map(|(name, value)| name.as_str().len() + value.len() + 4);
    if lines.sum::<usize>() > sizes.headers {
        return Err(HEADERS_TOO_LARGE.error());
    }
    // Who says beforehand that it is too much need not be waited for.
    if announced(request.headers()).is_some_and(|length| length > sizes.body) {
        return Err(TOO_LARGE.error());
    }
    one_framing(request.headers(), request.head().version)?;
    one_host(request)
}

/// Of the request's target as it came.
fn length(request: &HttpRequest) -> usize {
    let uri = request.uri();
    let before = uri.scheme_str().map_or(0, |scheme| scheme.len() + "://".len());
    let host = uri.authority().map_or(0, |authority| authority.as_str().len());
    before + host + uri.path_and_query().map_or(0, |rest| rest.as_str().len())
}

fn announced(headers: &HeaderMap) -> Option<usize> {
    headers.get(header::CONTENT_LENGTH)?.to_str().ok()?.trim().parse().ok()
}

/// INJ-12: two words about a body's length are two requests to somebody. RFC 9112, section 6.1, would let us guess.
fn one_framing(headers: &HeaderMap, version: Version) -> Result<()> {
    let Some(coding) = headers.get(header::TRANSFER_ENCODING) else { return Ok(()) };
    let chunked = coding.to_str().is_ok_and(|coding| coding.trim().eq_ignore_ascii_case("chunked"));
    if chunked && version == Version::HTTP_11 && !headers.contains_key(header::CONTENT_LENGTH) {
        return Ok(());
    }
    Err(MALFORMED.saying("The length of the body is said in two ways."))
}

/// RFC 9112, section 3.2: one Host, of the form of a host; and a request line that names a host names that one.
fn one_host(request: &HttpRequest) -> Result<()> {
    let mut hosts = request.headers().get_all(header::HOST);
    let host = hosts.next().and_then(|host| host.to_str().ok()).unwrap_or_default();
    let plain = |byte: u8| byte.is_ascii_alphanumeric() || b"-._:[]".contains(&byte);
    if hosts.next().is_some() || host.is_empty() || host.len() > LONGEST_HOST || !host.bytes().all(plain) {
        return Err(MALFORMED.saying("Send one Host header with a host in it."));
    }
    let authority = request.uri().authority().filter(|_| request.method() != Method::CONNECT);
    match authority {
        Some(named) if !named.as_str().eq_ignore_ascii_case(host) => {
            Err(MALFORMED.saying("The request line names another host than the Host header."))
        }
        _ => Ok(()),
    }
}

/// A name has at most 253 characters; a port follows.
const LONGEST_HOST: usize = 260;

#[cfg(test)]
mod tests {
    use actix_web::test::TestRequest;

    use super::*;

    const SIZES: Sizes = Sizes { headers: 1024, url: 256, body: 1024 };

    fn is_let_in(headers: &[(&'static str, &'static str)]) -> bool {
        let request = TestRequest::default().insert_header(("host", "a.example"));
        let request = headers.iter().fold(request, |request, header| request.append_header(*header));
        check(&request.to_http_request(), SIZES).is_ok()
    }

    /// The framework refuses most of these before us; it need not stay so.
    #[test]
    fn inj_12_two_words_about_a_length_are_refused_here_too() {
        let (chunked, length) = (("transfer-encoding", "chunked"), ("content-length", "2"));

        assert!(is_let_in(&[]) && is_let_in(&[chunked]) && is_let_in(&[length]));
        assert!(!is_let_in(&[chunked, length]));
        assert!(!is_let_in(&[("transfer-encoding", "xchunked")]));
        assert!(!is_let_in(&[("transfer-encoding", "chunked, identity")]));
        assert!(!is_let_in(&[("transfer-encoding", "identity"), length]));
    }

    #[test]
    fn inj_12_a_second_host_is_refused() {
        assert!(!is_let_in(&[("host", "b.example")]));
    }
}
