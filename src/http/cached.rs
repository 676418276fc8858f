//! Answers that a caller may keep for a while, and ask whether they still hold.

use std::time::Duration;

use aws_lc_rs::digest::{SHA256, digest};
use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;

use super::answer::{Answer, Content};

/// An answer with its `ETag`; empty, with 304, for who has it already.
pub fn cached(content_type: &'static str, bytes: &[u8], keep: Duration, known: Option<&str>) -> Answer {
    let tag = tag(bytes);
    let answer = if known.is_some_and(|known| lists(known, &tag)) {
        Answer::new(304, Content::Empty)
    } else {
        Answer::new(200, Content::Raw(content_type, bytes.to_vec()))
    };
    answer.header("etag", tag).header("cache-control", format!("public, max-age={}", keep.as_secs()))
}

/// What stands in `ETag` for such bytes.
pub fn tag(bytes: &[u8]) -> String {
    let sum = digest(&SHA256, bytes);
    format!("\"{}\"", URL_SAFE_NO_PAD.encode(sum.as_ref().get(..12).unwrap_or_default()))
}

/// RFC 9110, section 13.1.2: a list, compared weakly, or `*`.
pub fn lists(known: &str, tag: &str) -> bool {
    let mut tags = known.split(',').map(|one| one.trim().trim_start_matches("W/"));
    tags.any(|one| one == tag || one == "*")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn status(known: Option<&str>) -> u16 {
        cached("text/plain", b"body", Duration::from_secs(60), known).status
    }

    #[test]
    fn who_names_the_tag_gets_no_body_again() {
        let first = cached("text/plain", b"body", Duration::from_secs(60), None);
        let tag = &first.headers.iter().find(|(name, _)| *name == "etag").unwrap().1;

        assert_eq!(status(Some(tag)), 304);
        assert_eq!(status(Some(&format!("\"other\", W/{tag}"))), 304);
        assert_eq!(status(Some("\"other\"")), 200);
        assert_eq!(status(None), 200);
    }
}
