//! What is saved of the serial port: its registers, and what was typed and not read. What the guest wrote is in the log
//! of the machine that was saved.

use super::port::{Line, MAX_TYPED, SerialPort};
use crate::snapshot::part::{Part, PartError, from_state, state};
use serde::{Deserialize, Serialize};
use serde_json::Value;
use vm_superio::serial::{NoEvents, Serial, SerialState};

/// Of the interrupt identification register: nothing is due.
const NOTHING_DUE: u8 = 1;

#[derive(Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct PortState {
    /// Divisor (low, high), interrupt enable and identification, line control and status, modem control and status,
    /// scratch.
    registers: [u8; 9],
    /// What the guest can read.
    received: Vec<u8>,
    /// What waits behind it.
    typed: Vec<u8>,
}

impl Part for SerialPort {
    fn part(&self) -> String {
        "serial".to_owned()
    }

    fn save(&self) -> Result<Value, PartError> {
        let inner = self.lock();
        let uart = inner.uart.state();
        state(&PortState {
            registers: [
                uart.baud_divisor_low,
                uart.baud_divisor_high,
                uart.interrupt_enable,
                uart.interrupt_identification,
                uart.line_control,
                uart.line_status,
                uart.modem_control,
                uart.modem_status,
                uart.scratch,
            ],
            received: uart.in_buffer,
            typed: inner.typed.iter().copied().collect(),
        })
    }

    fn restore(&self, state: Value) -> Result<(), PartError> {
        let saved: PortState = from_state(state)?;
        if saved.typed.len() > MAX_TYPED {
            return Err(PartError::new(format!("at most {MAX_TYPED} bytes wait to be read")));
        }
        let [
            low,
            high,
            enable,
            identification,
            line_control,
            line_status,
            modem_control,
            modem_status,
            scratch,
        ] = saved.registers;
        let registers = SerialState {
            baud_divisor_low: low,
            baud_divisor_high: high,
            interrupt_enable: enable,
            interrupt_identification: identification,
            line_control,
            line_status,
            modem_control,
            modem_status,
            scratch,
            in_buffer: saved.received,
        };
        let mut inner = self.lock();
        let failed = |error: &dyn std::fmt::Debug| PartError::new(format!("{error:?}"));
        let line = Line(inner.uart.interrupt_evt().0.try_clone().map_err(|error| failed(&error))?);
        let writer = inner.uart.writer().clone();
        inner.uart =
            Serial::from_state(&registers, line, NoEvents, writer).map_err(|error| failed(&error))?;
        inner.typed = saved.typed.into();
        Ok(())
    }

    fn restored(&self) {
        let inner = self.lock();
        if inner.uart.state().interrupt_identification & NOTHING_DUE == 0 {
            // A full counter means that it is being raised already.
            let _ = inner.uart.interrupt_evt().0.write(1);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::bus::BusDevice;
    use crate::devices::serial::{Console, ConsoleWriter};
    use std::sync::Arc;
    use vmm_sys_util::eventfd::{EFD_NONBLOCK, EventFd};

    fn port(line: &EventFd) -> SerialPort {
        let console = Arc::new(Console::new(4096).unwrap());
        SerialPort::new(Line(line.try_clone().unwrap()), ConsoleWriter(console))
    }

    fn read(port: &SerialPort, register: u64) -> u8 {
        let mut byte = [0];
        port.read(register, &mut byte);
        byte[0]
    }

    #[test]
    fn what_was_typed_is_read_after_a_restore() {
        let (first, second) = (EventFd::new(EFD_NONBLOCK).unwrap(), EventFd::new(EFD_NONBLOCK).unwrap());
        let before = port(&first);
        before.write(1, &[1]);
        before.write(7, &[0x5a]);
        let typed: Vec<u8> = (0..200).collect();
        assert_eq!(before.type_in(&typed), 200);
        let after = port(&second);
        after.restore(before.save().unwrap()).unwrap();
        let _ = second.read();
        after.restored();
        assert!(second.read().unwrap() > 0, "the guest is told");
        assert_eq!(read(&after, 7), 0x5a);
        assert_eq!((0..200).map(|_| read(&after, 0)).collect::<Vec<u8>>(), typed);
    }

    #[test]
    fn more_than_fits_is_refused() {
        let line = EventFd::new(EFD_NONBLOCK).unwrap();
        let saved = port(&line).save().unwrap();
        for (field, length) in [("received", 65), ("typed", MAX_TYPED + 1)] {
            let mut saved = saved.clone();
            saved[field] = vec![0; length].into();
            assert!(port(&line).restore(saved).is_err(), "{field}");
        }
    }
}
