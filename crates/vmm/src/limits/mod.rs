//! Limits of a disk or of one direction of an interface: a bucket of bytes and one of operations, each only where there
//! is a limit. Without any, the clock is never asked.

mod bucket;

pub use bucket::Bucket;

use crate::config::{SpecError, within};
use cumulet_vmm_protocol::Limits;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, MutexGuard};
use std::time::{Duration, Instant};

/// Checks the limits of a specification.
pub fn check(field: &str, limits: &Limits) -> Result<Limits, SpecError> {
    let least = |name: &str, value| within(&format!("{field}.{name}"), value, 1, u64::MAX);
    if let Some(bandwidth) = &limits.bandwidth {
        least("bandwidth.bytes_per_second", bandwidth.bytes_per_second)?;
        least("bandwidth.burst_bytes", bandwidth.burst_bytes)?;
    }
    if let Some(operations) = &limits.operations {
        least("operations.per_second", operations.per_second)?;
        least("operations.burst", operations.burst)?;
    }
    Ok(*limits)
}

/// Lets through what the limits allow.
#[derive(Debug)]
pub struct Limiter {
    began: Instant,
    bytes: Option<Bucket>,
    operations: Option<Bucket>,
}

impl Limiter {
    /// Begins with full buckets.
    pub fn new(limits: &Limits) -> Self {
        let mut limiter = Self { began: Instant::now(), bytes: None, operations: None };
        limiter.set(limits);
        limiter
    }

    /// Changes the limits. A bucket that was there keeps what it holds.
    pub fn set(&mut self, limits: &Limits) {
        let now = self.began.elapsed();
        let bytes = limits.bandwidth.map(|limit| (limit.bytes_per_second, limit.burst_bytes));
        let operations = limits.operations.map(|limit| (limit.per_second, limit.burst));
        change(&mut self.bytes, bytes, now);
        change(&mut self.operations, operations, now);
    }

    /// How long to wait before the next operation; nothing when it may be now.
    pub fn wait(&mut self) -> Option<Duration> {
        if self.bytes.is_none() && self.operations.is_none() {
            return None;
        }
        let now = self.began.elapsed();
        let buckets = self.bytes.iter_mut().chain(&mut self.operations);
        buckets.filter_map(|bucket| bucket.wait(now)).max()
    }

    /// An operation of so many bytes was let through.
    pub fn pay(&mut self, bytes: u64) {
        self.bytes.iter_mut().for_each(|bucket| bucket.take(bytes));
        self.operations.iter_mut().for_each(|bucket| bucket.take(1));
    }
}

/// Limits that several threads work under. Without any, nobody waits for another.
#[derive(Debug)]
pub struct Shared {
    limiter: Mutex<Limiter>,
    limited: AtomicBool,
}

impl Shared {
    /// Begins with full buckets.
    pub fn new(limits: &Limits) -> Self {
        Self { limiter: Mutex::new(Limiter::new(limits)), limited: AtomicBool::new(!limits.is_none()) }
    }

    /// As [`Limiter::set`].
    pub fn set(&self, limits: &Limits) {
        self.lock().set(limits);
        self.limited.store(!limits.is_none(), Ordering::Release);
    }

    /// As [`Limiter::wait`].
    pub fn wait(&self) -> Option<Duration> {
        if self.limited.load(Ordering::Acquire) { self.lock().wait() } else { None }
    }

    /// As [`Limiter::pay`].
    pub fn pay(&self, bytes: u64) {
        if self.limited.load(Ordering::Acquire) {
            self.lock().pay(bytes);
        }
    }

    fn lock(&self) -> MutexGuard<'_, Limiter> {
        self.limiter.lock().expect("no thread panicked")
    }
}

/// Limits of several devices together: every one of them holds.
#[derive(Debug, Clone, Default)]
pub struct Together(Arc<[Shared]>);

impl Together {
    /// Begins with full buckets.
    pub fn new(limits: &[Limits]) -> Self {
        Self(limits.iter().map(Shared::new).collect())
    }

    /// As [`Limiter::wait`].
    pub fn wait(&self) -> Option<Duration> {
        self.0.iter().filter_map(Shared::wait).max()
    }

    /// As [`Limiter::pay`].
    pub fn pay(&self, bytes: u64) {
        self.0.iter().for_each(|shared| shared.pay(bytes));
    }
}

fn change(bucket: &mut Option<Bucket>, limit: Option<(u64, u64)>, now: Duration) {
    match (bucket, limit) {
        (Some(bucket), Some((rate, burst))) => bucket.change(rate, burst, now),
        (bucket, limit) => *bucket = limit.map(|(rate, burst)| Bucket::new(rate, burst, now)),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use cumulet_vmm_protocol::{Bandwidth, Operations};

    #[test]
    fn the_narrower_limit_counts_and_limits_can_be_lifted() {
        let bandwidth = Some(Bandwidth { bytes_per_second: 1000, burst_bytes: 1_000_000 });
        let operations = Some(Operations { per_second: 1, burst: 2 });
        let mut limiter = Limiter::new(&Limits { bandwidth, operations });
        assert_eq!(limiter.wait(), None);
        (0..1000).for_each(|_| limiter.pay(10));
        assert!(limiter.wait().unwrap() > Duration::from_secs(900));
        limiter.set(&Limits { bandwidth, operations: None });
        assert_eq!(limiter.wait(), None);
        limiter.pay(100_000_000);
        assert!(limiter.wait().unwrap() > Duration::from_secs(1000));
        limiter.set(&Limits::default());
        assert_eq!(limiter.wait(), None);
    }

    #[test]
    fn what_is_shared_is_paid_for_by_all() {
        let operations = Some(Operations { per_second: 1, burst: 10 });
        let shared = Shared::new(&Limits { bandwidth: None, operations });
        std::thread::scope(|scope| {
            (0..4).for_each(|_| drop(scope.spawn(|| (0..5).for_each(|_| shared.pay(1)))));
        });
        assert!(shared.wait().unwrap() > Duration::from_secs(5));
        shared.set(&Limits::default());
        assert_eq!(shared.wait(), None);
    }

    #[test]
    fn a_burst_ends_at_the_peak_and_then_at_the_baseline() {
        let of = |rate, burst| Limits {
            bandwidth: Some(Bandwidth { bytes_per_second: rate, burst_bytes: burst }),
            operations: None,
        };
        let together = Together::new(&[of(1_000_000, 1_000_000), of(1_000, 5_000_000)]);
        let other = together.clone();
        assert_eq!(together.wait(), None);
        other.pay(1_500_000);
        let wait = together.wait().unwrap();
        assert!(wait < Duration::from_secs(1), "the peak's: {wait:?}");
        other.pay(5_000_000);
        assert!(together.wait().unwrap() > Duration::from_secs(1000), "the baseline's");
        assert_eq!(Together::default().wait(), None);
    }

    #[test]
    fn a_limit_of_nothing_is_refused_with_its_field() {
        let limits = Limits { bandwidth: None, operations: Some(Operations { per_second: 0, burst: 1 }) };
        assert_eq!(
            check("disks[0].limits", &limits).unwrap_err().field,
            "disks[0].limits.operations.per_second"
        );
    }
}
