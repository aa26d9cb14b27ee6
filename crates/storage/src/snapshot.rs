//! Snapshots: the frozen layers of a volume under a name of their own, by hard links, so that they outlive the volume and
//! share its blocks. Nothing is copied, neither when one is taken nor when a volume is made from it.

use cumulet_model::{Bytes, SnapshotId, VolumeId};

use crate::draft::{self, Draft};
use crate::layout::Layout;
use crate::{StorageError, branch, volume};

/// Keeps the layers of a volume that are numbered below `below`, which must be frozen, as a snapshot; one that is there already stays as it
/// is.
pub fn take(layout: &Layout, id: &SnapshotId, of: &VolumeId, below: u32) -> Result<(), StorageError> {
    let place = layout.snapshot_dir(id);
    if place.exists() {
        return Ok(());
    }
    let draft = Draft::new(layout)?;
    let chain = branch::frozen(layout, of, below)?;
    branch::link_layers(&draft, &chain)?;
    draft.publish(&place)
}

/// Fills a draft with a snapshot's layers and an empty one of its own.
pub fn link(layout: &Layout, draft: &Draft, id: &SnapshotId, size: Bytes) -> Result<(), StorageError> {
    let dir = layout.snapshot_dir(id);
    if !dir.try_exists().map_err(StorageError::io("look for a snapshot"))? {
        return Err(StorageError::NoSnapshot(id.clone()));
    }
    let chain = volume::chain_in(&dir)?.ok_or_else(|| StorageError::NoSnapshot(id.clone()))?;
    branch::link_layers(draft, &chain)?;
    branch::empty_layer(draft, &chain, size).map(drop)
}

/// Removes a snapshot; volumes made from it live on.
pub fn delete(layout: &Layout, id: &SnapshotId) -> Result<(), StorageError> {
    draft::remove(layout, &layout.snapshot_dir(id))
}
