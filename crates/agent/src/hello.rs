//! Who the agent is.

use cumulet_agent_protocol::{Greeting, VERSION};

use crate::System;

/// The answer to a hello.
pub fn greeting(system: &System) -> Greeting {
    let line = |path: &str| system.read_text(path).unwrap_or_default().trim().chars().take(100).collect();
    Greeting {
        version: VERSION,
        oldest_version: VERSION,
        agent: env!("CARGO_PKG_VERSION").to_owned(),
        boot_id: line("/proc/sys/kernel/random/boot_id"),
        hostname: line("/proc/sys/kernel/hostname"),
        machine_id: line("/etc/machine-id"),
    }
}
