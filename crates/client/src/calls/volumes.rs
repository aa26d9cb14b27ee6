//! Volumes.

use std::time::Duration;

use cumulet_api_types::volume::{
    AttachVolume, CreateVolume, DetachQuery, ModifyVolume, Volume, VolumeAttachment, VolumeDetail,
    VolumeList, VolumeModification,
};
use hyper::Method;

use crate::client::{segment, with_query};
use crate::{Client, Result};

/// Orders answer at once, as they don't wait for the machine.
const LIMIT: Duration = Duration::from_secs(75);

fn path(id: &str, rest: &str) -> String {
    format!("/v1/volumes/{}{rest}", segment(id))
}

impl Client {
    /// All volumes.
    pub async fn volumes(&self) -> Result<Vec<Volume>> {
        Ok(self.get::<VolumeList>("/v1/volumes").await?.volumes)
    }

    /// One volume.
    pub async fn volume(&self, id: &str) -> Result<VolumeDetail> {
        self.get(&path(id, "")).await
    }

    /// Makes a volume; it comes `creating`.
    pub async fn create_volume(&self, request: &CreateVolume) -> Result<Volume> {
        self.post("/v1/volumes", request).await
    }

    /// Deletes a volume.
    pub async fn delete_volume(&self, id: &str) -> Result<()> {
        self.order(Method::DELETE, &path(id, ""), None::<&()>).await
    }

    /// Attaches a volume.
    pub async fn attach_volume(&self, id: &str, request: &AttachVolume) -> Result<Volume> {
        self.post(&path(id, "/attach"), request).await
    }

    /// Detaches a volume; `force` does not ask the guest.
    pub async fn detach_volume(&self, id: &str, force: bool) -> Result<VolumeAttachment> {
        self.post_empty(&with_query(&path(id, "/detach"), &DetachQuery { force })?, LIMIT).await
    }

    /// Grows a volume, or gives it another type or other figures.
    pub async fn modify_volume(&self, id: &str, request: &ModifyVolume) -> Result<VolumeModification> {
        self.post(&path(id, "/modify"), request).await
    }
}
