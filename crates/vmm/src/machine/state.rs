//! The state that the control socket shows: `starting -> running <-> paused -> exiting`. Any thread may end the
//! machine; the first reason counts. The event loop is woken by every change.

use cumulet_vmm_protocol::{ExitReason, Phase, Status};
use std::io;
use std::sync::Mutex;
use std::sync::atomic::{AtomicBool, Ordering};
use vmm_sys_util::eventfd::{EFD_CLOEXEC, EFD_NONBLOCK, EventFd};

/// Shared by all threads.
#[derive(Debug)]
pub struct MachineState {
    inner: Mutex<Inner>,
    ending: AtomicBool,
    driver_seen: AtomicBool,
    changed: EventFd,
}

#[derive(Debug)]
struct Inner {
    status: Status,
    exit: Option<ExitReason>,
}

impl MachineState {
    /// A machine that is being built.
    pub fn new() -> io::Result<Self> {
        let status =
            Status { generation: 1, phase: Phase::Starting, power_button_presses: 0, driver_seen: false };
        Ok(Self {
            inner: Mutex::new(Inner { status, exit: None }),
            ending: AtomicBool::new(false),
            driver_seen: AtomicBool::new(false),
            changed: EventFd::new(EFD_CLOEXEC | EFD_NONBLOCK)?,
        })
    }

    /// What to wait on for changes.
    pub fn changed(&self) -> &EventFd {
        &self.changed
    }

    /// The state now.
    pub fn status(&self) -> Status {
        self.lock().status.clone()
    }

    /// Why the machine ends, once it does.
    pub fn exit(&self) -> Option<ExitReason> {
        self.lock().exit.clone()
    }

    /// Whether the machine ends. Cheap: vCPUs ask after every exit.
    pub fn is_ending(&self) -> bool {
        self.ending.load(Ordering::Acquire)
    }

    /// Ends the machine for `reason`, unless it ends already.
    pub fn end(&self, reason: ExitReason) {
        self.end_with(|_| reason);
    }

    /// Ends the machine because the guest powered off.
    pub fn end_by_poweroff(&self) {
        self.end_with(|status| ExitReason::GuestPoweroff {
            after_power_button: status.power_button_presses > 0,
        });
    }

    /// Goes to another phase, unless the machine ends.
    pub fn set_phase(&self, phase: Phase) -> Status {
        self.change(|status| status.phase = phase)
    }

    /// Counts a press of the power button.
    pub fn count_power_button(&self) {
        self.change(|status| status.power_button_presses += 1);
    }

    /// Notes that the guest has set up a device.
    pub fn note_driver(&self) {
        if !self.driver_seen.swap(true, Ordering::Relaxed) {
            self.change(|status| status.driver_seen = true);
        }
    }

    fn end_with(&self, reason: impl FnOnce(&Status) -> ExitReason) {
        let mut inner = self.lock();
        if inner.exit.is_none() {
            inner.exit = Some(reason(&inner.status));
            inner.status.phase = Phase::Exiting;
            inner.status.generation += 1;
            self.ending.store(true, Ordering::Release);
        }
        drop(inner);
        self.wake();
    }

    fn change(&self, change: impl FnOnce(&mut Status)) -> Status {
        let mut inner = self.lock();
        let before = inner.status.clone();
        change(&mut inner.status);
        if inner.exit.is_some() {
            inner.status.phase = Phase::Exiting;
        }
        if inner.status != before {
            inner.status.generation += 1;
        }
        let status = inner.status.clone();
        drop(inner);
        self.wake();
        status
    }

    /// Wakes the main loop, and those who wait for a change of something else than the state.
    pub fn wake(&self) {
        // Only a full counter makes this fail, and then the event loop is being woken already.
        let _ = self.changed.write(1);
    }

    fn lock(&self) -> std::sync::MutexGuard<'_, Inner> {
        // A panic anywhere ends the process (see `run::panic`), so a poisoned lock is never seen.
        self.inner.lock().expect("no thread panicked")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_first_reason_to_end_counts() {
        let state = MachineState::new().unwrap();
        state.end(ExitReason::GuestReset);
        state.end(ExitReason::Killed);
        assert_eq!(state.exit(), Some(ExitReason::GuestReset));
        assert_eq!(state.set_phase(Phase::Running).phase, Phase::Exiting);
    }

    #[test]
    fn the_generation_grows_with_changes_only() {
        let state = MachineState::new().unwrap();
        let first = state.set_phase(Phase::Running).generation;
        assert_eq!(state.set_phase(Phase::Running).generation, first);
        assert_eq!(state.set_phase(Phase::Paused).generation, first + 1);
        state.note_driver();
        state.note_driver();
        assert_eq!(state.status().generation, first + 2);
    }

    #[test]
    fn a_poweroff_knows_whether_the_button_was_pressed() {
        let state = MachineState::new().unwrap();
        state.count_power_button();
        state.end_by_poweroff();
        assert_eq!(state.exit(), Some(ExitReason::GuestPoweroff { after_power_button: true }));
    }
}
