//! A token bucket. It fills at a rate up to its burst. Whoever has taken too much leaves it in debt, and nobody takes
//! anything before the debt is paid: so a request need not be cut, and over time no more goes through than comes in.

use std::time::Duration;

/// Tokens are counted in parts of this, so that no time is too short to bring some.
const PARTS: i128 = 1_000_000_000;

/// A bucket; time is since any moment, the same for all calls.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Bucket {
    /// Tokens per second.
    rate: u64,
    /// The most it holds.
    burst: u64,
    /// What it holds, in parts; less than 0 is a debt.
    level: i128,
    filled: Duration,
}

impl Bucket {
    /// A full bucket. `rate` and `burst` are 1 at least.
    pub fn new(rate: u64, burst: u64, now: Duration) -> Self {
        debug_assert!(rate > 0 && burst > 0);
        Self { rate, burst, level: i128::from(burst) * PARTS, filled: now }
    }

    /// The same bucket with another rate and burst: what it holds or owes stays, as far as it fits.
    pub fn change(&mut self, rate: u64, burst: u64, now: Duration) {
        self.fill(now);
        (self.rate, self.burst) = (rate, burst);
        self.level = self.level.min(i128::from(burst) * PARTS);
    }

    /// How long to wait before anything may be taken; nothing when it may be now.
    pub fn wait(&mut self, now: Duration) -> Option<Duration> {
        self.fill(now);
        if self.level >= PARTS {
            return None;
        }
        // Up to a whole token, and never too early.
        let missing = (PARTS - self.level).unsigned_abs();
        let nanos = missing.div_ceil(u128::from(self.rate));
        Some(Duration::from_nanos(u64::try_from(nanos).unwrap_or(u64::MAX)))
    }

    /// Takes `tokens`.
    pub fn take(&mut self, tokens: u64) {
        self.level = self.level.saturating_sub(i128::from(tokens) * PARTS);
    }

    fn fill(&mut self, now: Duration) {
        let passed = now.saturating_sub(self.filled);
        self.filled = self.filled.max(now);
        let passed = i128::try_from(passed.as_nanos()).unwrap_or(i128::MAX);
        let came = i128::from(self.rate).saturating_mul(passed);
        self.level = self.level.saturating_add(came).min(i128::from(self.burst) * PARTS);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    const SECOND: Duration = Duration::from_secs(1);

    #[test]
    fn a_burst_goes_at_once_and_the_rest_at_the_rate() {
        let mut bucket = Bucket::new(10, 5, Duration::ZERO);
        for _ in 0..5 {
            assert_eq!(bucket.wait(Duration::ZERO), None);
            bucket.take(1);
        }
        let wait = bucket.wait(Duration::ZERO).unwrap();
        assert_eq!(wait, SECOND / 10);
        bucket.take(20);
        let wait = bucket.wait(Duration::ZERO).unwrap();
        assert_eq!(wait, 2 * SECOND + SECOND / 10);
        assert_eq!(bucket.wait(wait), None);
    }

    #[test]
    fn a_change_keeps_debts_and_gives_nothing_away() {
        let mut bucket = Bucket::new(10, 100, Duration::ZERO);
        bucket.change(10, 5, Duration::ZERO);
        bucket.take(25);
        bucket.change(20, 1000, Duration::ZERO);
        assert!(bucket.wait(Duration::ZERO).unwrap() >= SECOND);
    }

    #[test]
    fn the_largest_numbers_do_not_overflow() {
        let mut bucket = Bucket::new(u64::MAX, u64::MAX, Duration::ZERO);
        for step in 0..10u32 {
            bucket.take(u64::MAX);
            bucket.wait(Duration::from_secs(u64::MAX / 10 * u64::from(step)));
        }
        let mut slow = Bucket::new(1, 1, Duration::ZERO);
        slow.take(u64::MAX);
        assert!(slow.wait(Duration::ZERO).is_some());
        // Time that goes back brings nothing.
        let mut bucket = Bucket::new(5, 5, SECOND);
        bucket.take(6);
        assert!(bucket.wait(Duration::ZERO).is_some());
    }

    proptest! {
        /// Whatever is asked for and when: never more than the burst, what came in, and the one request that overdrew.
        #[test]
        fn no_more_goes_through_than_came_in(
            rate in 1u64..1_000_000, burst in 1u64..1_000_000,
            steps in prop::collection::vec((0u64..500_000_000, 1u64..100_000), 1..200),
        ) {
            let mut bucket = Bucket::new(rate, burst, Duration::ZERO);
            let (mut now, mut taken, mut largest) = (Duration::ZERO, 0u128, 0);
            for (pause, tokens) in steps {
                now += Duration::from_nanos(pause);
                if bucket.wait(now).is_none() {
                    bucket.take(tokens);
                    taken += u128::from(tokens);
                    largest = largest.max(tokens);
                }
                let came = u128::from(rate) * now.as_nanos() / 1_000_000_000 + 1;
                prop_assert!(taken <= u128::from(burst) + came + u128::from(largest));
            }
        }

        /// Whoever waits as long as told gets through.
        #[test]
        fn nobody_waits_longer_than_needed(
            rate in 1u64..1_000_000, burst in 1u64..1_000_000, tokens in prop::collection::vec(1u64..100_000, 1..100),
        ) {
            let mut bucket = Bucket::new(rate, burst, Duration::ZERO);
            let (mut now, mut taken) = (Duration::ZERO, 0u128);
            for count in tokens {
                if let Some(wait) = bucket.wait(now) {
                    now += wait;
                    prop_assert_eq!(bucket.wait(now), None);
                }
                bucket.take(count);
                taken += u128::from(count);
            }
            // It waited only for what went beyond the burst.
            let came = u128::from(rate) * now.as_nanos() / 1_000_000_000;
            prop_assert!(came <= taken.saturating_sub(u128::from(burst)) + 2 + u128::from(rate) * 200 / 1_000_000_000);
        }
    }
}
