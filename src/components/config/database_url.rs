//! What a database URL says about who listens on the way, read as libpq reads it.

use url::form_urlencoded;

use super::shapes::REDACTED;

/// Parameters that may be shown; any other may be a secret, as `password` and `sslpassword` are.
const PLAIN: [&str; 7] =
    ["host", "hostaddr", "port", "sslmode", "sslrootcert", "application_name", "target_session_attrs"];

struct Parts<'a> {
    scheme: &'a str,
    user: Option<&'a str>,
    hosts: &'a str,
    path: &'a str,
    parameters: Vec<(String, String)>,
}

pub fn without_secrets(url: &str) -> String {
    let Some(parts) = parts(url) else {
        return url.to_owned();
    };
    if parts.hosts.contains('@') || parts.path.contains('@') {
        // A password that was not percent-encoded, of which this may be the rest.
        return format!("{}://{REDACTED}", parts.scheme);
    }
    let user = parts.user.map(|user| format!("{}@", user.split(':').next().unwrap_or_default()));
    let shown: Vec<_> = parts.parameters.iter().filter(|(name, _)| PLAIN.contains(&name.as_str())).collect();
    let query = form_urlencoded::Serializer::new(String::new()).extend_pairs(shown).finish();
    let mark = if query.is_empty() { "" } else { "?" };
    format!("{}://{}{}{}{mark}{query}", parts.scheme, user.unwrap_or_default(), parts.hosts, parts.path)
}

pub fn password(url: &str) -> Option<String> {
    let parts = parts(url)?;
    let named = parts.parameters.iter().rfind(|(name, _)| name == "password").map(|(_, value)| value.clone());
    named.or_else(|| Some(parts.user?.split_once(':')?.1.to_owned()))
}

/// Whether any host that libpq may connect to is on another machine and TLS is not demanded of it.
pub fn is_remote_without_tls(url: &str) -> bool {
    let Some(parts) = parts(url) else {
        return false;
    };
    let named = |wanted: &'static str| parts.parameters.iter().filter(move |(name, _)| name == wanted);
    let demanded = |mode: &str| matches!(mode, "require" | "verify-ca" | "verify-full");
    let safe = named("sslmode").count() > 0 && named("sslmode").all(|(_, mode)| demanded(mode));
    let written = parts.hosts.split(',').map(str::to_owned);
    let hosts =
        named("host").chain(named("hostaddr")).flat_map(|(_, value)| value.split(',').map(str::to_owned));
    !safe && written.chain(hosts).any(|host| is_remote(&host))
}

fn is_remote(host: &str) -> bool {
    let name = match host.strip_prefix('[') {
        Some(bracketed) => bracketed.split(']').next().unwrap_or_default(),
        None if host.matches(':').count() == 1 => host.split(':').next().unwrap_or_default(),
        None => host,
    };
    // Empty, and a path (also written %2F…), is a Unix socket; @ one in the abstract namespace.
    let socket =
        name.is_empty() || name.starts_with(['/', '@']) || name.to_ascii_lowercase().starts_with("%2f");
    !socket && !super::insecure::is_loopback(name)
}

fn parts(url: &str) -> Option<Parts<'_>> {
    let (scheme, rest) = url.split_once("://").filter(|(scheme, _)| scheme.starts_with("postgres"))?;
    // As libpq does: a user ends at the first @, if no / comes before it.
    let (user, rest) = match rest.find(['@', '/']).map(|at| rest.split_at(at)) {
        Some((user, rest)) if rest.starts_with('@') => (Some(user), rest.trim_start_matches('@')),
        _ => (None, rest),
    };
    let (before, query) = rest.split_once('?').unwrap_or((rest, ""));
    let (hosts, path) = before.split_at(before.find('/').unwrap_or(before.len()));
    let parameters = form_urlencoded::parse(query.as_bytes()).into_owned().collect();
    Some(Parts { scheme, user, hosts, path, parameters })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn neither_form_of_a_password_is_shown() {
        let shown = without_secrets("postgres://door:hunter2@db/door?password=hunter3&sslmode=require");

        assert_eq!(shown, "postgres://door@db/door?sslmode=require");
    }

    #[test]
    fn a_password_with_a_slash_or_mark_in_it_is_not_shown_either() {
        assert!(!without_secrets("postgres://door:hun/ter2@db/door").contains("ter2"));
        assert!(!without_secrets("postgres://door:hun?ter2@db/door").contains("ter2"));
        assert!(!without_secrets("postgres://door:hun@ter2@db/door").contains("ter2"));
    }

    #[test]
    fn tls_must_be_demanded_not_only_preferred() {
        assert!(is_remote_without_tls("postgres://db/door"));
        assert!(is_remote_without_tls("postgres://db/door?sslmode=prefer"));
        assert!(!is_remote_without_tls("postgres://db/door?sslmode=require"));
        assert!(!is_remote_without_tls("postgresql://db/door?sslmode=verify-full"));
    }

    #[test]
    fn the_last_sslmode_cannot_undo_the_first() {
        assert!(is_remote_without_tls("postgres://db/door?sslmode=require&sslmode=disable"));
        assert!(is_remote_without_tls("postgres://db/door?sslmode=disable&sslmode=require"));
    }

    #[test]
    fn this_machine_needs_no_tls() {
        assert!(!is_remote_without_tls("postgres://localhost/door"));
        assert!(!is_remote_without_tls("postgres://u:p@127.0.0.1:5432/door"));
        assert!(!is_remote_without_tls("postgres://[::1]:5432/door"));
        assert!(!is_remote_without_tls("postgres:///door?host=/run/postgresql"));
        assert!(!is_remote_without_tls("postgres://%2Frun%2Fpostgresql/door"));
    }

    #[test]
    fn every_host_counts_however_it_is_named() {
        assert!(is_remote_without_tls("postgres://localhost,db2/door"));
        assert!(is_remote_without_tls("postgres://localhost/door?host=db2"));
        assert!(is_remote_without_tls("postgres://localhost/door?hostaddr=10.0.0.9"));
        assert!(is_remote_without_tls("postgres://db/door?application_name=x@localhost"));
    }
}
