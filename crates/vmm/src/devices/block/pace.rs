//! Whether writes are done at once by the disk's thread or given to the kernel's.
//!
//! A write to the host's page cache is a copy, and waiting for another thread to make it costs more than the copy: ext4,
//! for one, can't write from a ring without such a thread (measured with 4 KiB at a depth of 32: 18,000 a second instead
//! of 104,000). But when too much is dirty, or its journal is full, the host holds writers back, and a thread that waits
//! there serves nobody. So a write that took long has those that follow go by the ring for a while. What counts as long
//! is more than a busy host's processors keep a thread waiting, or there would be no end of it.

use std::time::{Duration, Instant};

/// A write has been held back when it took longer than this,
const LONG: Duration = Duration::from_millis(20);
/// and this for each MiB.
const LONG_PER_MIB: Duration = Duration::from_millis(4);
/// How long others go by the ring then.
const WHILE: Duration = Duration::from_millis(200);

/// How writes have gone.
#[derive(Debug, Default)]
pub struct Pace {
    held_back_until: Option<Instant>,
}

impl Pace {
    /// Whether a write at the time `now` may be done at once.
    pub fn is_free(&mut self, now: Instant) -> bool {
        self.held_back_until = self.held_back_until.filter(|until| now < *until);
        self.held_back_until.is_none()
    }

    /// A write of so many bytes that began at `began` has ended at `now`.
    pub fn note(&mut self, bytes: u64, began: Instant, now: Instant) {
        let limit = LONG + LONG_PER_MIB.mul_f64(bytes as f64 / f64::from(1 << 20));
        if now.saturating_duration_since(began) > limit {
            self.held_back_until = Some(now + WHILE);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_that_is_held_back_sends_others_another_way_for_a_while() {
        let (mut pace, began) = (Pace::default(), Instant::now());
        assert!(pace.is_free(began));
        pace.note(4096, began, began + LONG);
        assert!(pace.is_free(began));
        pace.note(1 << 20, began, began + LONG + LONG_PER_MIB);
        assert!(pace.is_free(began));
        let held_back = began + LONG * 2;
        pace.note(4096, began, held_back);
        assert!(!pace.is_free(held_back) && !pace.is_free(held_back + WHILE / 2));
        assert!(pace.is_free(held_back + WHILE));
    }
}
