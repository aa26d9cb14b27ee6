//! What forks touch of their memory first: the first one that runs is asked, those that begin alike later fetch it ahead.

use std::collections::HashMap;
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use cumulet_model::{InstanceId, SavedMachineId};
use cumulet_ports::vm_host::Touched;
use tracing::debug;

use super::ForkPoint;
use crate::cloud::Cloud;

/// How long a fork has run when it is asked: it has become itself, and done what it was made for first.
const FIRST_MOMENTS: Duration = Duration::from_millis(300);

/// The lists of saved machines, of this daemon's life.
#[derive(Debug, Default)]
pub(crate) struct SavedTouched(Mutex<HashMap<SavedMachineId, Touched>>);

impl SavedTouched {
    /// That of a saved machine.
    pub fn of(&self, id: &SavedMachineId) -> Touched {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).entry(id.clone()).or_default().clone()
    }

    /// The saved machine is gone.
    pub fn forget(&self, id: &SavedMachineId) {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).remove(id);
    }
}

/// Asks a fork that runs, a moment later, unless one was asked before.
pub(crate) fn learn_touched(cloud: &Cloud, id: InstanceId, point: ForkPoint) {
    if point.base.touched.list().is_some() {
        return;
    }
    let (cloud, stop) = (cloud.clone(), cloud.inner.stop.clone());
    cloud.inner.tasks.clone().spawn(async move {
        tokio::select! {
            () = stop.cancelled() => return,
            () = tokio::time::sleep(FIRST_MOMENTS) => {}
        }
        // A hint: without it the next forks are as quick as this one was.
        if let Err(error) = cloud.inner.ports.vms.learn_touched(&id, &point.base).await {
            debug!(instance = %id, error = error.chain(), "a fork does not tell what it touched first");
        }
    });
}
