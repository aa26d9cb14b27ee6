//! PCI: one bus, on which each device has a slot. Configuration space is reached by ports and by memory (ECAM), BARs by
//! memory.

mod config;
mod msix;
mod root;
pub mod slots;

pub use config::{CAPABILITY_VENDOR, ConfigSpace, Identification};
pub use msix::{MsiMessage, MsiSink, MsixTable, NO_VECTOR, PENDING_OFFSET_ALIGN, msix_capability};
pub use root::{BarWindow, CONFIG_PORTS, ConfigPorts, Ecam, PART, PciRoot, SLOTS, rename_slots};
pub use slots::SlotPorts;

use std::fmt::Debug;

/// A function on the bus. Called from any vCPU's thread.
pub trait PciDevice: Send + Sync + Debug {
    /// Its name in the machine.
    fn name(&self) -> String;
    /// Reads configuration space; `offset + data.len()` is at most 4096.
    fn config_read(&self, offset: usize, data: &mut [u8]);
    /// Writes configuration space.
    fn config_write(&self, offset: usize, data: &[u8]);
    /// Start and bytes of the memory BAR, where it is decoded.
    fn bar(&self) -> Option<(u64, u64)>;
    /// Reads from the memory BAR.
    fn bar_read(&self, offset: u64, data: &mut [u8]);
    /// Writes to the memory BAR.
    fn bar_write(&self, offset: u64, data: &[u8]);
    /// It has been taken off the bus: when this returns it does nothing any more, whoever still holds it.
    fn unplugged(&self) {}
}
