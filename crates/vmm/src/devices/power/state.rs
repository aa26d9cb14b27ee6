//! What is saved of the power registers: events that the guest has not read yet. It is told of them once more, since
//! the interrupt may have been on its way.

use super::Power;
use crate::snapshot::part::{Part, PartError, from_state, state};
use serde::{Deserialize, Serialize};
use serde_json::Value;
use std::sync::atomic::Ordering;

#[derive(Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct PowerState {
    events: u8,
}

impl Part for Power {
    fn part(&self) -> String {
        "power".to_owned()
    }

    fn save(&self) -> Result<Value, PartError> {
        state(&PowerState { events: self.events.load(Ordering::SeqCst) })
    }

    fn restore(&self, state: Value) -> Result<(), PartError> {
        let PowerState { events } = from_state(state)?;
        self.events.store(events, Ordering::SeqCst);
        Ok(())
    }

    fn restored(&self) {
        if self.events.load(Ordering::SeqCst) != 0 {
            // A full counter means that it is being raised already.
            let _ = self.interrupt.write(1);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::bus::BusDevice;
    use crate::devices::power::{EVENT_PORT, EVENT_POWER_BUTTON, PORTS_START};
    use crate::machine::MachineState;
    use std::sync::Arc;
    use vmm_sys_util::eventfd::{EFD_NONBLOCK, EventFd};

    #[test]
    fn a_press_that_was_not_seen_is_told_again() {
        let power =
            |line: &EventFd| Power::new(line.try_clone().unwrap(), Arc::new(MachineState::new().unwrap()));
        let line = EventFd::new(EFD_NONBLOCK).unwrap();
        let pressed = power(&EventFd::new(EFD_NONBLOCK).unwrap());
        pressed.press_button().unwrap();
        let other = power(&line);
        other.restore(pressed.save().unwrap()).unwrap();
        other.restored();
        assert_eq!(line.read().unwrap(), 1);
        let mut events = [0];
        other.read(u64::from(EVENT_PORT - PORTS_START), &mut events);
        assert_eq!(events, [EVENT_POWER_BUTTON]);
    }
}
