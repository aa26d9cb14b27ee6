//! An address space of devices: ports or memory. Ranges are fixed when the machine is built.

use std::fmt::Debug;
use std::ops::Range;
use std::sync::Arc;

/// Something that answers to a range of addresses. Called from any vCPU's thread, with 1 to 8 bytes, or with more of
/// them where a string instruction reads or writes a port several times.
pub trait BusDevice: Send + Sync + Debug {
    /// Reads at `offset` from the begin of the range.
    fn read(&self, offset: u64, data: &mut [u8]);
    /// Writes at `offset` from the begin of the range.
    fn write(&self, offset: u64, data: &[u8]);
}

/// An address space.
#[derive(Debug, Default, Clone)]
pub struct Bus {
    devices: Vec<(Range<u64>, Arc<dyn BusDevice>)>,
}

impl Bus {
    /// Adds a device.
    pub fn add(&mut self, range: Range<u64>, device: Arc<dyn BusDevice>) {
        assert!(self.devices.iter().all(|(other, _)| range.end <= other.start || other.end <= range.start));
        self.devices.push((range, device));
    }

    /// Reads; where nobody answers, all bits are 1.
    pub fn read(&self, address: u64, data: &mut [u8]) {
        match self.find(address) {
            Some((range, device)) => device.read(address - range.start, data),
            None => data.fill(0xff),
        }
    }

    /// Writes; where nobody answers, it is lost.
    pub fn write(&self, address: u64, data: &[u8]) {
        if let Some((range, device)) = self.find(address) {
            device.write(address - range.start, data);
        }
    }

    fn find(&self, address: u64) -> Option<&(Range<u64>, Arc<dyn BusDevice>)> {
        self.devices.iter().find(|(range, _)| range.contains(&address))
    }
}
