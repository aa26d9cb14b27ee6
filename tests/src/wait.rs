//! Waiting for a condition with a generous limit, which an emulated host stretches.

use std::time::{Duration, Instant};

/// How long a story waits before it gives up, for something that takes a real host `seconds`: a host that is emulated
/// (`CUMULET_SLOW_HOST` is set there) may take thirty times as long.
pub fn patience(seconds: u64) -> Duration {
    let factor = if is_slow_host() { 30 } else { 1 };
    Duration::from_secs(seconds * factor)
}

/// Whether the host is an emulated one.
pub fn is_slow_host() -> bool {
    std::env::var_os("CUMULET_SLOW_HOST").is_some()
}

/// Looks until something is found, for up to a real host's two minutes.
pub fn eventually<T>(what: &str, mut look: impl FnMut() -> Option<T>) -> T {
    let limit = patience(120);
    let begun = Instant::now();
    loop {
        if let Some(found) = look() {
            return found;
        }
        assert!(begun.elapsed() < limit, "waited {limit:?} in vain: {what}");
        std::thread::sleep(Duration::from_millis(100));
    }
}
