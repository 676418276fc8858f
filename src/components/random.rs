//! Chance, from the operating system by way of the one crypto library.

use std::time::Duration;

use aws_lc_rs::rand;
use zeroize::Zeroizing;

use super::platform::Handle;
use crate::base::{Id, PlainToken};

#[derive(Clone, Copy, Debug, Default)]
pub struct Random;

impl Handle for Random {}

impl Random {
    pub fn bytes32(&self) -> [u8; 32] {
        draw()
    }

    /// 256 random bits behind a prefix that people and secret scanners recognise.
    pub fn token(&self, prefix: &str) -> PlainToken {
        PlainToken::from_bytes(prefix, &Zeroizing::new(draw()))
    }

    /// A name, never a secret: ids made one after the other sort that way, which paging by key relies on.
    pub fn id<K>(&self) -> Id<K> {
        Id::new()
    }

    /// A code to type. Draws that would make some codes likelier than others are thrown away.
    pub fn eight_digits(&self) -> String {
        loop {
            if let Some(code) = code_from(u32::from_be_bytes(draw())) {
                return format!("{code:08}");
            }
        }
    }

    /// Evenly between `lasting - percent` and `lasting`, so that crowds do not come back at once. Never more than was
    /// said: others rely on it.
    pub fn jitter(&self, lasting: Duration, percent: u32) -> Duration {
        let spread = lasting / 100 * percent.min(100);
        let width = spread.as_nanos().saturating_add(1);
        let share = u128::from(u64::from_be_bytes(draw()));
        let drawn = width.saturating_mul(share) >> 64;
        lasting - spread + Duration::from_nanos(u64::try_from(drawn).unwrap_or(u64::MAX))
    }
}

/// `None` for the draws above the last whole multiple of the number of codes.
fn code_from(draw: u32) -> Option<u32> {
    const CODES: u32 = 100_000_000;
    const FAIR: u32 = u32::MAX - u32::MAX % CODES;
    (draw < FAIR).then_some(draw % CODES)
}

#[expect(clippy::expect_used, reason = "without entropy no secret may be made, and there is no way on")]
fn draw<const N: usize>() -> [u8; N] {
    let mut bytes = [0; N];
    rand::fill(&mut bytes).expect("the operating system gives random bytes");
    bytes
}

#[cfg(test)]
mod tests {
    use std::collections::HashSet;

    use super::*;
    use crate::base::kind;

    #[test]
    fn a_token_carries_its_prefix_and_never_comes_twice() {
        let tokens: HashSet<String> = (0..1000).map(|_| Random.token("dwl_").expose().to_owned()).collect();

        assert_eq!(tokens.len(), 1000);
        assert!(tokens.iter().all(|token| token.starts_with("dwl_") && token.len() == 4 + 43));
    }

    #[test]
    fn ids_sort_in_the_order_in_which_they_were_made() {
        let ids: Vec<Id<kind::User>> = (0..1000).map(|_| Random.id()).collect();

        assert!(ids.is_sorted());
    }

    #[test]
    fn a_code_is_eight_digits_even_when_small() {
        let code = Random.eight_digits();

        assert!(code.len() == 8 && code.bytes().all(|byte| byte.is_ascii_digit()), "{code}");
        assert_eq!(code_from(7).map(|code| format!("{code:08}")).as_deref(), Some("00000007"));
    }

    #[test]
    fn a_draw_that_would_favour_low_codes_is_thrown_away() {
        assert_eq!(code_from(4_199_999_999), Some(99_999_999));
        assert_eq!(code_from(4_200_000_000), None);
        assert_eq!(code_from(u32::MAX), None);
    }

    #[test]
    fn codes_are_spread_evenly_over_their_first_digit() {
        let mut seen = [0_u32; 10];
        (0..20_000).for_each(|_| seen[usize::from(Random.eight_digits().as_bytes()[0] - b'0')] += 1);

        // 2,000 expected for each; seven standard deviations on either side.
        assert!(seen.iter().all(|count| (1_700..2_300).contains(count)), "{seen:?}");
    }

    #[test]
    fn jitter_takes_its_share_at_most_and_adds_nothing() {
        let hour = Duration::from_secs(3600);

        let drawn: Vec<Duration> = (0..1000).map(|_| Random.jitter(hour, 10)).collect();

        assert!(drawn.iter().all(|d| *d <= hour && d.as_secs() >= 3240));
        assert!(drawn.iter().any(|d| d.as_secs() < 3300) && drawn.iter().any(|d| d.as_secs() > 3540));
        assert_eq!(Random.jitter(hour, 0), hour);
        assert_eq!(Random.jitter(Duration::ZERO, 10), Duration::ZERO);
    }
}
