//! Whether a machine's agent has answered before. The first fork waits for its answer before anything is frozen; for later
//! ones it is asked while the disks are.

use std::collections::HashMap;
use std::sync::{Mutex, PoisonError};

use cumulet_model::{InstanceId, LaunchId};
use cumulet_store::InstanceRecord;

/// The starts whose agents have answered, by instance.
#[derive(Debug, Default)]
pub(crate) struct Greeted(Mutex<HashMap<InstanceId, LaunchId>>);

impl Greeted {
    /// Whether the agent of this start has answered.
    pub fn knows(&self, record: &InstanceRecord) -> bool {
        let known = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        record.launch_id.is_some() && known.get(&record.id) == record.launch_id.as_ref()
    }

    /// It has.
    pub fn add(&self, record: &InstanceRecord) {
        let Some(launch_id) = record.launch_id.clone() else { return };
        self.0.lock().unwrap_or_else(PoisonError::into_inner).insert(record.id.clone(), launch_id);
    }

    /// The instance is gone.
    pub fn forget(&self, id: &InstanceId) {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).remove(id);
    }
}
