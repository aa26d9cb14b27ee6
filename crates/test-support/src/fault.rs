//! Faults on demand: the nth call of a port from now on fails, or is the one in which the daemon dies.

use std::sync::{Arc, Mutex};

use cumulet_ports::{PortError, PortResult};

/// Shared by the fakes; counts their calls together.
#[derive(Debug, Clone, Default)]
pub struct Faults {
    inner: Arc<Mutex<Plan>>,
}

#[derive(Debug, Default)]
struct Plan {
    /// How many more calls go well before one goes wrong.
    after: Option<u32>,
    how: How,
    /// The call that went wrong.
    hit: Option<&'static str>,
    /// The call that fails each time.
    always: Option<&'static str>,
}

#[derive(Debug, Default, Clone, Copy, PartialEq, Eq)]
enum How {
    #[default]
    Fails,
    /// It never comes back, and does nothing.
    HangsBefore,
    /// It does what it should and never comes back.
    HangsAfter,
}

impl Faults {
    /// Lets the call after the next `after` ones fail, once.
    pub fn fail_after(&self, after: u32) {
        *self.lock() = Plan { after: Some(after), ..Plan::default() };
    }

    /// Lets each call of this name fail.
    pub fn fail_always(&self, call: &'static str) {
        *self.lock() = Plan { always: Some(call), ..Plan::default() };
    }

    /// Lets the call after the next `after` ones never come back, as if the daemon had died in it: before the host did
    /// anything, or, for calls that change a machine, with `done` after it.
    pub fn die_after(&self, after: u32, done: bool) {
        let how = if done { How::HangsAfter } else { How::HangsBefore };
        *self.lock() = Plan { after: Some(after), how, ..Plan::default() };
    }

    /// The call that went wrong, if any has.
    pub fn hit(&self) -> Option<&'static str> {
        self.lock().hit
    }

    /// Lets all go well again, and tells which call went wrong.
    pub fn clear(&self) -> Option<&'static str> {
        std::mem::take(&mut *self.lock()).hit
    }

    /// The beginning of a call.
    pub(crate) async fn pass(&self, call: &'static str) -> PortResult<()> {
        let how = {
            let mut plan = self.lock();
            if plan.always == Some(call) {
                return Err(made_to_fail(call));
            }
            match plan.after {
                Some(0) => {
                    plan.after = None;
                    plan.hit = Some(call);
                    plan.how
                }
                Some(after) => {
                    plan.after = Some(after - 1);
                    return Ok(());
                }
                None => return Ok(()),
            }
        };
        match how {
            How::Fails => Err(made_to_fail(call)),
            How::HangsBefore => std::future::pending().await,
            How::HangsAfter => Ok(()),
        }
    }

    /// The end of a call that changed something.
    pub(crate) async fn done(&self, call: &'static str) {
        let dies = {
            let plan = self.lock();
            plan.hit == Some(call) && plan.how == How::HangsAfter
        };
        if dies {
            std::future::pending::<()>().await;
        }
    }

    fn lock(&self) -> std::sync::MutexGuard<'_, Plan> {
        self.inner.lock().unwrap_or_else(|poisoned| poisoned.into_inner())
    }
}

fn made_to_fail(call: &str) -> PortError {
    PortError::plain(format!("{call} was made to fail"))
}
