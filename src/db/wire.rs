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

/// The same URL with a bound wherever it names none itself.
pub(super) fn bounded(url: &str) -> String {
    let query = url.split_once('?').map(|(_, query)| query);
    let named = |wanted: &str| {
        query.is_some_and(|query| query.split('&').any(|pair| pair.split('=').next() == Some(wanted)))
    };
    let added: Vec<String> = BOUNDS
        .iter()
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

#[cfg(test)]
mod tests {
    use super::*;

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
