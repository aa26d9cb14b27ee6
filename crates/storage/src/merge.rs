//! Layers of a volume that become one, so that it can be frozen for ever. Only frozen layers are merged, which nobody
//! writes to: those just beneath the top, each as long as it is not more than twice what is above it, so that a volume's
//! layers grow downwards and each byte is copied a few times in its life.
//!
//! States: [`merge`] writes the merged layer beside the others, where it means nothing. [`adopt`] renames it over the
//! highest of those that it is made of: from that moment the volume reads from it, and the same as before. Those beneath,
//! which it hides, are removed then. Whatever is cut off is done again. Others that share the merged layers keep theirs:
//! these are links of their own.

use std::fs::{self, File};
use std::io::ErrorKind;
use std::os::unix::fs::MetadataExt;
use std::path::Path;
use std::sync::Arc;

use cumulet_model::{Bytes, VolumeId};
use cumulet_ports::storage::{DiskChain, DiskFormat, DiskLayer};
use imago::qcow2::Qcow2;
use imago::{DenyImplicitOpenGate, FormatAccess, FormatDriverBuilder, Mapping};
use tracing::info;

use crate::branch::file_name;
use crate::draft::Draft;
use crate::flatten::{Disk, open};
use crate::layout::{Layout, layer_number, merged_name, merged_range, sync_dir};
use crate::overlay::write_overlay;
use crate::{StorageError, volume};

/// Bytes of a cluster of our overlays: what is in a layer is there, or not, by whole ones.
const CLUSTER: u64 = 64 << 10;
/// How much is copied at once.
const PIECE: u64 = 32 * CLUSTER;

/// Writes what the uppermost of the layers below a number, or below the top, hold into one. True when there is something
/// to [`adopt`], from this call or one before it.
pub fn merge(layout: &Layout, id: &VolumeId, below: Option<u32>) -> Result<bool, StorageError> {
    let dir = layout.volume_dir(id);
    if !waiting(&dir)?.is_empty() {
        return Ok(true);
    }
    let chain = volume::chain(layout, id)?;
    let (run, beneath) = choose(&chain, below)?;
    let (Some(highest), Some(lowest), Some(beneath), true) =
        (run.first(), run.last(), beneath, run.len() > 1)
    else {
        return Ok(false);
    };
    let disks = run.iter().map(|layer| open(layer, None).map(Arc::new)).collect::<Result<Vec<_>, _>>()?;
    if disks.windows(2).any(|pair| pair[0].size() < pair[1].size()) {
        return Err(StorageError::Shrunk(id.clone()));
    }
    let draft = Draft::new(layout)?;
    let name = merged_name(layer_number(lowest)?, layer_number(highest)?);
    let file = draft.create(&name)?;
    let size = Bytes(disks[0].size());
    write_overlay(&file, size, &file_name(&beneath.path), beneath.format)?;
    let written = copy(layout, &disks, &file);
    written.map_err(|error| layout.space().explain(error))?;
    file.sync_all().map_err(StorageError::io("write a layer to disk"))?;
    let failed = StorageError::io("put a layer in its place");
    match fs::rename(draft.path(&name), dir.join(&name)) {
        // The volume went meanwhile.
        Err(error) if error.kind() == ErrorKind::NotFound => return Ok(false),
        done => done.map_err(&failed)?,
    }
    sync_dir(&dir).map_err(failed)?;
    info!(volume = %id, layers = run.len(), "merged layers of a volume");
    Ok(true)
}

/// Has a volume read from merged layers in place of those that they are made of. Nobody may be about to open the volume's
/// files, or to share them; whoever has them open can go on, and holds what was removed until then.
pub fn adopt(layout: &Layout, id: &VolumeId) -> Result<(), StorageError> {
    let dir = layout.volume_dir(id);
    let failed = StorageError::io("put a merged layer in its place");
    for (lowest, highest) in waiting(&dir)? {
        let chain = volume::chain(layout, id)?;
        let merged = dir.join(merged_name(lowest, highest));
        let mut hidden = Vec::new();
        let mut place = None;
        for layer in chain.layers.iter().skip(1).filter(|layer| layer.format == DiskFormat::Qcow2) {
            match layer_number(layer)? {
                number if number == highest => place = Some(layer),
                number if (lowest..highest).contains(&number) => hidden.push(layer),
                _ => {}
            }
        }
        match place {
            Some(layer) => fs::rename(&merged, &layer.path).map_err(&failed)?,
            // It can't be what this volume reads.
            None => {
                fs::remove_file(&merged).map_err(&failed)?;
                continue;
            }
        }
        sync_dir(&dir).map_err(&failed)?;
        for layer in hidden {
            fs::remove_file(&layer.path).map_err(&failed)?;
        }
        sync_dir(&dir).map_err(&failed)?;
    }
    Ok(())
}

/// The merged layers of a volume that wait to be adopted: numbers of the lowest and highest that each is made of.
fn waiting(dir: &Path) -> Result<Vec<(usize, usize)>, StorageError> {
    let failed = StorageError::io("look for a volume's layers");
    let entries = match fs::read_dir(dir) {
        Err(error) if error.kind() == ErrorKind::NotFound => return Ok(Vec::new()),
        entries => entries.map_err(&failed)?,
    };
    let names = entries.map(|entry| Ok(entry.map_err(&failed)?.file_name()));
    let names = names.collect::<Result<Vec<_>, StorageError>>()?;
    Ok(names.iter().filter_map(|name| merged_range(name.to_str()?)).collect())
}

/// The layers to merge, uppermost first, and the one beneath them.
fn choose(chain: &DiskChain, below: Option<u32>) -> Result<(&[DiskLayer], Option<&DiskLayer>), StorageError> {
    let numbers = chain.layers.iter().map(layer_number).collect::<Result<Vec<_>, _>>()?;
    let below = below.map_or(usize::MAX, |number| number as usize);
    let above = numbers.iter().take_while(|number| **number >= below).count().max(1);
    let frozen = &chain.layers[above..];
    let (mut count, mut bytes) = (0, 0);
    for layer in frozen.iter().take_while(|layer| layer.format == DiskFormat::Qcow2) {
        let held = fs::metadata(&layer.path).map_err(StorageError::io("look at a layer"))?.blocks() * 512;
        if count > 0 && held > 2 * bytes {
            break;
        }
        (count, bytes) = (count + 1, bytes + held);
    }
    Ok((&frozen[..count], frozen.get(count)))
}

/// Copies what is in any of the layers, of which each hides those after it. What is in none is left out.
fn copy(layout: &Layout, layers: &[Arc<Disk>], target: &File) -> Result<(), StorageError> {
    let storage = target.try_clone().and_then(imago::file::File::try_from);
    let storage = storage.map_err(StorageError::io("write a layer"))?;
    let builder = Qcow2::<imago::file::File>::builder(storage).write(true).backing(None);
    let target = builder.open(DenyImplicitOpenGate::default()).map(FormatAccess::new);
    let target = target.map_err(StorageError::Qcow2Content)?;
    let mut buffer = vec![0; PIECE as usize];
    let (mut at, end) = (0, target.size());
    while at < end {
        let (held, length) = find(layers, at, end - at)?;
        match held {
            Held::Nowhere => {}
            Held::Zero => target.write_zeroes(at, length).map_err(StorageError::io("write a layer"))?,
            Held::Data(disk) => {
                layout.space().require(Bytes(length))?;
                let piece = &mut buffer[..length as usize];
                disk.read(&mut *piece, at).map_err(StorageError::Qcow2Content)?;
                target.write(&*piece, at).map_err(StorageError::io("write a layer"))?;
            }
        }
        at += length;
    }
    target.flush().map_err(StorageError::io("write a layer"))
}

/// What some layers hold somewhere.
enum Held<'a> {
    /// In none of them: it is what is beneath.
    Nowhere,
    /// Zeroes, whatever is beneath.
    Zero,
    /// Bytes, at most [`PIECE`].
    Data(&'a Disk),
}

/// What is at `at`, and for how long, in whole clusters.
fn find(layers: &[Arc<Disk>], at: u64, mut length: u64) -> Result<(Held<'_>, u64), StorageError> {
    for disk in layers {
        // A layer that is shorter than those above it hides nothing behind its end, and nor does what is beneath it.
        if at >= disk.size() {
            return Ok((Held::Nowhere, length));
        }
        let (mapping, found) =
            disk.get_mapping(at, length.min(disk.size() - at)).map_err(StorageError::Qcow2Content)?;
        if found == 0 || !at.is_multiple_of(CLUSTER) || !found.is_multiple_of(CLUSTER) {
            let text = format!("{found} bytes at {at} are not whole clusters");
            return Err(StorageError::Qcow2Content(std::io::Error::new(ErrorKind::InvalidData, text)));
        }
        length = found;
        match mapping {
            Mapping::Zero { explicit: false, .. } => {}
            Mapping::Zero { .. } => return Ok((Held::Zero, length)),
            _ => return Ok((Held::Data(disk), length.min(PIECE))),
        }
    }
    Ok((Held::Nowhere, length))
}
