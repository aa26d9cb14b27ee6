//! Detaching a volume from an instance: politely, so that the guest lets go of it first, or by force.

use cumulet_model::attachment::AttachmentState;
use cumulet_model::state::InstanceState;
use cumulet_model::volume::{Volume, VolumeAttachment, VolumeState};
use cumulet_model::{CloudError, ErrorCode, VolumeId};
use cumulet_store::{Holder, InstanceRecord, StoreError};
use tracing::info;

use super::{incorrect_state, no_volume};
use crate::api::volume::DetachVolume;
use crate::cloud::{ChangeError, Cloud, Result};
use crate::hibernate::check_not_held;

impl Cloud {
    /// Detaches a volume and gives the attachment, detaching. From a stopped instance it is detached at once.
    pub async fn detach_volume(&self, request: DetachVolume) -> Result<VolumeAttachment> {
        let id = &request.volume_id;
        let mut was = None;
        let changed = self.inner.store.change_volume::<ChangeError>(id, None, |volume, holder| {
            was = Some(detach(volume, holder, &request)?);
            Ok(())
        });
        match changed.await {
            Ok(_) => {}
            Err(ChangeError::Store(StoreError::Gone(_))) => return Err(no_volume(id)),
            Err(error) => return Err(error.into()),
        }
        let was = was.ok_or_else(|| CloudError::internal("the volume was not looked at"))?;
        info!(volume = %id, instance = %was.instance_id, force = request.force, "a volume is to be detached");
        self.poke(&was.instance_id);
        Ok(was)
    }
}

fn detach(volume: &mut Volume, holder: Option<&Holder>, request: &DetachVolume) -> Result<VolumeAttachment> {
    let id = volume.id.clone();
    let Some(attachment) = &mut volume.attachment else {
        let text = format!("Volume '{id}' is in the '{}' state.", volume.state.as_str());
        return Err(incorrect_state(text));
    };
    check_place(&id, attachment, request)?;
    if volume.state != VolumeState::InUse {
        let text = format!("Volume '{id}' is in the '{}' state.", volume.state.as_str());
        return Err(incorrect_state(text));
    }
    let record = holder.map(|holder| &holder.record);
    check_root(&id, attachment, record)?;
    record.map_or(Ok(()), |record| check_not_held(record, "nothing can be detached from it"))?;
    attachment.state = AttachmentState::Detaching;
    attachment.force |= request.force;
    let was = attachment.clone();
    if record.is_none_or(|record| record.state() == InstanceState::Stopped) {
        volume.attachment = None;
        volume.state = VolumeState::Available;
    }
    Ok(was)
}

/// What the caller says of the attachment must be so.
fn check_place(id: &VolumeId, attachment: &VolumeAttachment, request: &DetachVolume) -> Result<()> {
    let fits = request.instance_id.as_ref().is_none_or(|instance| *instance == attachment.instance_id)
        && request.device.as_ref().is_none_or(|device| *device == attachment.device);
    if fits {
        return Ok(());
    }
    let instance = request.instance_id.as_ref().unwrap_or(&attachment.instance_id);
    let device = request.device.as_deref().unwrap_or(&attachment.device).chars().take(64).collect::<String>();
    let text = format!("The volume '{id}' is not attached to instance '{instance}' as device '{device}'.");
    Err(CloudError::new(ErrorCode::InvalidAttachmentNotFound, text))
}

/// The root volume goes only while the instance is stopped.
fn check_root(id: &VolumeId, attachment: &VolumeAttachment, record: Option<&InstanceRecord>) -> Result<()> {
    let is_held = |record: &InstanceRecord| {
        record.state() != InstanceState::Stopped && record.root_device_name == attachment.device
    };
    if !record.is_some_and(is_held) {
        return Ok(());
    }
    let instance = &attachment.instance_id;
    let text = format!("Unable to detach root volume '{id}' from instance '{instance}'");
    Err(CloudError::new(ErrorCode::OperationNotPermitted, text))
}
