//! When to try again: exponential with full jitter (M. Brooker, "Exponential backoff and jitter", 2015), so that a
//! thousand clients that lost their server at once do not come back at once.

use std::time::Duration;

use rand::Rng;
use rand::rngs::StdRng;

use crate::limits::{BACKOFF_FIRST, BACKOFF_MAX, RETRY_AFTER_MAX};

/// How long to wait after the `tries`-th try failed; at least `after`, when the server said so.
pub(crate) fn delay(tries: u32, after: Option<Duration>, rng: &mut StdRng) -> Duration {
    let span = BACKOFF_FIRST.saturating_mul(1 << tries.saturating_sub(1).min(16)).min(BACKOFF_MAX);
    let jitter = span.mul_f64(rng.random::<f64>());
    after.unwrap_or_default().min(RETRY_AFTER_MAX) + jitter
}

#[cfg(test)]
mod tests {
    use rand::SeedableRng;

    use super::*;

    #[test]
    fn waits_grow_to_a_bound_and_honour_the_server() {
        let mut rng = StdRng::seed_from_u64(1);
        for tries in 1..200 {
            let span = (BACKOFF_FIRST * 2_u32.saturating_pow(tries - 1).min(1 << 16)).min(BACKOFF_MAX);
            assert!(delay(tries, None, &mut rng) <= span);
            let asked = delay(tries, Some(Duration::from_secs(3)), &mut rng);
            assert!((Duration::from_secs(3)..=Duration::from_secs(3) + span).contains(&asked));
        }
        assert!(delay(1, Some(Duration::MAX), &mut rng) <= RETRY_AFTER_MAX + BACKOFF_FIRST);
    }
}
