//! The root of the bus: finds functions for configuration accesses (ports 0xcf8 to 0xcff, ECAM) and for accesses to
//! BARs, and hands out places in the windows for BARs.

use super::{ConfigSpace, Identification, PciDevice};
use crate::bus::BusDevice;
use crate::snapshot::part::{Part, PartError, from_state, state};
use serde::{Deserialize, Serialize};
use serde_json::Value;
use std::ops::Range;
use std::sync::{Arc, Mutex, RwLock};

/// Slots of a bus.
const SLOTS: usize = 32;

/// A window of addresses for BARs.
#[derive(Debug)]
pub struct Window {
    free: Range<u64>,
}

impl Window {
    /// Of the addresses `range`.
    pub fn new(range: Range<u64>) -> Self {
        Self { free: range }
    }

    /// A place for a BAR of `size` bytes, a power of two.
    pub fn place(&mut self, size: u64) -> Option<u64> {
        let start = self.free.start.next_multiple_of(size);
        let end = start.checked_add(size).filter(|end| *end <= self.free.end)?;
        self.free.start = end;
        Some(start)
    }
}

/// The bus.
#[derive(Debug)]
pub struct PciRoot {
    slots: RwLock<[Option<Arc<dyn PciDevice>>; SLOTS]>,
    /// The register that the address port selects.
    selected: Mutex<u32>,
}

impl Default for PciRoot {
    fn default() -> Self {
        let root = Self { slots: RwLock::new(Default::default()), selected: Mutex::new(0) };
        root.plug(Arc::new(HostBridge::default())).expect("slot 0 is free");
        root
    }
}

impl PciRoot {
    /// Puts a device into the first free slot, which it gives; nothing when the bus is full.
    pub fn plug(&self, device: Arc<dyn PciDevice>) -> Option<usize> {
        let mut slots = self.slots.write().expect("no thread panicked");
        let slot = slots.iter().position(Option::is_none)?;
        slots[slot] = Some(device);
        Some(slot)
    }

    fn config_read(&self, function: usize, offset: usize, data: &mut [u8]) {
        match self.function(function) {
            Some(device) => device.config_read(offset, data),
            None => data.fill(0xff),
        }
    }

    fn config_write(&self, function: usize, offset: usize, data: &[u8]) {
        if let Some(device) = self.function(function) {
            device.config_write(offset, data);
        }
    }

    /// By bus, device and function number; all devices have function 0 of bus 0 only.
    fn function(&self, number: usize) -> Option<Arc<dyn PciDevice>> {
        let slots = self.slots.read().expect("no thread panicked");
        if number.is_multiple_of(8) { slots.get(number / 8)?.clone() } else { None }
    }

    fn with_bar(&self, address: u64, access: impl FnOnce(&dyn PciDevice, u64)) -> bool {
        let slots = self.slots.read().expect("no thread panicked");
        for device in slots.iter().flatten() {
            if let Some((start, size)) = device.bar()
                && (start..start.saturating_add(size)).contains(&address)
            {
                access(&**device, address - start);
                return true;
            }
        }
        false
    }

    /// Function and register that the address port selects, if it selects one.
    fn selected(&self, offset: u64) -> Option<(usize, usize)> {
        let selected = *self.selected.lock().expect("no thread panicked");
        let function = (selected >> 8) as usize & 0xffff;
        (selected >> 31 == 1).then_some((function, (selected & 0xfc) as usize + offset as usize))
    }
}

impl Part for PciRoot {
    fn part(&self) -> String {
        "pci".to_owned()
    }

    fn save(&self) -> Result<Value, PartError> {
        state(&RootState { selected: *self.selected.lock().expect("no thread panicked") })
    }

    fn restore(&self, state: Value) -> Result<(), PartError> {
        let RootState { selected } = from_state(state)?;
        *self.selected.lock().expect("no thread panicked") = selected;
        Ok(())
    }
}

/// What is saved of the bus itself.
#[derive(Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct RootState {
    selected: u32,
}

/// Ports 0xcf8 to 0xcff.
#[derive(Debug)]
pub struct ConfigPorts(pub Arc<PciRoot>);

impl BusDevice for ConfigPorts {
    fn read(&self, offset: u64, data: &mut [u8]) {
        data.fill(0xff);
        match offset {
            0 if data.len() == 4 => {
                data.copy_from_slice(&self.0.selected.lock().expect("no thread panicked").to_le_bytes());
            }
            4..8 if offset as usize + data.len() <= 8 => {
                if let Some((function, register)) = self.0.selected(offset - 4) {
                    self.0.config_read(function, register, data);
                }
            }
            _ => {}
        }
    }

    fn write(&self, offset: u64, data: &[u8]) {
        match (offset, data) {
            (0, &[a, b, c, d]) => {
                *self.0.selected.lock().expect("no thread panicked") = u32::from_le_bytes([a, b, c, d]);
            }
            (4..8, data) if offset as usize + data.len() <= 8 => {
                if let Some((function, register)) = self.0.selected(offset - 4) {
                    self.0.config_write(function, register, data);
                }
            }
            _ => {}
        }
    }
}

/// Configuration space by memory.
#[derive(Debug)]
pub struct Ecam(pub Arc<PciRoot>);

impl BusDevice for Ecam {
    fn read(&self, offset: u64, data: &mut [u8]) {
        self.0.config_read((offset >> 12) as usize, offset as usize & 0xfff, data);
    }

    fn write(&self, offset: u64, data: &[u8]) {
        self.0.config_write((offset >> 12) as usize, offset as usize & 0xfff, data);
    }
}

/// A window for BARs, as a device of the memory bus.
#[derive(Debug)]
pub struct BarWindow {
    /// The bus.
    pub root: Arc<PciRoot>,
    /// Where the window begins.
    pub start: u64,
}

impl BusDevice for BarWindow {
    fn read(&self, offset: u64, data: &mut [u8]) {
        data.fill(0xff);
        self.root.with_bar(self.start + offset, |device, offset| device.bar_read(offset, data));
    }

    fn write(&self, offset: u64, data: &[u8]) {
        self.root.with_bar(self.start + offset, |device, offset| device.bar_write(offset, data));
    }
}

/// Slot 0: tells a kernel that this is a PCI bus.
#[derive(Debug)]
struct HostBridge(Mutex<ConfigSpace>);

impl Default for HostBridge {
    fn default() -> Self {
        // The id that virtual machines commonly give a bare PCIe host bridge; no driver binds to it.
        let id = Identification {
            vendor: 0x8086,
            device: 0x0d57,
            class: 0x06_0000,
            revision: 0,
            subsystem: (0, 0),
        };
        Self(Mutex::new(ConfigSpace::new(id)))
    }
}

impl PciDevice for HostBridge {
    fn config_read(&self, offset: usize, data: &mut [u8]) {
        self.0.lock().expect("no thread panicked").read(offset, data);
    }

    fn config_write(&self, offset: usize, data: &[u8]) {
        self.0.lock().expect("no thread panicked").write(offset, data);
    }

    fn bar(&self) -> Option<(u64, u64)> {
        None
    }

    fn bar_read(&self, _offset: u64, _data: &mut [u8]) {}

    fn bar_write(&self, _offset: u64, _data: &[u8]) {}
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    proptest! {
        #[test]
        fn places_are_aligned_inside_and_apart(orders in prop::collection::vec(4u32..20, 0..40)) {
            let range = 0x1_2345_6000..0x1_3000_0000u64;
            let mut window = Window::new(range.clone());
            let mut last = range.start;
            for order in orders {
                if let Some(start) = window.place(1 << order) {
                    prop_assert!(start.is_multiple_of(1 << order) && start >= last && start + (1 << order) <= range.end);
                    last = start + (1 << order);
                }
            }
        }

        #[test]
        fn no_access_to_the_ports_panics(steps in prop::collection::vec((0u64..8, any::<u32>(), 1usize..5), 0..50)) {
            let ports = ConfigPorts(Arc::new(PciRoot::default()));
            for (offset, value, length) in steps {
                ports.write(offset, &value.to_le_bytes()[..length]);
                ports.read(offset, &mut vec![0; length]);
            }
        }
    }

    #[test]
    fn ports_and_memory_show_the_same_bridge() {
        let root = Arc::new(PciRoot::default());
        let (ports, ecam) = (ConfigPorts(root.clone()), Ecam(root));
        ports.write(0, &0x8000_0000u32.to_le_bytes());
        let (mut by_port, mut by_memory) = ([0; 4], [0; 4]);
        ports.read(4, &mut by_port);
        ecam.read(0, &mut by_memory);
        assert_eq!(by_port, by_memory);
        assert_eq!(by_port[..2], 0x8086u16.to_le_bytes());
        ecam.read(5 << 15, &mut by_memory);
        assert_eq!(by_memory, [0xff; 4]);
    }
}
