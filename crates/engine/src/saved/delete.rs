//! Deleting saved machines.

use cumulet_model::saved_machine::SavedMachineState;
use cumulet_model::{CloudError, ErrorCode, SavedMachineId};
use cumulet_store::SavedMachineRecord;
use tracing::info;

use super::layers_of;
use crate::cloud::{Cloud, Result, internal, port_failed};

impl Cloud {
    /// Deletes a saved machine. Instances that began from it, or are about to, go on.
    pub async fn delete_saved_machine(&self, id: &SavedMachineId) -> Result<()> {
        // No fork is taking its layers meanwhile.
        let _taking = self.inner.taking.lock().await;
        let record = self.saved_record(id).await?;
        if record.state == SavedMachineState::Saving {
            let text = format!("The saved machine '{id}' is still being saved");
            return Err(CloudError::new(ErrorCode::IncorrectState, text));
        }
        self.inner
            .store
            .set_saved_machine_state(id, SavedMachineState::Deleting, record.reason.as_deref())
            .await
            .map_err(internal)?;
        self.remove_saved(&record).await?;
        self.inner.saved_touched.forget(id);
        info!(saved = %id, "a saved machine is deleted");
        Ok(())
    }

    pub(super) async fn remove_saved(&self, record: &SavedMachineRecord) -> Result<()> {
        self.remove_saved_files(record).await?;
        self.inner.store.delete_saved_machine(&record.id).await.map_err(internal)
    }

    pub(super) async fn remove_saved_files(&self, record: &SavedMachineRecord) -> Result<()> {
        let storage = &self.inner.ports.storage;
        for layers in layers_of(record) {
            storage.delete_snapshot(layers).await.map_err(port_failed)?;
        }
        storage.delete_saved(&record.id).await.map_err(port_failed)
    }
}
