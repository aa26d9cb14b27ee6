//! Accesses of any kind to the bus: configuration space by ports and by memory, BARs wherever they were moved, the
//! hotplug registers, and a device that is taken off in between. Where there is no KVM there is nothing to try.
#![no_main]

use cumulet_vmm::bus::BusDevice;
use cumulet_vmm::devices::balloon::Balloon;
use cumulet_vmm::devices::entropy::Entropy;
use cumulet_vmm::machine::MachineState;
use cumulet_vmm::memory::Memory;
use cumulet_vmm::pci::{BarWindow, ConfigPorts, Ecam, MsiMessage, MsiSink, PciRoot, SLOTS, SlotPorts};
use cumulet_vmm::virtio::{BAR_SIZE, TransportConfig, VirtioPci};
use cumulet_vmm::vm;
use cumulet_vmm_protocol::Source;
use libfuzzer_sys::fuzz_target;
use std::sync::{Arc, OnceLock};
use vm_memory::GuestAddress;

const WINDOW: u64 = 1 << 32;
const STEP: usize = 16;
const MAX_STEPS: usize = 256;

#[derive(Debug)]
struct Nobody;

impl MsiSink for Nobody {
    fn send(&self, _message: MsiMessage) {}
}

fn shared() -> Option<&'static TransportConfig> {
    static SHARED: OnceLock<Option<TransportConfig>> = OnceLock::new();
    let make = || {
        let kvm = vm::open(&Source::Path("/dev/kvm".into())).ok()?;
        let vm = Arc::new(vm::create(&kvm).ok()?);
        let memory = Memory::from_ranges(&[(GuestAddress(0), 1 << 20)]).ok()?;
        Some(TransportConfig {
            vm,
            memory,
            sink: Arc::new(Nobody),
            machine: Arc::new(MachineState::new().ok()?),
        })
    };
    SHARED.get_or_init(make).as_ref()
}

fuzz_target!(|input: &[u8]| {
    let Some(shared) = shared() else { return };
    let root = Arc::new(PciRoot::default());
    let bar = |slot: u64| Some(WINDOW + slot * BAR_SIZE);
    let entropy = Arc::new(Entropy::new().expect("a descriptor"));
    root.plug(Arc::new(VirtioPci::new(entropy, shared.clone(), bar(1))));
    let balloon = Arc::new(Balloon::new().expect("descriptors"));
    root.plug(Arc::new(VirtioPci::new(balloon, shared.clone(), None)));
    let slots = SlotPorts::new(shared.machine.clone());
    slots.ask(2);
    let (ports, ecam) = (ConfigPorts(root.clone()), Ecam(root.clone()));
    let window = BarWindow { root: root.clone(), start: WINDOW };
    for step in input.chunks_exact(STEP).take(MAX_STEPS) {
        let length = 1 + usize::from(step[1] & 7);
        let address = u64::from(u32::from_le_bytes([step[2], step[3], step[4], step[5]]));
        let (target, offset): (&dyn BusDevice, u64) = match step[0] >> 1 & 7 {
            0 => (&ports, address & 7),
            1 => (&slots, address % 12),
            // The configuration space of the first slots, and all of it.
            2 | 3 => (&ecam, (address & 3) << 15 | (address >> 8 & 0xff)),
            4 => (&ecam, address & 0xf_ffff),
            5 | 6 => (&window, (address >> 16 & 3) * BAR_SIZE + (address & 0x7fff)),
            _ => (&window, address),
        };
        let mut data = step[8..8 + length].to_vec();
        match step[0] & 1 {
            0 => target.write(offset, &data),
            _ => target.read(offset, &mut data),
        }
        slots.take_ejected().for_each(|slot| drop(root.unplug(slot)));
    }
    // Nothing stays registered with KVM for the next round.
    (0..SLOTS).for_each(|slot| drop(root.unplug(slot)));
});
