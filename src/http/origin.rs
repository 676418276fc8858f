//! An origin that a page claims, read whole: a prefix is how `http://localhost:5173.evil.example` gets in.

/// `http://localhost`, with a port as browsers write it or without one, and nothing after it.
pub fn is_local(origin: &str) -> bool {
    match origin.strip_prefix("http://localhost") {
        Some("") => true,
        Some(rest) => rest.strip_prefix(':').is_some_and(is_port),
        None => false,
    }
}

fn is_port(text: &str) -> bool {
    text.parse::<u16>().is_ok_and(|port| port != 0 && port.to_string() == text)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_page_of_this_machine_is_one_whole_origin() {
        for origin in ["http://localhost", "http://localhost:3000", "http://localhost:65535"] {
            assert!(is_local(origin), "{origin}");
        }
    }

    #[test]
    fn what_only_begins_like_one_is_none() {
        for origin in [
            "http://localhost:5173.evil.example",
            "http://localhost:5173, http://evil.example",
            "http://localhost:5173:evil.example",
            "http://localhost:5173/",
            "http://localhost:",
            "http://localhost:0",
            "http://localhost:+80",
            "http://localhost:080",
            "http://localhost:65536",
            "http://localhost.evil.example",
            "http://localhost@evil.example",
            "https://localhost:5173",
            "localhost:5173",
        ] {
            assert!(!is_local(origin), "{origin}");
        }
    }
}
