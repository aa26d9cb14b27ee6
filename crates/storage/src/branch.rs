//! Volumes that share what they had in common: a volume's layers are frozen by a new one on top, and other volumes take
//! the frozen ones as their own by hard links, so that each lives as long as anybody needs it.

use std::fs;
use std::path::Path;

use cumulet_model::{Bytes, Gib, VolumeId};
use cumulet_ports::storage::DiskChain;

use crate::draft::Draft;
use crate::layout::{Layout, layer_name, layer_number, sync_dir};
use crate::overlay::write_overlay;
use crate::{StorageError, volume};

/// The most layers a volume can have: as many files as a running VMM can be handed at once. Each costs a look-up for
/// what none above it holds.
pub const MAX_LAYERS: usize = 32;

/// Puts an empty layer on top of a volume and gives its number: those with lower ones are frozen. Not idempotent: each
/// call adds a layer.
pub fn freeze(layout: &Layout, id: &VolumeId, size: Gib) -> Result<u32, StorageError> {
    let chain = volume::chain(layout, id)?;
    if chain.layers.len() >= MAX_LAYERS {
        return Err(StorageError::TooManyLayers { volume: id.clone(), limit: MAX_LAYERS });
    }
    let draft = Draft::new(layout)?;
    let number = empty_layer(&draft, &chain, size.bytes())?;
    let (name, place) = (layer_name(number), layout.volume_dir(id));
    fs::rename(draft.path(&name), place.join(&name)).map_err(StorageError::io("put a layer in its place"))?;
    sync_dir(&place).map_err(StorageError::io("put a layer in its place"))?;
    Ok(u32::try_from(number).unwrap_or(u32::MAX))
}

/// Fills a draft with the layers of a volume that are numbered below `below`, and an empty one of its own.
pub fn link(
    layout: &Layout,
    draft: &Draft,
    of: &VolumeId,
    below: u32,
    size: Bytes,
) -> Result<(), StorageError> {
    let chain = frozen(layout, of, below)?;
    link_layers(draft, &chain)?;
    empty_layer(draft, &chain, size).map(drop)
}

/// The layers of a volume that are numbered below `below`, which must be the number of a layer that freezing has put
/// on them.
pub fn frozen(layout: &Layout, of: &VolumeId, below: u32) -> Result<DiskChain, StorageError> {
    let mut chain = volume::chain(layout, of)?;
    let below = below as usize;
    let numbers = chain.layers.iter().map(layer_number).collect::<Result<Vec<_>, _>>()?;
    // The top one is written to, and not to be shared. Where the next lower number is not there, layers were merged into
    // one that also holds what came later.
    let above = numbers.iter().take_while(|number| **number >= below).count();
    if above == 0 || numbers.get(above).is_none_or(|number| number + 1 != below) {
        return Err(StorageError::NotFrozen { volume: of.clone(), below });
    }
    chain.layers.drain(..above);
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

/// Makes an empty layer for a chain in a draft, and gives its number.
pub fn empty_layer(draft: &Draft, on: &DiskChain, size: Bytes) -> Result<usize, StorageError> {
    let beneath = &on.layers[0];
    let number = layer_number(beneath)? + 1;
    let file = draft.create(&layer_name(number))?;
    write_overlay(&file, size, &file_name(&beneath.path), beneath.format)?;
    file.sync_all().map_err(StorageError::io("write an overlay to disk"))?;
    Ok(number)
}

/// A file's name in its directory.
pub fn file_name(path: &Path) -> String {
    path.file_name().and_then(|name| name.to_str()).unwrap_or_default().to_owned()
}
