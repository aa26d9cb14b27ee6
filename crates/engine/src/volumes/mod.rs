//! Volumes: made, deleted, attached, detached and modified apart from launches.
//!
//! A request writes what is to be; files are made and removed by [`tend`] in the background, and machines get and lose
//! their disks by the instance's driver ([`crate::devices`]). Whatever dies in between, the rows say how to go on.

mod attach;
mod create;
mod detach;
mod modify;
mod tend;

pub(crate) use attach::attaches_as;

use cumulet_model::volume::Volume;
use cumulet_model::{CloudError, ErrorCode, InstanceId, VolumeId};

use crate::cloud::{Cloud, Result, internal};

/// Disks of a machine; the VMM takes no more.
pub(crate) const MAX_ATTACHED: usize = 22;

impl Cloud {
    /// One volume.
    pub async fn volume(&self, id: &VolumeId) -> Result<Volume> {
        let found = self.inner.store.volume(id).await.map_err(internal)?;
        found.ok_or_else(|| no_volume(id))
    }
}

pub(crate) fn no_volume(id: &VolumeId) -> CloudError {
    CloudError::not_found(ErrorCode::InvalidVolumeNotFound, "volume", id)
}

pub(crate) fn no_instance(id: &InstanceId) -> CloudError {
    CloudError::not_found(ErrorCode::InvalidInstanceIdNotFound, "instance ID", id)
}

pub(crate) fn incorrect_state(text: String) -> CloudError {
    CloudError::new(ErrorCode::IncorrectState, text)
}
