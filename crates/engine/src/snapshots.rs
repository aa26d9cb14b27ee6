//! Snapshots: what a volume holds at a moment, kept by freezing its layers. Nothing is copied, so a snapshot is complete
//! when its request is answered. One of a volume that a guest uses holds what the guest has written by then, as if its
//! power had been cut: the machine stands still for the moment in which its disk gets a new layer.
//!
//! One that the daemon's death cut off has failed: its row says so at the next start.

use cumulet_model::snapshot::{Snapshot, SnapshotState};
use cumulet_model::state::{Intent, Machine};
use cumulet_model::tag::check_tags;
use cumulet_model::volume::{Volume, VolumeState};
use cumulet_model::{CloudError, ErrorCode, SnapshotId};
use cumulet_ports::PortResult;
use tracing::{error, info};

use crate::api::volume::CreateSnapshot;
use crate::cloud::{Cloud, Result, internal, port_failed};
use crate::volumes::incorrect_state;

/// EC2's limit of a description.
const MAX_DESCRIPTION: usize = 255;

impl Cloud {
    /// All snapshots, oldest first.
    pub async fn snapshots(&self) -> Result<Vec<Snapshot>> {
        self.inner.store.snapshots().await.map_err(internal)
    }

    /// One snapshot.
    pub async fn snapshot(&self, id: &SnapshotId) -> Result<Snapshot> {
        let found = self.snapshots().await?.into_iter().find(|snapshot| snapshot.id == *id);
        found.ok_or_else(|| no_snapshot(id))
    }

    /// Takes a snapshot of a volume.
    pub async fn create_snapshot(&self, request: CreateSnapshot) -> Result<Snapshot> {
        check_tags(&request.tags)?;
        let description = request.description.unwrap_or_default();
        if description.chars().count() > MAX_DESCRIPTION {
            let text = format!("Description must be at most {MAX_DESCRIPTION} characters long");
            return Err(CloudError::invalid_value(text));
        }
        // Nothing is started or attached meanwhile, so that nobody opens the layer that is to be frozen.
        let _taking = self.inner.taking.lock().await;
        let _allocation = self.inner.allocation.lock().await;
        let volume = self.volume(&request.volume_id).await?;
        let has_machine = self.can_freeze(&volume).await?;
        let snapshot = Snapshot {
            id: SnapshotId::random(&mut rand::rng()),
            volume_id: volume.id.clone(),
            size: volume.size,
            state: SnapshotState::Pending,
            message: None,
            description,
            started: self.inner.clock.now(),
            ended: None,
            tags: request.tags,
        };
        self.inner.store.add_snapshot(&snapshot).await.map_err(internal)?;
        let taken = self.take_snapshot(&snapshot.id, &volume, has_machine).await;
        let failure = taken.err().map(|failure| {
            error!(snapshot = %snapshot.id, volume = %volume.id, error = failure.chain(), "a snapshot failed");
            failure.what
        });
        let state = if failure.is_some() { SnapshotState::Error } else { SnapshotState::Completed };
        let (store, now) = (&self.inner.store, self.inner.clock.now());
        store.end_snapshot(&snapshot.id, state, failure.as_deref(), now).await.map_err(internal)?;
        info!(snapshot = %snapshot.id, volume = %volume.id, state = state.as_str(), "took a snapshot");
        self.snapshot(&snapshot.id).await
    }

    /// Deletes a snapshot; volumes made from it live on.
    pub async fn delete_snapshot(&self, id: &SnapshotId) -> Result<()> {
        let _allocation = self.inner.allocation.lock().await;
        self.snapshot(id).await?;
        // A volume that is being made from it has not taken its layers yet.
        let volumes = self.inner.store.volumes().await.map_err(internal)?;
        let source = cumulet_model::volume::VolumeSource::Snapshot(id.clone());
        let being_made = |volume: &&Volume| volume.state == VolumeState::Creating && volume.source == source;
        if let Some(user) = volumes.iter().find(being_made) {
            let text = format!("The snapshot '{id}' is in use by volume '{}', which is being made", user.id);
            return Err(CloudError::new(ErrorCode::InvalidSnapshotInUse, text));
        }
        self.inner.ports.storage.delete_snapshot(id).await.map_err(port_failed)?;
        self.inner.store.delete_snapshot(id).await.map_err(internal)
    }

    /// A snapshot that is there and complete.
    pub(crate) async fn usable_snapshot(&self, id: &SnapshotId) -> Result<Snapshot> {
        let snapshot = self.snapshot(id).await?;
        if snapshot.state != SnapshotState::Completed {
            return Err(incorrect_state(format!("Snapshot '{id}' is not 'completed'.")));
        }
        Ok(snapshot)
    }

    /// Snapshots that the daemon's end cut off have failed. What they froze stays beneath their volumes, which read the
    /// same.
    pub(crate) async fn fail_unfinished_snapshots(&self) -> Result<()> {
        for snapshot in self.snapshots().await? {
            if snapshot.state == SnapshotState::Pending {
                self.inner.ports.storage.delete_snapshot(&snapshot.id).await.map_err(port_failed)?;
                let why = "the daemon ended while the snapshot was taken";
                let (store, now) = (&self.inner.store, self.inner.clock.now());
                store
                    .end_snapshot(&snapshot.id, SnapshotState::Error, Some(why), now)
                    .await
                    .map_err(internal)?;
            }
        }
        Ok(())
    }

    /// Whether a volume's layers can be frozen now, and whether a machine has to change over to a new one.
    pub(crate) async fn can_freeze(&self, volume: &Volume) -> Result<bool> {
        if !matches!(volume.state, VolumeState::Available | VolumeState::InUse) {
            let text = format!("Volume '{}' is in the '{}' state.", volume.id, volume.state.as_str());
            return Err(incorrect_state(text));
        }
        let Some(attachment) = &volume.attachment else { return Ok(false) };
        let modified =
            self.inner.store.open_modifications_of(&attachment.instance_id).await.map_err(internal)?;
        if modified.iter().any(|modification| modification.volume_id == volume.id) {
            return Err(incorrect_state(format!("Volume '{}' is being modified; try again", volume.id)));
        }
        let record = self.record(&attachment.instance_id).await?;
        let settled = attachment.state == cumulet_model::attachment::AttachmentState::Attached;
        match (record.machine, record.intent) {
            (Machine::Off | Machine::Released, intent) if intent != Intent::Run => Ok(false),
            (Machine::On, Intent::Run) if settled && !record.reboot => Ok(true),
            _ => Err(incorrect_state(format!(
                "Volume '{}' can't be snapshotted while instance '{}' is {} or the volume on its way; try again",
                volume.id,
                record.id,
                record.state()
            ))),
        }
    }

    async fn take_snapshot(&self, id: &SnapshotId, volume: &Volume, has_machine: bool) -> PortResult<()> {
        let below = self.freeze(volume, has_machine).await?;
        self.inner.ports.storage.take_snapshot(id, &volume.id, below).await
    }

    /// Freezes a volume's layers and gives the number of the one on top. When this has succeeded nobody writes to those
    /// below it any more.
    pub(crate) async fn freeze(&self, volume: &Volume, has_machine: bool) -> PortResult<u32> {
        let added = self.add_layer(volume, has_machine).await?;
        self.tell_machine(volume, has_machine).await?;
        self.tend_layers(&volume.id, added);
        Ok(added.below)
    }
}

fn no_snapshot(id: &SnapshotId) -> CloudError {
    CloudError::new(ErrorCode::InvalidSnapshotNotFound, format!("The snapshot '{id}' does not exist."))
}
