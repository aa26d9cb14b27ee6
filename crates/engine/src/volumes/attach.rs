//! Attaching a volume to an instance: checked and written in one, made so by the instance's driver.

use cumulet_model::attachment::AttachmentState;
use cumulet_model::state::InstanceState;
use cumulet_model::volume::{Volume, VolumeAttachment, VolumeState};
use cumulet_model::{CloudError, ErrorCode, InstanceId};
use cumulet_store::{Holder, StoreError};
use tracing::info;

use super::{MAX_ATTACHED, incorrect_state, no_instance, no_volume};
use crate::api::volume::AttachVolume;
use crate::cloud::{ChangeError, Cloud, Result, internal};
use crate::hibernate::check_not_held;
use crate::run::is_device_name;

impl Cloud {
    /// Attaches a volume. To a stopped instance it is attached at once and there from its next start on; to a running one
    /// it is attaching until its machine has it.
    pub async fn attach_volume(&self, request: AttachVolume) -> Result<Volume> {
        let AttachVolume { volume_id, instance_id, device } = request;
        check_device(&device)?;
        // A volume that is being grown by itself must not get into a machine meanwhile.
        let _allocation = self.inner.allocation.lock().await;
        let now = self.inner.clock.now();
        let changed = self.inner.store.change_volume::<ChangeError>(
            &volume_id,
            Some(&instance_id),
            |volume, holder| {
                let holder = holder.ok_or_else(|| no_instance(&instance_id))?;
                let state = check(volume, holder, &device)?;
                volume.state = VolumeState::InUse;
                volume.attachment = Some(VolumeAttachment {
                    instance_id: instance_id.clone(),
                    device,
                    attached: now,
                    delete_on_termination: false,
                    state,
                    force: false,
                    of_launch: false,
                });
                Ok(())
            },
        );
        let volume = match changed.await {
            Err(ChangeError::Store(StoreError::Gone(_))) => return Err(no_volume(&volume_id)),
            changed => changed?,
        };
        info!(volume = %volume_id, instance = %instance_id, "a volume is to be attached");
        self.poke(&instance_id);
        Ok(volume)
    }
}

impl Cloud {
    /// A device name that no volume of the instance has, from the ones that EC2 recommends for data.
    pub async fn free_device(&self, id: &InstanceId) -> Result<String> {
        self.record(id).await?;
        let volumes = self.inner.store.volumes_of(id).await.map_err(internal)?;
        let taken = |device: &String| {
            volumes.iter().filter_map(|volume| volume.attachment.as_ref()).any(|held| held.device == *device)
        };
        let mut names =
            ('f'..='p').chain('b'..='e').chain('q'..='z').map(|letter| format!("/dev/sd{letter}"));
        names.find(|device| !taken(device)).ok_or_else(|| {
            let text = format!("The instance '{id}' has no free device name");
            CloudError::new(ErrorCode::AttachmentLimitExceeded, text)
        })
    }
}

/// Whether the volume can be attached to the instance, and the state that the attachment begins in.
fn check(volume: &Volume, holder: &Holder, device: &str) -> Result<AttachmentState> {
    let (id, instance) = (&volume.id, &holder.record.id);
    let state = attaches_as(&holder.record)?;
    match volume.state {
        VolumeState::Available => {}
        VolumeState::InUse => {
            let text = format!("{id} is already attached to an instance");
            return Err(CloudError::new(ErrorCode::VolumeInUse, text));
        }
        _ => return Err(incorrect_state(format!("Volume '{id}' is not 'available'."))),
    }
    if volume.zone != holder.record.zone {
        let text = format!("The volume '{id}' is not in the same availability zone as instance '{instance}'");
        return Err(CloudError::new(ErrorCode::InvalidVolumeZoneMismatch, text));
    }
    let mut taken = holder.volumes.iter().filter_map(|other| other.attachment.as_ref());
    if taken.any(|attachment| attachment.device == device) {
        return Err(CloudError::invalid_value(format!(
            "Invalid value '{device}' for unixDevice. Attachment point {device} is already in use"
        )));
    }
    if holder.volumes.len() >= MAX_ATTACHED {
        let text = format!("The instance '{instance}' has {MAX_ATTACHED} volumes, which is the most");
        return Err(CloudError::new(ErrorCode::AttachmentLimitExceeded, text));
    }
    Ok(state)
}

/// The state in which something begins to be attached: EC2 takes instances that run or are stopped.
pub(crate) fn attaches_as(record: &cumulet_store::InstanceRecord) -> Result<AttachmentState> {
    check_not_held(record, "nothing can be attached to it")?;
    match record.state() {
        InstanceState::Running => Ok(AttachmentState::Attaching),
        InstanceState::Stopped => Ok(AttachmentState::Attached),
        InstanceState::Terminated | InstanceState::ShuttingDown => Err(CloudError::new(
            ErrorCode::IncorrectInstanceState,
            format!("The instance '{}' is {}", record.id, record.state()),
        )),
        _ => Err(incorrect_state(format!("Instance '{}' is not 'running'.", record.id))),
    }
}

fn check_device(device: &str) -> Result<()> {
    if is_device_name(device) {
        return Ok(());
    }
    let device: String = device.chars().take(64).collect();
    Err(CloudError::invalid_value(format!(
        "Value ({device}) for parameter device is invalid. {device} is not a valid EBS device name."
    )))
}
