//! What is left of a device that was pulled out, until the guest gives up its slot: no device answers in its
//! configuration space, and its BAR reads as zeroes. A driver that waits for the end of a reset sees it there.

use super::PciDevice;

/// What is left.
#[derive(Debug)]
pub struct Husk {
    /// Start and bytes of the BAR.
    pub bar: Option<(u64, u64)>,
}

impl PciDevice for Husk {
    fn name(&self) -> String {
        "nothing".to_owned()
    }

    fn config_read(&self, _offset: usize, data: &mut [u8]) {
        data.fill(0xff);
    }

    fn config_write(&self, _offset: usize, _data: &[u8]) {}

    fn bar(&self) -> Option<(u64, u64)> {
        self.bar
    }

    fn bar_read(&self, _offset: u64, data: &mut [u8]) {
        data.fill(0);
    }

    fn bar_write(&self, _offset: u64, _data: &[u8]) {}
}
