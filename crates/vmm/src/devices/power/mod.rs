//! Power: the sleep control and reset registers, the event register behind the power button, and the reset line of a
//! keyboard controller. What a guest asks for here ends the machine.

mod state;

use crate::bus::BusDevice;
use crate::machine::MachineState;
use cumulet_vmm_protocol::ExitReason;
use std::sync::Arc;
use std::sync::atomic::{AtomicU8, Ordering};
use vmm_sys_util::eventfd::EventFd;

/// First port.
pub const PORTS_START: u16 = 0x600;
/// Number of ports.
pub const PORTS_COUNT: u16 = 4;
/// Sleep control register (ACPI 6.5, 4.8.3.7).
pub const SLEEP_CONTROL_PORT: u16 = 0x600;
/// Sleep status register.
pub const SLEEP_STATUS_PORT: u16 = 0x601;
/// Reset register.
pub const RESET_PORT: u16 = 0x602;
/// Read to learn and clear the events that are due.
pub const EVENT_PORT: u16 = 0x603;
/// What to write to [`RESET_PORT`].
pub const RESET_VALUE: u8 = 1;
/// Sleep type of S5.
pub const SOFT_OFF: u8 = 5;
/// The power button, a bit of [`EVENT_PORT`].
pub const EVENT_POWER_BUTTON: u8 = 1;
/// The generation ID has changed, a bit of [`EVENT_PORT`].
pub const EVENT_GENERATION: u8 = 1 << 1;
/// There is something to read in [`crate::pci::slots`]' registers, a bit of [`EVENT_PORT`].
pub const EVENT_SLOTS: u8 = 1 << 2;
/// The VMClock page has changed, a bit of [`EVENT_PORT`].
pub const EVENT_CLOCK: u8 = 1 << 3;

/// Keyboard controller: command port, and the command that pulses the reset line.
pub const KEYBOARD_PORT: u16 = 0x64;
const KEYBOARD_RESET: u8 = 0xfe;

/// The registers.
#[derive(Debug)]
pub struct Power {
    events: AtomicU8,
    interrupt: EventFd,
    machine: Arc<MachineState>,
}

impl Power {
    /// `interrupt` raises the event device's interrupt.
    pub fn new(interrupt: EventFd, machine: Arc<MachineState>) -> Self {
        Self { events: AtomicU8::new(0), interrupt, machine }
    }

    /// Presses the power button.
    pub fn press_button(&self) -> std::io::Result<()> {
        self.raise(EVENT_POWER_BUTTON)
    }

    /// Tells the guest of `events`, bits of [`EVENT_PORT`].
    pub fn raise(&self, events: u8) -> std::io::Result<()> {
        self.events.fetch_or(events, Ordering::SeqCst);
        self.interrupt.write(1)
    }

    fn sleep(&self, value: u8) {
        /// `SLP_EN`.
        const ENABLE: u8 = 1 << 5;
        if value & ENABLE != 0 && (value >> 2) & 7 == SOFT_OFF {
            self.machine.end_by_poweroff();
        }
    }
}

impl BusDevice for Power {
    fn read(&self, offset: u64, data: &mut [u8]) {
        data.fill(0);
        if offset == u64::from(EVENT_PORT - PORTS_START) {
            data[0] = self.events.swap(0, Ordering::SeqCst);
        }
    }

    fn write(&self, offset: u64, data: &[u8]) {
        match PORTS_START + offset as u16 {
            SLEEP_CONTROL_PORT => self.sleep(data[0]),
            RESET_PORT if data[0] == RESET_VALUE => self.machine.end(ExitReason::GuestReset),
            _ => {}
        }
    }
}

/// The keyboard controller, of which there is only the reset line.
#[derive(Debug)]
pub struct ResetLine(pub Arc<MachineState>);

impl BusDevice for ResetLine {
    fn read(&self, _offset: u64, data: &mut [u8]) {
        data.fill(0);
    }

    fn write(&self, _offset: u64, data: &[u8]) {
        if data[0] == KEYBOARD_RESET {
            self.0.end(ExitReason::GuestReset);
        }
    }
}
