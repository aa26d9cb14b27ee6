//! Saved machines: a running machine's state, memory and disks kept under a name of their own, whatever becomes of it, to
//! fork from.
//!
//! The machine stands still as for a fork, in memory; what was taken is then written to files while it goes on. The row
//! comes before the files and goes after them, so that none is left by itself. What is deleted is gone for those to come:
//! forks have its disks' layers as their own and its memory open.

mod delete;
mod save;

use cumulet_model::saved_machine::{SavedMachine, SavedMachineState};
use cumulet_model::volume::VolumeSource;
use cumulet_model::{CloudError, ErrorCode, SavedMachineId, SnapshotId};
use cumulet_store::SavedMachineRecord;

use crate::cloud::{Cloud, Result, internal};

impl Cloud {
    /// All saved machines, oldest first.
    pub async fn saved_machines(&self) -> Result<Vec<SavedMachine>> {
        Ok(self.inner.store.saved_machines().await.map_err(internal)?.into_iter().map(shown).collect())
    }

    /// One saved machine.
    pub async fn saved_machine(&self, id: &SavedMachineId) -> Result<SavedMachine> {
        Ok(shown(self.saved_record(id).await?))
    }

    pub(crate) async fn saved_record(&self, id: &SavedMachineId) -> Result<SavedMachineRecord> {
        let all = self.inner.store.saved_machines().await.map_err(internal)?;
        all.into_iter()
            .find(|record| record.id == *id)
            .ok_or_else(|| CloudError::not_found(ErrorCode::InvalidSavedMachineNotFound, "saved machine", id))
    }

    /// A saved machine that can be forked.
    pub(crate) async fn usable_saved(&self, id: &SavedMachineId) -> Result<SavedMachineRecord> {
        let record = self.saved_record(id).await?;
        if record.state != SavedMachineState::Available {
            let text = format!("The saved machine '{id}' is {}, not available", record.state.as_str());
            return Err(CloudError::new(ErrorCode::IncorrectState, text));
        }
        Ok(record)
    }
}

fn shown(record: SavedMachineRecord) -> SavedMachine {
    SavedMachine {
        id: record.id,
        name: record.name,
        state: record.state,
        reason: record.reason,
        created: record.created,
        instance_id: record.source.instance.id,
        instance_type: record.source.instance.instance_type,
    }
}

/// The frozen layers that are a saved machine's own.
pub(crate) fn layers_of(record: &SavedMachineRecord) -> impl Iterator<Item = &SnapshotId> {
    record.source.volumes.iter().filter_map(|volume| match &volume.source {
        VolumeSource::Snapshot(id) => Some(id),
        _ => None,
    })
}
