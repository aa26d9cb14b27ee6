//! Volumes that share what they had in common: a volume's layers are frozen by a new one on top, and other volumes take
//! the frozen ones as their own by hard links, so that each lives as long as anybody needs it.

use std::fs;
use std::path::Path;

use cumulet_model::{Bytes, Gib, VolumeId};
use cumulet_ports::storage::DiskChain;

use crate::draft::Draft;
use crate::layout::{Layout, layer_name, sync_dir};
use crate::overlay::write_overlay;
use crate::{StorageError, volume};

/// The most layers a volume can have: as many files as a running VMM can be handed at once. Each costs a look-up for
/// what none above it holds.
pub const MAX_LAYERS: usize = 32;

/// Puts an empty layer on top of a volume and gives how many are beneath it. Not idempotent: each call adds a layer.
pub fn freeze(layout: &Layout, id: &VolumeId, size: Gib) -> Result<u32, StorageError> {
    let chain = volume::chain(layout, id)?;
    let below = chain.layers.len();
    if below >= MAX_LAYERS {
        return Err(StorageError::TooManyLayers { volume: id.clone(), limit: MAX_LAYERS });
    }
    let draft = Draft::new(layout)?;
    let name = empty_layer(&draft, &chain, below, size.bytes())?;
    let place = layout.volume_dir(id);
    fs::rename(draft.path(&name), place.join(&name)).map_err(StorageError::io("put a layer in its place"))?;
    sync_dir(&place).map_err(StorageError::io("put a layer in its place"))?;
    Ok(u32::try_from(below).unwrap_or(u32::MAX))
}

/// Fills a draft with the `below` lowest layers of a volume and an empty one of its own.
pub fn link(
    layout: &Layout,
    draft: &Draft,
    of: &VolumeId,
    below: u32,
    size: Bytes,
) -> Result<(), StorageError> {
    let chain = frozen(layout, of, below)?;
    link_layers(draft, &chain)?;
    empty_layer(draft, &chain, chain.layers.len(), size).map(drop)
}

/// The `below` lowest layers of a volume, which must be frozen.
pub fn frozen(layout: &Layout, of: &VolumeId, below: u32) -> Result<DiskChain, StorageError> {
    let mut chain = volume::chain(layout, of)?;
    let below = below as usize;
    // The top one is written to, and not to be shared.
    if below == 0 || below >= chain.layers.len() {
        return Err(StorageError::NotFrozen { volume: of.clone(), below });
    }
    chain.layers.drain(..chain.layers.len() - below);
    Ok(chain)
}

/// Gives a draft the layers of a chain.
pub fn link_layers(draft: &Draft, chain: &DiskChain) -> Result<(), StorageError> {
    for layer in &chain.layers {
        fs::hard_link(&layer.path, draft.path(&file_name(&layer.path)))
            .map_err(StorageError::io("link a frozen layer"))?;
    }
    Ok(())
}

/// Makes an empty layer for a chain of `below` layers in a draft, and gives its name.
pub fn empty_layer(draft: &Draft, on: &DiskChain, below: usize, size: Bytes) -> Result<String, StorageError> {
    let name = layer_name(below);
    let file = draft.create(&name)?;
    let beneath = &on.layers[0];
    write_overlay(&file, size, &file_name(&beneath.path), beneath.format)?;
    file.sync_all().map_err(StorageError::io("write an overlay to disk"))?;
    Ok(name)
}

fn file_name(path: &Path) -> String {
    path.file_name().and_then(|name| name.to_str()).unwrap_or_default().to_owned()
}
