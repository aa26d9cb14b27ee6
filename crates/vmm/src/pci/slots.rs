//! Hotplug registers: by them ACPI's methods learn which slots got a device and which are to be given up, and say which
//! ones were. The guest may write them as it likes: only a slot that it was asked for counts as given up.
//!
//! Each slot is `quiet -> asked -> given up -> quiet`; whoever asks takes what was given up, and removes the device.

use super::root::SLOTS;
use crate::bus::BusDevice;
use crate::machine::MachineState;
use crate::snapshot::part::{Part, PartError, from_state, state};
use serde::{Deserialize, Serialize};
use serde_json::Value;
use std::sync::atomic::{AtomicU32, Ordering};
use std::sync::{Arc, Mutex};

/// First port.
pub const PORTS_START: u16 = 0x610;
/// Number of ports.
pub const PORTS_COUNT: u16 = 12;
/// Read as 4 bytes to learn and clear which slots got a device, a bit for each.
pub const ADDED_PORT: u16 = 0x610;
/// Read as 4 bytes to learn and clear which slots the guest is asked for.
pub const ASKED_PORT: u16 = 0x614;
/// Write as 4 bytes to give slots up.
pub const EJECT_PORT: u16 = 0x618;

/// The registers.
#[derive(Debug)]
pub struct SlotPorts {
    bits: Mutex<Bits>,
    /// Slots that the guest gave up and that still have their device.
    ejected: AtomicU32,
    machine: Arc<MachineState>,
}

/// One bit for each slot.
#[derive(Debug, Default, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Bits {
    added: u32,
    asking: u32,
    /// Slots that the guest has been asked for and has not given up.
    owed: u32,
}

impl SlotPorts {
    /// Changes wake `machine`'s main loop.
    pub fn new(machine: Arc<MachineState>) -> Self {
        Self { bits: Mutex::default(), ejected: AtomicU32::new(0), machine }
    }

    /// There is a device in `slot`.
    pub fn added(&self, slot: usize) {
        let mut bits = self.lock();
        bits.added |= 1 << slot;
        bits.asking &= !(1 << slot);
        bits.owed &= !(1 << slot);
    }

    /// The guest shall give `slot` up. Asking twice is well.
    pub fn ask(&self, slot: usize) {
        let mut bits = self.lock();
        bits.added &= !(1 << slot);
        bits.asking |= 1 << slot;
        bits.owed |= 1 << slot;
    }

    /// Whether the guest has been asked for `slot` and has not given it up.
    pub fn is_owed(&self, slot: usize) -> bool {
        self.lock().owed & 1 << slot != 0
    }

    /// The slots that the guest gave up since this was asked.
    pub fn take_ejected(&self) -> impl Iterator<Item = usize> {
        let ejected = self.ejected.swap(0, Ordering::SeqCst);
        (0..SLOTS).filter(move |slot| ejected & 1 << slot != 0)
    }

    fn lock(&self) -> std::sync::MutexGuard<'_, Bits> {
        self.bits.lock().expect("no thread panicked")
    }
}

impl BusDevice for SlotPorts {
    fn read(&self, offset: u64, data: &mut [u8]) {
        data.fill(0);
        let Ok(data) = <&mut [u8; 4]>::try_from(data) else { return };
        let mut bits = self.lock();
        let taken = match PORTS_START + offset as u16 {
            ADDED_PORT => std::mem::take(&mut bits.added),
            ASKED_PORT => std::mem::take(&mut bits.asking),
            _ => 0,
        };
        *data = taken.to_le_bytes();
    }

    fn write(&self, offset: u64, data: &[u8]) {
        let (EJECT_PORT, Ok(data)) = (PORTS_START + offset as u16, data.try_into()) else { return };
        let mut bits = self.lock();
        let given = u32::from_le_bytes(data) & bits.owed;
        bits.owed &= !given;
        bits.asking &= !given;
        drop(bits);
        if given != 0 {
            self.ejected.fetch_or(given, Ordering::SeqCst);
            self.machine.wake();
        }
    }
}

/// What is saved; what was given up has been taken when the machine stands still, or is taken when it goes on.
#[derive(Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct SlotsState {
    bits: Bits,
    ejected: u32,
}

impl Part for SlotPorts {
    fn part(&self) -> String {
        "slots".to_owned()
    }

    fn save(&self) -> Result<Value, PartError> {
        state(&SlotsState { bits: *self.lock(), ejected: self.ejected.load(Ordering::SeqCst) })
    }

    fn restore(&self, state: Value) -> Result<(), PartError> {
        let SlotsState { bits, ejected } = from_state(state)?;
        *self.lock() = bits;
        self.ejected.store(ejected, Ordering::SeqCst);
        Ok(())
    }

    fn restored(&self) {
        if self.ejected.load(Ordering::SeqCst) != 0 {
            self.machine.wake();
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn ports() -> SlotPorts {
        SlotPorts::new(Arc::new(MachineState::new().unwrap()))
    }

    fn read(ports: &SlotPorts, port: u16) -> u32 {
        let mut data = [0; 4];
        ports.read(u64::from(port - PORTS_START), &mut data);
        u32::from_le_bytes(data)
    }

    fn eject(ports: &SlotPorts, slots: u32) -> Vec<usize> {
        ports.write(u64::from(EJECT_PORT - PORTS_START), &slots.to_le_bytes());
        ports.take_ejected().collect()
    }

    #[test]
    fn the_guest_learns_of_each_change_once() {
        let ports = ports();
        ports.added(3);
        ports.ask(5);
        assert_eq!((read(&ports, ADDED_PORT), read(&ports, ASKED_PORT)), (1 << 3, 1 << 5));
        assert_eq!((read(&ports, ADDED_PORT), read(&ports, ASKED_PORT)), (0, 0));
    }

    #[test]
    fn a_slot_is_given_up_only_when_it_was_asked_for() {
        let ports = ports();
        assert_eq!(eject(&ports, u32::MAX), [0usize; 0]);
        ports.ask(31);
        assert!(ports.is_owed(31));
        assert_eq!(eject(&ports, u32::MAX), [31]);
        assert_eq!(eject(&ports, u32::MAX), [0usize; 0]);
        ports.ask(4);
        ports.added(4);
        assert_eq!(eject(&ports, 1 << 4), [0usize; 0], "another device is there now");
    }

    #[test]
    fn what_the_guest_has_not_seen_is_saved() {
        let (ports, other) = (ports(), self::ports());
        ports.added(3);
        ports.ask(5);
        other.restore(ports.save().unwrap()).unwrap();
        assert_eq!((read(&other, ADDED_PORT), eject(&other, 1 << 5)), (1 << 3, vec![5]));
    }

    #[test]
    fn odd_accesses_do_nothing() {
        let ports = ports();
        ports.ask(1);
        for length in [1, 2, 3, 8] {
            ports.read(4, &mut vec![0; length]);
            ports.write(8, &vec![0xff; length]);
        }
        assert_eq!(ports.take_ejected().count(), 0);
        assert_eq!(read(&ports, ASKED_PORT), 2);
    }
}
