//! What a disk is made from, and the configuration space it shows.

use crate::config::{Base, SpecError, source, text};
use crate::limits;
use cumulet_vmm_protocol::{Disk, DiskEngine, DiskFormat, Layer, Limits, Source};

/// Bytes of a serial number (virtio 1.2, 5.2.6: `VIRTIO_BLK_T_GET_ID`).
pub const SERIAL_LENGTH: usize = 20;
/// Most layers of a disk.
const MAX_LAYERS: usize = 32;

/// A checked disk.
#[derive(Debug, Clone)]
pub struct BlockConfig {
    /// The volume.
    pub id: String,
    /// Padded with zeroes.
    pub serial: [u8; SERIAL_LENGTH],
    /// Whether the guest may only read.
    pub read_only: bool,
    /// How much it may do at first.
    pub limits: Limits,
    /// What is to serve it; nothing for the best that there is.
    pub engine: Option<DiskEngine>,
    /// From the uppermost down; all but the last are qcow2.
    pub layers: Vec<LayerConfig>,
}

/// A checked layer.
#[derive(Debug, Clone)]
pub struct LayerConfig {
    /// Its format.
    pub format: DiskFormat,
    /// Its file.
    pub source: Source,
}

impl BlockConfig {
    /// Checks a disk of the specification.
    pub fn check(field: &str, disk: &Disk, base: Base<'_>) -> Result<Self, SpecError> {
        text(&format!("{field}.id"), &disk.id, 128)?;
        text(&format!("{field}.serial"), &disk.serial, SERIAL_LENGTH)?;
        let mut serial = [0; SERIAL_LENGTH];
        serial[..disk.serial.len()].copy_from_slice(disk.serial.as_bytes());
        let limits = limits::check(&format!("{field}.limits"), &disk.limits)?;
        let layers = Self::check_layers(field, &disk.layer, &disk.backing, base)?;
        let (id, read_only, engine) = (disk.id.clone(), disk.read_only, disk.engine);
        Ok(Self { id, serial, read_only, limits, engine, layers })
    }

    /// Checks the files of a disk.
    pub fn check_layers(
        field: &str,
        top: &Layer,
        backing: &[Layer],
        base: Base<'_>,
    ) -> Result<Vec<LayerConfig>, SpecError> {
        let all: Vec<&Layer> = std::iter::once(top).chain(backing).collect();
        if all.len() > MAX_LAYERS {
            return Err(SpecError::new(
                format!("{field}.backing"),
                format!("at most {} layers", MAX_LAYERS - 1),
            ));
        }
        if all.iter().rev().skip(1).any(|layer| layer.format != DiskFormat::Qcow2) {
            return Err(SpecError::new(
                format!("{field}.backing"),
                "only a qcow2 layer can have one beneath it",
            ));
        }
        all.into_iter()
            .enumerate()
            .map(|(index, layer)| {
                let name = if index == 0 {
                    format!("{field}.layer")
                } else {
                    format!("{field}.backing[{}]", index - 1)
                };
                Ok(LayerConfig { format: layer.format, source: source(&name, &layer.source, base)? })
            })
            .collect()
    }
}

/// Most sectors a discard or write-zeroes segment may have: 1 GiB.
pub const MAX_DISCARD_SECTORS: u32 = 1 << 21;
/// Most segments of a discard or write-zeroes request.
pub const MAX_DISCARD_SEGMENTS: u32 = 32;
/// Most data buffers of a request: a queue's descriptors less header and status.
const SEG_MAX: u32 = 254;

/// Configuration space (virtio 1.2, 5.2.4) of a disk of `capacity` sectors and so many queues.
pub fn space(capacity: u64, queues: u16) -> [u8; 60] {
    let mut space = [0; 60];
    let mut put = |offset: usize, value: u32| space[offset..offset + 4].copy_from_slice(&value.to_le_bytes());
    put(0, capacity as u32);
    put(4, (capacity >> 32) as u32);
    put(12, SEG_MAX);
    put(20, super::SECTOR as u32);
    // The write cache can't be turned off (offset 32), and the number of queues is the upper half.
    put(32, u32::from(queues) << 16);
    put(36, MAX_DISCARD_SECTORS);
    put(40, MAX_DISCARD_SEGMENTS);
    put(44, 8);
    put(48, MAX_DISCARD_SECTORS);
    put(52, MAX_DISCARD_SEGMENTS);
    // Write-zeroes may unmap.
    put(56, 1);
    space
}
