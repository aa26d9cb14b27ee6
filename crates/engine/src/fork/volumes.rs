//! The files of forks' volumes. They are made before the rows that name them, many at once, as each waits for the disk.

use std::sync::Arc;

use cumulet_model::VolumeId;
use cumulet_model::volume::Volume;
use cumulet_ports::{PortError, PortResult, Storage};
use tokio::task::JoinSet;
use tracing::error;

use crate::cloud::Cloud;

/// The most that are being made at a time. What they wait for is the same journal of the same file system.
const AT_ONCE: usize = 16;

/// Ids for the volumes of `count` forks, one after the other, each with all of `volumes` in their order.
pub(super) fn new_ids(volumes: &[Volume], count: u32) -> Vec<VolumeId> {
    let mut rng = rand::rng();
    (0..count as usize * volumes.len()).map(|_| VolumeId::random(&mut rng)).collect()
}

/// Makes the files of volumes with these ids after `volumes`. Returns when none is being made any more, also after a
/// failure.
pub(super) async fn make_volumes(
    storage: &Arc<dyn Storage>,
    volumes: &[Volume],
    ids: &[VolumeId],
) -> PortResult<()> {
    let mut under_way = JoinSet::new();
    let mut made = Ok(());
    for (id, volume) in ids.iter().cloned().zip(volumes.iter().cycle()) {
        if under_way.len() >= AT_ONCE {
            made = made.and(joined(&mut under_way).await);
        }
        if made.is_err() {
            break;
        }
        let (storage, source, size) = (Arc::clone(storage), volume.source.clone(), volume.size);
        under_way.spawn(async move { storage.create_volume(&id, &source, size).await });
    }
    while !under_way.is_empty() {
        made = made.and(joined(&mut under_way).await);
    }
    made
}

async fn joined(under_way: &mut JoinSet<PortResult<()>>) -> PortResult<()> {
    let cut_off = |error| PortError::new("the making of a volume was cut off", error);
    under_way.join_next().await.map_or(Ok(()), |ended| ended.map_err(cut_off)?)
}

impl Cloud {
    /// Removes volumes of forks that there will not be.
    pub(super) async fn drop_volumes(&self, ids: &[VolumeId]) {
        for id in ids {
            if let Err(error) = self.inner.ports.storage.delete_volume(id).await {
                error!(volume = %id, error = error.chain(), "a volume of no fork stays behind");
            }
        }
    }
}
