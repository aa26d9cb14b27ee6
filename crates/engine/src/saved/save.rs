//! Saving a running machine.

use cumulet_model::saved_machine::{SavedMachine, SavedMachineState};
use cumulet_model::volume::VolumeSource;
use cumulet_model::{CloudError, SavedMachineId, SnapshotId};
use cumulet_ports::vm_host::MachineBase;
use cumulet_ports::{PortError, PortResult};
use cumulet_store::{SavedMachineRecord, SavedSource};
use tracing::{error, info};

use super::layers_of;
use crate::api::instance::SaveMachine;
use crate::cloud::{Cloud, Result, internal};
use crate::fork::Frozen;
use crate::idempotent::token_of;

/// The longest name.
const MAX_NAME: usize = 128;

impl Cloud {
    /// Saves a running instance's machine. The answer comes when the instance goes on; the files may be written still.
    pub async fn save_machine(&self, request: SaveMachine) -> Result<SavedMachine> {
        if let Some(name) = &request.name {
            check_name(name)?;
        }
        let token = token_of("SaveMachine", request.client_token.as_deref(), &request);
        self.forkable(&request.source, "saved").await?;
        // Without an agent no fork of it could become another machine.
        self.agent_greeting(&request.source).await?;
        let taking = self.inner.taking.lock().await;
        if let Some(made) = self.made_before(token.as_ref()).await? {
            let id = made.parse().map_err(|_| CloudError::internal("a token names no saved machine"))?;
            return self.saved_machine(&id).await;
        }
        let source = self.forkable(&request.source, "saved").await?;
        let Frozen { base, mut volumes, layers, interfaces } = self.freeze_machine(&source, "saved").await?;
        for volume in &mut volumes {
            volume.source = VolumeSource::Snapshot(SnapshotId::random(&mut rand::rng()));
        }
        let memory = self.instance_type(&source.instance_type)?.memory.bytes();
        let record = SavedMachineRecord {
            id: SavedMachineId::random(&mut rand::rng()),
            name: request.name,
            state: SavedMachineState::Saving,
            reason: None,
            created: self.inner.clock.now(),
            source: SavedSource { instance: source, volumes, interfaces },
        };
        self.inner.store.add_saved_machine(&record, token.as_ref()).await.map_err(internal)?;
        let mut linked = Ok(());
        for ((volume, kept), below) in record.source.volumes.iter().zip(layers_of(&record)).zip(layers) {
            linked = self.inner.ports.storage.take_snapshot(kept, &volume.id, below).await;
            if linked.is_err() {
                break;
            }
        }
        drop(taking);
        let id = record.id.clone();
        info!(saved = %id, instance = %record.source.instance.id, "a machine is being saved");
        tokio::spawn(write(self.clone(), record, linked, base, memory));
        self.saved_machine(&id).await
    }

    /// What a daemon's end cut off has failed, or is deleted to its end.
    pub(crate) async fn settle_saved_machines(&self) -> Result<()> {
        for record in self.inner.store.saved_machines().await.map_err(internal)? {
            match record.state {
                SavedMachineState::Saving => {
                    self.fail_saved(&record, "the daemon ended while the machine was being saved").await?;
                }
                SavedMachineState::Deleting => self.remove_saved(&record).await?,
                SavedMachineState::Available | SavedMachineState::Failed => {}
            }
        }
        Ok(())
    }

    async fn fail_saved(&self, record: &SavedMachineRecord, why: &str) -> Result<()> {
        let store = &self.inner.store;
        self.remove_saved_files(record).await?;
        store
            .set_saved_machine_state(&record.id, SavedMachineState::Failed, Some(why))
            .await
            .map_err(internal)
    }
}

async fn write(
    cloud: Cloud,
    record: SavedMachineRecord,
    linked: PortResult<()>,
    base: MachineBase,
    memory: cumulet_model::Bytes,
) {
    let written = match linked {
        Ok(()) => cloud.inner.ports.storage.keep_machine(&record.id, &base, memory).await,
        failed => failed,
    };
    let ended = match written {
        Ok(()) => {
            let state = SavedMachineState::Available;
            let store = &cloud.inner.store;
            store.set_saved_machine_state(&record.id, state, None).await.map_err(internal)
        }
        Err(failure) => failed(&cloud, &record, &failure).await,
    };
    match ended {
        Ok(()) => info!(saved = %record.id, "the saving of a machine has ended"),
        Err(failure) => {
            error!(saved = %record.id, %failure, "what became of a saved machine can't be written")
        }
    }
}

async fn failed(cloud: &Cloud, record: &SavedMachineRecord, failure: &PortError) -> Result<()> {
    let why = failure.chain();
    error!(saved = %record.id, error = why, "a machine could not be saved");
    cloud.fail_saved(record, &why).await
}

fn check_name(name: &str) -> Result<()> {
    let count = name.chars().count();
    if (1..=MAX_NAME).contains(&count) && !name.chars().any(char::is_control) && !name.starts_with("sm-") {
        return Ok(());
    }
    Err(CloudError::invalid_value(format!(
        "a saved machine's name has 1 to {MAX_NAME} characters, none of them a control character, and does not begin \
         with sm-"
    )))
}
