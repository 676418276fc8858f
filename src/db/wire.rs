//! How long a silent network is waited for on the way to PostgreSQL: libpq by itself waits for ever.

/// In libpq's own words and units: seconds, and milliseconds for `tcp_user_timeout`. What was sent and is not even
/// received ends the connection, and so does the silence of the other machine while an answer is waited for.
const BOUNDS: [(&str, &str); 6] = [
    ("connect_timeout", "5"),
    ("tcp_user_timeout", "10000"),
    ("keepalives", "1"),
    ("keepalives_idle", "10"),
    ("keepalives_interval", "5"),
    ("keepalives_count", "3"),
];

/// Where several hosts are named one of them may be gone, and another one may only follow: neither is waited for long.
const OF_SEVERAL: [(&str, &str); 2] = [("connect_timeout", "2"), ("target_session_attrs", "read-write")];

/// The same URL with a bound wherever it names none itself.
pub(super) fn bounded(url: &str) -> String {
    let query = url.split_once('?').map(|(_, query)| query);
    let named = |wanted: &str| {
        query.is_some_and(|query| query.split('&').any(|pair| pair.split('=').next() == Some(wanted)))
    };
    let of_several = if names_several(url) { OF_SEVERAL.as_slice() } else { &[] };
    let others = BOUNDS.iter().filter(|(name, _)| of_several.iter().all(|(known, _)| known != name));
    let added: Vec<String> = of_several
        .iter()
        .chain(others)
        .filter(|(name, _)| !named(name))
        .map(|(name, value)| format!("{name}={value}"))
        .collect();
    match query {
        _ if added.is_empty() => url.to_owned(),
        None => format!("{url}?{}", added.join("&")),
        Some("") => format!("{url}{}", added.join("&")),
        Some(_) => format!("{url}&{}", added.join("&")),
    }
}

/// Before the path, or as parameters; a comma in a password makes two hosts of one, which does no harm.
fn names_several(url: &str) -> bool {
    let rest = url.split_once("://").map_or(url, |(_, rest)| rest);
    let (before, query) = rest.split_once('?').unwrap_or((rest, ""));
    let authority = before.split('/').next().unwrap_or_default();
    let hosts = query.split('&').filter(|pair| pair.starts_with("host=") || pair.starts_with("hostaddr="));
    authority.contains(',') || hosts.into_iter().any(|pair| pair.contains(',') || pair.contains("%2C"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn of_several_hosts_the_one_that_takes_writes_is_meant() {
        for url in ["postgres://a:1,b:2/door", "postgres:///door?host=a,b", "postgres://u:p@a,b/door?x=1"] {
            let bounded = bounded(url);
            assert!(bounded.contains("target_session_attrs=read-write"), "{bounded}");
            assert!(
                bounded.contains("connect_timeout=2&") && !bounded.contains("connect_timeout=5"),
                "{bounded}"
            );
        }
        let chosen = bounded("postgres://a,b/door?target_session_attrs=primary");
        assert_eq!(chosen.matches("target_session_attrs").count(), 1, "{chosen}");
        assert!(!bounded("postgres://a/door?application_name=x,y").contains("target_session_attrs"));
    }

    #[test]
    fn no_url_is_without_bounds() {
        let bounded = bounded("postgres://door@db/doorward");

        assert_eq!(
            bounded,
            "postgres://door@db/doorward?connect_timeout=5&tcp_user_timeout=10000&keepalives=1&\
             keepalives_idle=10&keepalives_interval=5&keepalives_count=3"
        );
    }

    #[test]
    fn what_the_url_says_holds() {
        let bounded = bounded("postgres://db/d?sslmode=require&connect_timeout=2&keepalives=0");

        assert!(bounded.starts_with("postgres://db/d?sslmode=require&connect_timeout=2&keepalives=0&tcp_"));
        assert_eq!(bounded.matches("connect_timeout=").count(), 1);
        assert_eq!(bounded.matches("keepalives=").count(), 1);
    }
}
