//! What lies where in the BAR, and the capabilities that tell a driver so (virtio 1.2, 4.1.4).

use crate::pci::{CAPABILITY_VENDOR, ConfigSpace, msix_capability};

/// Common registers.
pub const COMMON: u64 = 0;
/// ISR byte.
pub const ISR: u64 = 0x1000;
/// Device configuration.
pub const DEVICE: u64 = 0x2000;
/// Notifications, one place per queue.
pub const NOTIFY: u64 = 0x3000;
/// Bytes between the places of two queues.
pub const NOTIFY_STEP: u64 = 4;
/// MSI-X table.
pub const MSIX_TABLE: u64 = 0x4000;
/// MSI-X pending bits.
pub const MSIX_PENDING: u64 = 0x5000;
/// All of it.
pub const BAR_SIZE: u64 = 0x8000;

/// Where capabilities are that mean more than the bytes they hold.
#[derive(Debug, Clone, Copy)]
pub struct Places {
    /// MSI-X.
    pub msix: usize,
    /// `VIRTIO_PCI_CAP_PCI_CFG`: access to the BAR through configuration space.
    pub window: usize,
}

/// Adds all capabilities of a device.
pub fn add_capabilities(config: &mut ConfigSpace, vectors: usize) -> Places {
    for (kind, offset, size, extra) in [
        (1, COMMON, 0x40, &[][..]),
        (3, ISR, 1, &[]),
        (4, DEVICE, 0x1000, &[]),
        (2, NOTIFY, 0x1000, &(NOTIFY_STEP as u32).to_le_bytes()),
    ] {
        config.add_capability(CAPABILITY_VENDOR, &body(kind, offset as u32, size, extra), &[]);
    }
    // The driver writes BAR (body byte 2), offset and length (bytes 6 to 13), and accesses the data behind them.
    let mut writable = [0; 18];
    writable[2] = 0xff;
    writable[6..].fill(0xff);
    let window = config.add_capability(CAPABILITY_VENDOR, &body(5, 0, 0, &[0; 4]), &writable);
    let (id, table, mask) = msix_capability(vectors, MSIX_TABLE as u32, MSIX_PENDING as u32);
    Places { window, msix: config.add_capability(id, &table, &mask) }
}

/// `virtio_pci_cap` behind its first two bytes: length, kind, BAR 0, id, padding, offset, length.
fn body(kind: u8, offset: u32, size: u32, extra: &[u8]) -> Vec<u8> {
    let mut body = vec![16 + extra.len() as u8, kind, 0, 0, 0, 0];
    body.extend(offset.to_le_bytes());
    body.extend(size.to_le_bytes());
    body.extend(extra);
    body
}
