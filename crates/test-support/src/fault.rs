//! Faults on demand: the nth call of a port from now on fails.

use std::sync::{Arc, Mutex};

use cumulet_ports::{PortError, PortResult};

/// Shared by the fakes; counts their calls together.
#[derive(Debug, Clone, Default)]
pub struct Faults {
    inner: Arc<Mutex<Plan>>,
}

#[derive(Debug, Default)]
struct Plan {
    /// How many more calls go well before one fails.
    after: Option<u32>,
    /// The call that failed.
    failed: Option<&'static str>,
}

impl Faults {
    /// Lets the call after the next `after` ones fail, once.
    pub fn fail_after(&self, after: u32) {
        *self.lock() = Plan { after: Some(after), failed: None };
    }

    /// Lets all go well again, and tells which call failed.
    pub fn clear(&self) -> Option<&'static str> {
        std::mem::take(&mut *self.lock()).failed
    }

    pub(crate) fn pass(&self, call: &'static str) -> PortResult<()> {
        let mut plan = self.lock();
        match plan.after {
            Some(0) => {
                *plan = Plan { after: None, failed: Some(call) };
                Err(PortError::plain(format!("{call} was made to fail")))
            }
            Some(after) => {
                plan.after = Some(after - 1);
                Ok(())
            }
            None => Ok(()),
        }
    }

    fn lock(&self) -> std::sync::MutexGuard<'_, Plan> {
        self.inner.lock().unwrap_or_else(|poisoned| poisoned.into_inner())
    }
}
