//! Reads and writes of any register of the serial port, by instructions of any length, with somebody typing.
#![no_main]

use cumulet_vmm::bus::BusDevice;
use cumulet_vmm::devices::serial::{Console, ConsoleWriter, Line, SerialPort};
use libfuzzer_sys::fuzz_target;
use std::sync::Arc;
use vmm_sys_util::eventfd::{EFD_NONBLOCK, EventFd};

const BOUND: u64 = 4096;

fuzz_target!(|input: &[u8]| {
    let console = Arc::new(Console::new(BOUND).expect("a descriptor"));
    let line = Line(EventFd::new(EFD_NONBLOCK).expect("a descriptor"));
    let port = SerialPort::new(line, ConsoleWriter(console.clone()));
    for step in input.chunks(4) {
        let (what, register) = (step[0] >> 3, u64::from(step[0] & 7));
        let bytes = &step[1..];
        match what % 4 {
            0 | 1 if !bytes.is_empty() => port.write(register, bytes),
            2 => drop(port.type_in(&bytes.repeat(100))),
            _ => port.read(register, &mut [0; 9][..1 + usize::from(what & 7)]),
        }
    }
    let (_, kept, _) = console.read(Some(0), usize::MAX);
    assert!(kept.len() as u64 <= 2 * BOUND);
});
