//! Ports that are no device's on the bus: sleep, reset and events, the keyboard controller, the slots' registers, while
//! events are raised and the state is saved and restored. Only the values that mean it end the machine, no event is lost,
//! and none comes that nobody raised.
#![no_main]

use cumulet_vmm::bus::{Bus, BusDevice};
use cumulet_vmm::devices::power::{self, Power, ResetLine};
use cumulet_vmm::machine::MachineState;
use cumulet_vmm::pci::{SlotPorts, slots};
use cumulet_vmm::snapshot::part::Part;
use libfuzzer_sys::fuzz_target;
use std::sync::Arc;
use vmm_sys_util::eventfd::{EFD_NONBLOCK, EventFd};

const STEP: usize = 16;
const MAX_STEPS: usize = 256;

fn power(state: &Arc<MachineState>) -> Power {
    Power::new(EventFd::new(EFD_NONBLOCK).expect("a descriptor"), state.clone())
}

fuzz_target!(|input: &[u8]| {
    let state = Arc::new(MachineState::new().expect("a descriptor"));
    let power_ports = Arc::new(power(&state));
    let slot_ports = Arc::new(SlotPorts::new(state.clone()));
    let mut ports = Bus::default();
    let mut add = |start: u16, count: u16, device: Arc<dyn BusDevice>| {
        ports.add(u64::from(start)..u64::from(start) + u64::from(count), device);
    };
    add(power::PORTS_START, power::PORTS_COUNT, power_ports.clone());
    add(power::KEYBOARD_PORT, 1, Arc::new(ResetLine(state.clone())));
    add(slots::PORTS_START, slots::PORTS_COUNT, slot_ports.clone());
    let mut due = 0;
    for step in input.chunks_exact(STEP).take(MAX_STEPS) {
        // String instructions bring more than 8 bytes.
        let length = 1 + usize::from(step[1] % 12);
        let port = match step[0] >> 2 & 3 {
            0 => u64::from(power::PORTS_START) + u64::from(step[2] & 7),
            1 => u64::from(slots::PORTS_START) + u64::from(step[2] & 15),
            2 => u64::from(power::KEYBOARD_PORT),
            _ => u64::from(u16::from_le_bytes([step[2], step[3]])),
        };
        let mut data = step[4..4 + length].to_vec();
        match step[0] & 3 {
            0 => ports.write(port, &data),
            1 => {
                ports.read(port, &mut data);
                if port == u64::from(power::EVENT_PORT) {
                    assert_eq!(data[0], due);
                    due = 0;
                }
            }
            2 => {
                due |= step[2] & 15;
                power_ports.raise(step[2] & 15).expect("an event that counts to many");
            }
            _ => {
                slot_ports.ask(usize::from(step[2] & 31));
                let copy = power(&state);
                copy.restore(power_ports.save().expect("it can be saved")).expect("it can be restored");
                let mut events = [0];
                copy.read(u64::from(power::EVENT_PORT - power::PORTS_START), &mut events);
                assert_eq!(events[0], due);
                let copy = SlotPorts::new(state.clone());
                let saved = slot_ports.save().expect("it can be saved");
                copy.restore(saved.clone()).expect("it can be restored");
                assert_eq!(copy.save().expect("it can be saved"), saved);
            }
        }
        if state.is_ending() {
            // Power off, reset, or the keyboard controller's reset line, which is that of the first byte.
            let off = port == u64::from(power::SLEEP_CONTROL_PORT) && step[4] & 0x20 != 0 && step[4] >> 2 & 7 == 5;
            let reset = port == u64::from(power::RESET_PORT) && step[4] == power::RESET_VALUE;
            let line = port == u64::from(power::KEYBOARD_PORT) && step[4] == 0xfe;
            assert!(step[0] & 3 == 0 && (off || reset || line), "{port:#x} {step:?}");
            break;
        }
        slot_ports.take_ejected().for_each(|slot| assert!(slot < 32));
    }
});
