//! The first 256 bytes of a function's configuration space (PCI 3.0, 6.1): bytes with a mask of what the guest may
//! change. Sizing a BAR works by that mask alone: its low bits can't be set.

use crate::snapshot::part::PartError;

/// Bytes of configuration space that are there; what lies above reads as 0.
const SIZE: usize = 256;
const COMMAND: usize = 0x04;
const STATUS: usize = 0x06;
const BAR0: usize = 0x10;
const CAPABILITIES: usize = 0x34;
const FIRST_CAPABILITY: usize = 0x40;
/// Memory decoding, in the command register.
const COMMAND_MEMORY: u8 = 1 << 1;

/// Vendor-specific capability.
pub const CAPABILITY_VENDOR: u8 = 0x09;

/// Who a function is.
#[derive(Debug, Clone, Copy)]
pub struct Identification {
    /// Vendor.
    pub vendor: u16,
    /// Device.
    pub device: u16,
    /// Class, subclass and programming interface in the lower 24 bits.
    pub class: u32,
    /// Revision.
    pub revision: u8,
    /// Subsystem vendor and device.
    pub subsystem: (u16, u16),
}

/// Configuration space. Its bytes are saved; what may be written follows from what the function is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ConfigSpace {
    bytes: Vec<u8>,
    writable: Vec<u8>,
    last_capability: usize,
    end: usize,
    bar_size: u64,
}

impl ConfigSpace {
    /// A function without BAR and capabilities.
    pub fn new(id: Identification) -> Self {
        let mut config = Self {
            bytes: vec![0; SIZE],
            writable: vec![0; SIZE],
            last_capability: CAPABILITIES,
            end: FIRST_CAPABILITY,
            bar_size: 0,
        };
        config.set(0x00, &id.vendor.to_le_bytes());
        config.set(0x02, &id.device.to_le_bytes());
        config.set(0x08, &[id.revision]);
        config.set(0x09, &id.class.to_le_bytes()[..3]);
        config.set(0x2c, &id.subsystem.0.to_le_bytes());
        config.set(0x2e, &id.subsystem.1.to_le_bytes());
        // Memory decoding, bus master and interrupt disable; cache line size and interrupt line hold what is written.
        config.writable[COMMAND] = COMMAND_MEMORY | 1 << 2;
        config.writable[COMMAND + 1] = 1 << 2;
        config.writable[0x0c] = 0xff;
        config.writable[0x3c] = 0xff;
        config
    }

    /// Gives it a 64-bit memory BAR 0 of `size` bytes, a power of two of at least 16, at `address`, where it answers if
    /// it is `decoded`.
    pub fn set_bar(&mut self, size: u64, address: u64, decoded: bool) {
        assert!(size.is_power_of_two() && size >= 16 && address.is_multiple_of(size));
        const MEMORY_64: u64 = 0b100;
        self.set(BAR0, &(address | MEMORY_64).to_le_bytes());
        self.writable[BAR0..BAR0 + 8].copy_from_slice(&(!(size - 1)).to_le_bytes());
        self.bar_size = size;
        if decoded {
            self.bytes[COMMAND] |= COMMAND_MEMORY;
        }
    }

    /// Appends a capability with `id`, its bytes behind the two of the header, and the mask of what can be changed
    /// of them. Gives its offset.
    pub fn add_capability(&mut self, id: u8, body: &[u8], writable: &[u8]) -> usize {
        let offset = self.end;
        self.end = (offset + 2 + body.len()).next_multiple_of(4);
        assert!(self.end <= SIZE, "capabilities fit configuration space");
        let previous =
            if self.last_capability == CAPABILITIES { CAPABILITIES } else { self.last_capability + 1 };
        self.bytes[previous] = offset as u8;
        self.bytes[STATUS] |= 1 << 4;
        self.bytes[offset] = id;
        self.set(offset + 2, body);
        self.writable[offset + 2..offset + 2 + writable.len()].copy_from_slice(writable);
        self.last_capability = offset;
        offset
    }

    /// All bytes, for a saved state.
    pub fn bytes(&self) -> &[u8] {
        &self.bytes
    }

    /// Takes on bytes that were saved, if they differ only where the guest may write.
    pub fn restore(&mut self, saved: &[u8]) -> Result<(), PartError> {
        if saved.len() != SIZE {
            return Err(PartError::new(format!("configuration space has {SIZE} bytes, not {}", saved.len())));
        }
        let differs = |&at: &usize| (saved[at] ^ self.bytes[at]) & !self.writable[at] != 0;
        if let Some(at) = (0..SIZE).find(differs) {
            return Err(PartError::new(format!("configuration space differs at {at:#x}")));
        }
        self.bytes.copy_from_slice(saved);
        Ok(())
    }

    /// Start and bytes of the BAR, where memory decoding is on.
    pub fn bar(&self) -> Option<(u64, u64)> {
        let register = u64::from_le_bytes(self.get(BAR0));
        let decoded = self.bytes[COMMAND] & COMMAND_MEMORY != 0 && self.bar_size > 0;
        decoded.then_some((register & !0xf, self.bar_size))
    }

    /// Reads; beyond the end all is 0.
    pub fn read(&self, offset: usize, data: &mut [u8]) {
        for (index, byte) in data.iter_mut().enumerate() {
            *byte = self.bytes.get(offset + index).copied().unwrap_or(0);
        }
    }

    /// Writes what may be written.
    pub fn write(&mut self, offset: usize, data: &[u8]) {
        for (index, byte) in data.iter().enumerate().take_while(|(index, _)| offset + index < SIZE) {
            let mask = self.writable[offset + index];
            let old = self.bytes[offset + index];
            self.bytes[offset + index] = (old & !mask) | (byte & mask);
        }
    }

    /// `N` bytes at `offset`.
    pub fn get<const N: usize>(&self, offset: usize) -> [u8; N] {
        std::array::from_fn(|index| self.bytes[offset + index])
    }

    /// Sets bytes regardless of the mask.
    pub fn set(&mut self, offset: usize, data: &[u8]) {
        self.bytes[offset..offset + data.len()].copy_from_slice(data);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn function(order: u32, slot: u64) -> ConfigSpace {
        let id = Identification { vendor: 1, device: 2, class: 0x02_0000, revision: 1, subsystem: (3, 4) };
        let mut config = ConfigSpace::new(id);
        config.set_bar(1 << order, slot << order, true);
        config
    }

    proptest! {
        /// What Linux does (`__pci_read_base`): all ones, read back, restore.
        #[test]
        fn a_bar_tells_its_size_and_comes_back(order in 4u32..40, slot in 0u64..(1 << 20)) {
            let mut config = function(order, slot);
            let before: [u8; 8] = config.get(BAR0);
            config.write(BAR0, &[0xff; 4]);
            config.write(BAR0 + 4, &[0xff; 4]);
            let sizes = u64::from_le_bytes(config.get(BAR0)) & !0xf;
            prop_assert_eq!((!sizes).wrapping_add(1), 1 << order);
            config.write(BAR0, &before[..4]);
            config.write(BAR0 + 4, &before[4..]);
            prop_assert_eq!(config.bar(), Some((slot << order, 1 << order)));
        }

        #[test]
        fn no_write_changes_what_is_not_the_guests(offset in 0usize..256, data in prop::collection::vec(any::<u8>(), 1..8)) {
            let mut config = function(12, 5);
            let capability = config.add_capability(CAPABILITY_VENDOR, &[1, 2, 3, 4], &[0, 0xff]);
            let before = config.clone();
            config.write(offset, &data);
            for at in 0..SIZE {
                prop_assert_eq!(config.bytes[at] & !before.writable[at], before.bytes[at] & !before.writable[at]);
            }
            prop_assert_eq!(&config.writable, &before.writable);
            prop_assert_eq!(config.get::<2>(capability), [CAPABILITY_VENDOR, 0]);
        }
    }

    #[test]
    fn capabilities_form_a_list() {
        let mut config = function(12, 1);
        let first = config.add_capability(1, &[0; 5], &[]);
        let second = config.add_capability(2, &[0; 2], &[]);
        assert_eq!(config.get(CAPABILITIES), [first as u8]);
        assert_eq!(config.get(first), [1, second as u8]);
        assert_eq!(config.get(second), [2, 0]);
        assert_eq!(config.get::<1>(STATUS)[0] & 0x10, 0x10);
    }
}
