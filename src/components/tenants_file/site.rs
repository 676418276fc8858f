//! Origins and hosts as browsers write them, and when two of them are the same site.

use std::net::IpAddr;

use url::{Host, Url};

/// A full origin in the one form that a browser sends, so that it can be compared letter by letter.
pub fn origin(text: &str) -> Result<Url, &'static str> {
    const WRONG: &str = "must be a full origin: scheme://host, lower-case, a port only if unusual, no path";
    let url = Url::parse(text).map_err(|_| WRONG)?;
    if url.origin().ascii_serialization() != text {
        return Err(WRONG);
    }
    plain_host(&url)?;
    https_or_local(&url).map(|()| url)
}

/// `host` or `host:port`, in the one form that a browser puts into `Host`.
pub fn host(text: &str) -> Result<Url, &'static str> {
    const WRONG: &str =
        "must be host or host:port, lower-case, without scheme or path, a port only if unusual";
    let url = Url::parse(&format!("https://{text}")).map_err(|_| WRONG)?;
    let default_port = text.ends_with(":80") && !text.ends_with("]:80") || text.ends_with(":443");
    if default_port || url.origin().ascii_serialization().strip_prefix("https://") != Some(text) {
        return Err(WRONG);
    }
    plain_host(&url).map(|()| url)
}

/// The base of links or an issuer: an address, maybe with a path.
pub fn base(text: &str) -> Result<Url, &'static str> {
    let url = address(text)?;
    if url.query().is_some() || url.fragment().is_some() {
        return Err("must have neither query nor fragment");
    }
    // An issuer is compared letter by letter: there must be one way to write it.
    match url.as_str().trim_end_matches('/') == text {
        true => Ok(url),
        false => Err("must be written in lower case, without a default port and without a slash at the end"),
    }
}

/// Any absolute address that a person may be sent to.
pub fn address(text: &str) -> Result<Url, &'static str> {
    let url = Url::parse(text).map_err(|_| "must be an absolute URL")?;
    if !url.username().is_empty() || url.password().is_some() {
        return Err("must not hold a user name or password");
    }
    https_or_local(&url)?;
    plain_host(&url).map(|()| url)
}

/// Whether a browser counts both as one site and so sends a `SameSite=Strict` cookie from one to the other. The
/// public suffix list knows that `a.co.uk` and `b.co.uk`, or `a.github.io` and `b.github.io`, are strangers.
pub fn is_same(a: &Url, b: &Url) -> bool {
    match (a.host(), b.host()) {
        (Some(a), Some(b)) if a == b || (is_local(&a) && is_local(&b)) => true,
        (Some(Host::Domain(a)), Some(Host::Domain(b))) => {
            psl::domain_str(a).is_some_and(|site| psl::domain_str(b) == Some(site))
        }
        _ => false,
    }
}

/// The domain that somebody registered, of which the host is a part.
pub fn registered(url: &Url) -> &str {
    let host = url.host_str().unwrap_or_default();
    psl::domain_str(host).unwrap_or(host)
}

fn https_or_local(url: &Url) -> Result<(), &'static str> {
    match (url.scheme(), url.host()) {
        ("https", Some(_)) => Ok(()),
        ("http", Some(host)) if is_local(&host) => Ok(()),
        ("http", _) => Err("must be https; http is for localhost only"),
        _ => Err("must be https, or http on localhost"),
    }
}

fn plain_host(url: &Url) -> Result<(), &'static str> {
    let plain = |c: u8| c.is_ascii_lowercase() || c.is_ascii_digit() || matches!(c, b'.' | b'-' | b'_');
    match url.host() {
        Some(Host::Domain(name)) if !name.bytes().all(plain) => {
            Err("must name one host; patterns are not taken")
        }
        Some(Host::Domain(name)) if name.ends_with('.') => Err("must not end in a dot"),
        Some(_) => Ok(()),
        None => Err("must name a host"),
    }
}

fn is_local<T: AsRef<str>>(host: &Host<T>) -> bool {
    match host {
        Host::Domain(name) => name.as_ref() == "localhost" || name.as_ref().ends_with(".localhost"),
        Host::Ipv4(ip) => IpAddr::from(*ip).is_loopback(),
        Host::Ipv6(ip) => ip.is_loopback(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn same(a: &str, b: &str) -> bool {
        is_same(&origin(a).unwrap(), &origin(b).unwrap())
    }

    #[test]
    fn hosts_below_one_registered_domain_are_one_site() {
        assert!(same("https://app.example.nl", "https://api.example.nl"));
        assert!(same("https://example.co.uk", "https://api.example.co.uk:8443"));
    }

    #[test]
    fn strangers_below_a_public_suffix_are_not_one_site() {
        assert!(!same("https://a.co.uk", "https://b.co.uk"));
        assert!(!same("https://a.github.io", "https://b.github.io"));
        assert!(!same("https://example.nl", "https://example.com"));
    }

    #[test]
    fn addresses_are_one_site_only_when_equal() {
        assert!(same("https://10.0.0.1", "https://10.0.0.1:8443"));
        assert!(!same("https://10.0.0.1", "https://11.0.0.1"));
    }

    #[test]
    fn everything_on_localhost_is_one_site_and_nothing_else_is_in_it() {
        assert!(same("http://localhost:5173", "http://demo.localhost:3000"));
        assert!(!same("http://localhost:5173", "https://example.nl"));
    }

    #[test]
    fn an_origin_has_one_form() {
        assert!(origin("https://example.nl").is_ok());
        assert!(origin("http://localhost:5173").is_ok());
        for wrong in [
            "https://Example.nl",
            "https://example.nl/",
            "https://example.nl:443",
            "https://example.nl/a",
            "null",
            "*",
        ] {
            assert!(origin(wrong).is_err(), "{wrong}");
        }
    }

    #[test]
    fn an_origin_names_one_host_over_https() {
        for wrong in [
            "https://*.example.nl",
            "http://example.nl",
            "https://a@example.nl",
            "https://example.nl.",
            "ftp://example.nl",
        ] {
            assert!(origin(wrong).is_err(), "{wrong}");
        }
    }

    #[test]
    fn a_host_has_one_form() {
        assert!(host("api.example.nl").is_ok());
        assert!(host("localhost:3000").is_ok());
        assert!(host("[::1]:3000").is_ok());
        for wrong in [
            "API.example.nl",
            "https://api.example.nl",
            "api.example.nl/",
            "api.example.nl:443",
            "api.example.nl:80",
            "",
            "a b",
        ] {
            assert!(host(wrong).is_err(), "{wrong}");
        }
    }

    #[test]
    fn a_base_has_one_form() {
        assert!(base("https://example.nl").is_ok());
        assert!(base("https://example.nl/t/library").is_ok());
        for wrong in [
            "https://example.nl/",
            "https://example.nl?a",
            "https://example.nl#a",
            "https://u:p@example.nl",
            "http://example.nl",
        ] {
            assert!(base(wrong).is_err(), "{wrong}");
        }
    }
}
