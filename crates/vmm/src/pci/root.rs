//! The root of the bus: finds functions for configuration accesses (ports 0xcf8 to 0xcff, ECAM) and for accesses to
//! BARs.

use super::{ConfigSpace, Identification, PciDevice};
use crate::bus::BusDevice;
use crate::snapshot::part::{Part, PartError, from_state, state};
use serde::{Deserialize, Serialize};
use serde_json::Value;
use std::sync::{Arc, Mutex, RwLock, RwLockReadGuard, RwLockWriteGuard};

/// Slots of a bus.
pub const SLOTS: usize = 32;

type Slots = [Option<Arc<dyn PciDevice>>; SLOTS];

/// The bus.
#[derive(Debug)]
pub struct PciRoot {
    slots: RwLock<Slots>,
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
        let slot = self.free_slot()?;
        self.write()[slot] = Some(device);
        Some(slot)
    }

    /// The first free slot.
    pub fn free_slot(&self) -> Option<usize> {
        self.read().iter().position(Option::is_none)
    }

    /// Where the device of this name is.
    pub fn slot_of(&self, name: &str) -> Option<usize> {
        self.read().iter().position(|slot| slot.as_ref().is_some_and(|device| device.name() == name))
    }

    /// The name of what is in `slot`.
    pub fn name_at(&self, slot: usize) -> Option<String> {
        self.read().get(slot)?.as_ref().map(|device| device.name())
    }

    /// Takes what is in `slot` off the bus, so that it does nothing any more.
    pub fn unplug(&self, slot: usize) -> Option<Arc<dyn PciDevice>> {
        // Accesses that have begun hold the lock for reading, so none goes on after this.
        let device = self.write().get_mut(slot)?.take()?;
        device.unplugged();
        Some(device)
    }

    fn read(&self) -> RwLockReadGuard<'_, Slots> {
        self.slots.read().expect("no thread panicked")
    }

    fn write(&self) -> RwLockWriteGuard<'_, Slots> {
        self.slots.write().expect("no thread panicked")
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
        let slots = self.read();
        if number.is_multiple_of(8) { slots.get(number / 8)?.clone() } else { None }
    }

    fn with_bar(&self, address: u64, access: impl FnOnce(&dyn PciDevice, u64)) -> bool {
        let slots = self.read();
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
        PART.to_owned()
    }

    fn save(&self) -> Result<Value, PartError> {
        let named =
            |(slot, device): (usize, &Option<Arc<dyn PciDevice>>)| Some((slot, device.as_ref()?.name()));
        let slots = self.read().iter().enumerate().filter_map(named).collect();
        state(&RootState { selected: *self.selected.lock().expect("no thread panicked"), slots })
    }

    /// Devices go to the slots in which they were: devices that came and went have left gaps.
    fn restore(&self, state: Value) -> Result<(), PartError> {
        let RootState { selected, slots: saved } = from_state(state)?;
        let mut slots = self.write();
        let mut here: Vec<_> = slots.iter_mut().filter_map(Option::take).collect();
        for (slot, name) in saved {
            let Some(index) = here.iter().position(|device| device.name() == name) else { continue };
            match slots.get_mut(slot) {
                Some(place @ None) => *place = Some(here.swap_remove(index)),
                _ => return Err(PartError::new(format!("slot {slot} can't have {name}"))),
            }
        }
        if let Some(device) = here.first() {
            return Err(PartError::new(format!("{} has no slot", device.name())));
        }
        drop(slots);
        *self.selected.lock().expect("no thread panicked") = selected;
        Ok(())
    }
}

/// The bus's name among the machine's parts.
pub const PART: &str = "pci";

/// Changes the names of devices in a saved state of the bus. A state that is none is refused when it is restored.
pub fn rename_slots(state: &mut Value, rename: &dyn Fn(&mut String)) {
    let slots = state.get_mut("slots").and_then(Value::as_array_mut);
    for slot in slots.into_iter().flatten() {
        if let Some(Value::String(name)) = slot.get_mut(1) {
            rename(name);
        }
    }
}

/// What is saved of the bus itself.
#[derive(Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct RootState {
    selected: u32,
    /// Slots and the names of their devices.
    slots: Vec<(usize, String)>,
}

/// An address, and data at that address of configuration space (PCI local bus specification 3.0, 3.2.2.3.2).
pub const CONFIG_PORTS: std::ops::Range<u64> = 0xcf8..0xd00;

/// [`CONFIG_PORTS`].
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
    fn name(&self) -> String {
        "host bridge".to_owned()
    }

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
    use std::sync::atomic::{AtomicBool, Ordering};

    proptest! {
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

    #[derive(Debug)]
    struct Named(&'static str, AtomicBool);

    impl PciDevice for Named {
        fn name(&self) -> String {
            self.0.to_owned()
        }

        fn config_read(&self, _offset: usize, data: &mut [u8]) {
            data.fill(self.0.as_bytes()[0]);
        }

        fn config_write(&self, _offset: usize, _data: &[u8]) {}

        fn bar(&self) -> Option<(u64, u64)> {
            Some((0x1000, 0x1000))
        }

        fn bar_read(&self, _offset: u64, data: &mut [u8]) {
            data.fill(7);
        }

        fn bar_write(&self, _offset: u64, _data: &[u8]) {}

        fn unplugged(&self) {
            self.1.store(true, Ordering::SeqCst);
        }
    }

    fn plug(root: &PciRoot, name: &'static str) -> Arc<Named> {
        let device = Arc::new(Named(name, AtomicBool::new(false)));
        root.plug(device.clone()).unwrap();
        device
    }

    #[test]
    fn what_was_taken_off_is_not_seen_any_more() {
        let root = PciRoot::default();
        let device = plug(&root, "a");
        let slot = root.slot_of("a").unwrap();
        let mut data = [1; 4];
        assert!(root.with_bar(0x1004, |device, offset| device.bar_read(offset, &mut data)));
        root.unplug(slot).unwrap();
        assert!(device.1.load(Ordering::SeqCst));
        root.config_read(slot * 8, 0, &mut data);
        assert_eq!(data, [0xff; 4]);
        assert!(!root.with_bar(0x1004, |_, _| ()));
        assert_eq!((root.slot_of("a"), root.free_slot()), (None, Some(slot)));
        assert!(root.unplug(slot).is_none());
    }

    #[test]
    fn a_full_bus_says_so() {
        let root = PciRoot::default();
        (1..SLOTS).for_each(|_| drop(plug(&root, "a")));
        assert_eq!((root.free_slot(), root.plug(Arc::new(HostBridge::default()))), (None, None));
    }

    #[test]
    fn devices_find_their_slots_again() {
        let root = PciRoot::default();
        for name in ["a", "b", "c"] {
            plug(&root, name);
        }
        root.unplug(root.slot_of("a").unwrap());
        plug(&root, "d");
        let saved = root.save().unwrap();
        let other = PciRoot::default();
        for name in ["b", "c", "d"] {
            plug(&other, name);
        }
        other.restore(saved.clone()).unwrap();
        assert_eq!(["b", "c", "d"].map(|name| other.slot_of(name)), [Some(2), Some(3), Some(1)]);
        let renamed = PciRoot::default();
        for name in ["x", "c", "d"] {
            plug(&renamed, name);
        }
        let mut changed = saved.clone();
        rename_slots(&mut changed, &|name| {
            if name == "b" {
                *name = "x".to_owned()
            }
        });
        renamed.restore(changed).unwrap();
        assert_eq!(["x", "c", "d"].map(|name| renamed.slot_of(name)), [Some(2), Some(3), Some(1)]);
        let strange = PciRoot::default();
        for name in ["b", "c", "e"] {
            plug(&strange, name);
        }
        assert!(strange.restore(saved).is_err());
    }
}
