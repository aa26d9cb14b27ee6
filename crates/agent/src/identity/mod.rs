//! Becoming another machine. Each step is a file; one that fails is told and keeps no other from being done.
//!
//! A fork's memory and disk are its source's. So there are two of everything that was meant to be one: the kernel's
//! random state and clock, the machine's id and name, sshd's keys, the addresses, and what a DHCP client believes.
//! Order: the random state first, as all that is made later hangs on it; the network last, as with it others see the
//! machine.

mod dhcp;
mod entropy;
mod first_boot;
mod host_keys;
mod hostname;
mod interfaces;
mod machine_id;

use std::sync::{Mutex, PoisonError};

use cumulet_agent_protocol::{Identity, IdentityDone, WallClock};
use rustix::time::{ClockId, Timespec, clock_settime};

use crate::System;
#[cfg(test)]
pub(crate) use interfaces::change_link;

/// Why a step was not done, with its causes.
type Step = Result<(), String>;

/// One change of identity at a time.
static TURN: Mutex<()> = Mutex::new(());

/// Takes the identity; tells what could not be done.
pub fn become_another(system: &System, identity: &Identity) -> IdentityDone {
    let _turn = TURN.lock().unwrap_or_else(PoisonError::into_inner);
    let mut done = IdentityDone::default();
    let mut act = |what: &str, outcome: Step| {
        if let Err(why) = outcome {
            done.problems.push(format!("{what}: {why}"));
        }
    };
    if !identity.entropy.is_empty() {
        act("random state", entropy::add(system, &identity.entropy));
    }
    if let Some(clock) = identity.clock {
        act("clock", set_clock(system, clock));
    }
    if let Some(id) = &identity.machine_id {
        act("machine id", machine_id::set(system, id));
    }
    if let Some(id) = &identity.instance_id {
        act("first boot", first_boot::remember(system, id));
    }
    if let Some(name) = &identity.hostname {
        act("host name", hostname::set(system, name));
    }
    act("host keys", host_keys::change(system, &identity.host_keys, &mut done.host_keys));
    for interface in &identity.interfaces {
        act(&format!("interface {}", interface.mac), interfaces::change(system, interface));
    }
    done
}

fn set_clock(system: &System, clock: WallClock) -> Step {
    if !system.is_real() {
        return Ok(());
    }
    let time = Timespec { tv_sec: clock.seconds, tv_nsec: clock.nanoseconds.into() };
    clock_settime(ClockId::Realtime, time).map_err(|error| error.to_string())
}

/// For `map_err` on an I/O result.
fn cannot<E: std::fmt::Display>(what: &str) -> impl FnOnce(E) -> String {
    let what = what.to_owned();
    move |error| format!("can't {what}: {error}")
}

#[cfg(test)]
mod tests;
