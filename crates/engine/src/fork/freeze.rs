//! Freezing a running machine: its volumes get a new layer on top each, then its state and memory are taken, with which
//! it begins to write to the new layers.

use cumulet_model::attachment::AttachmentState;
use cumulet_model::volume::Volume;
use cumulet_model::{CloudError, ErrorCode, InstanceId, VolumeId};
use cumulet_ports::PortError;
use cumulet_ports::storage::DiskChain;
use cumulet_ports::vm_host::MachineBase;
use cumulet_store::{InstanceRecord, InterfaceRecord};
use tracing::error;

use crate::cloud::{Cloud, Result, internal};
use crate::layers::Added;

/// A running machine at a moment.
pub(crate) struct Frozen {
    /// Its state and memory.
    pub base: MachineBase,
    /// Its volumes.
    pub volumes: Vec<Volume>,
    /// The numbers below which the layers of each are frozen, in the same order.
    pub layers: Vec<u32>,
    /// Its interfaces.
    pub interfaces: Vec<InterfaceRecord>,
}

/// The volumes of a running machine with new layers on top, which the machine does not write to yet.
pub(super) struct FrozenDisks {
    /// The volumes.
    pub volumes: Vec<Volume>,
    /// The new layer of each, in the same order.
    pub added: Vec<Added>,
    /// What is to be behind the machine's disks.
    pub chains: Vec<(VolumeId, DiskChain)>,
    /// The machine's interfaces.
    pub interfaces: Vec<InterfaceRecord>,
}

/// Refuses to have an instance forked or the like while a device comes or goes.
pub(crate) fn check_settled(
    what: &str,
    id: &InstanceId,
    volumes: &[Volume],
    interfaces: &[InterfaceRecord],
) -> Result<()> {
    let volumes = volumes.iter().map(|volume| volume.attachment.as_ref().map(|a| a.state));
    let interfaces = interfaces.iter().map(|held| held.interface.attachment.as_ref().map(|a| a.state));
    if volumes.chain(interfaces).all(|state| state == Some(AttachmentState::Attached)) {
        return Ok(());
    }
    let text =
        format!("The instance '{id}' can't be {what} while a volume or interface is attached or detached");
    Err(CloudError::new(ErrorCode::IncorrectState, text))
}

impl Cloud {
    /// Freezes a running machine's volumes, state and memory. Nobody else may freeze any of them meanwhile.
    pub(crate) async fn freeze_machine(&self, source: &InstanceRecord, what: &str) -> Result<Frozen> {
        let FrozenDisks { volumes, added, chains, interfaces } = self.freeze_disks(source, what).await?;
        let base = self.take_machine(source, what, chains).await?;
        self.tend_frozen(&volumes, &added);
        let layers = added.iter().map(|added| added.below).collect();
        Ok(Frozen { base, volumes, layers, interfaces })
    }

    /// The first half of [`Cloud::freeze_machine`].
    pub(super) async fn freeze_disks(&self, source: &InstanceRecord, what: &str) -> Result<FrozenDisks> {
        let store = &self.inner.store;
        let volumes = store.volumes_of(&source.id).await.map_err(internal)?;
        let interfaces = store.interfaces_of(&source.id).await.map_err(internal)?;
        check_settled(what, &source.id, &volumes, &interfaces)?;
        let modified = store.open_modifications_of(&source.id).await.map_err(internal)?;
        if let Some(modification) = modified.first() {
            let text = format!(
                "The instance '{}' can't be {what} while its volume '{}' is modified",
                source.id, modification.volume_id
            );
            return Err(CloudError::new(ErrorCode::IncorrectState, text));
        }
        let storage = &self.inner.ports.storage;
        let not_now = |failure: PortError| not_now(source, what, &failure);
        let (mut chains, mut added) = (Vec::new(), Vec::new());
        for volume in &volumes {
            added.push(self.add_layer(volume, true).await.map_err(not_now)?);
            chains.push((volume.id.clone(), storage.volume_chain(&volume.id).await.map_err(not_now)?));
        }
        Ok(FrozenDisks { volumes, added, chains, interfaces })
    }

    /// The second half.
    pub(super) async fn take_machine(
        &self,
        source: &InstanceRecord,
        what: &str,
        chains: Vec<(VolumeId, DiskChain)>,
    ) -> Result<MachineBase> {
        let taken = self.inner.ports.vms.fork(&source.id, chains).await;
        taken.map_err(|failure| not_now(source, what, &failure))
    }

    /// The machine writes to the new layers: sees to it that those beneath don't become too many.
    pub(super) fn tend_frozen(&self, volumes: &[Volume], added: &[Added]) {
        for (volume, added) in volumes.iter().zip(added) {
            self.tend_layers(&volume.id, *added);
        }
    }
}

fn not_now(source: &InstanceRecord, what: &str, failure: &PortError) -> CloudError {
    let why = failure.chain();
    error!(instance = %source.id, error = why, "a machine could not be taken");
    CloudError::new(
        ErrorCode::Unavailable,
        format!("The instance '{}' can't be {what} now: {why}", source.id),
    )
}
