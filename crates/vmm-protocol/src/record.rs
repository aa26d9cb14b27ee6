//! The two records a VMM leaves in its run directory: who it is, and how it ended.

use serde::{Deserialize, Serialize};

/// `identity.json`: which process runs which instance. A stored pid is never signalled without checking its start
/// time.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Identity {
    /// [`crate::PROTOCOL_VERSION`] of the VMM.
    pub protocol_version: u32,
    /// Version of the VMM's program.
    pub vmm_version: String,
    /// From the specification.
    pub instance_id: String,
    /// From the specification.
    pub launch_id: String,
    /// The host's `/proc/sys/kernel/random/boot_id` at the VMM's start: another one means the host rebooted.
    pub boot_id: String,
    /// Process id, as the VMM itself sees it.
    pub pid: u32,
    /// Start time of the process in clock ticks since the host's boot (`/proc/PID/stat`, field 22).
    pub pid_start_time: u64,
    /// Lower-case hexadecimal SHA-256 of the specification's bytes as they were read.
    pub spec_digest: String,
}

/// `exit.json`: the last word of a VMM.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ExitRecord {
    /// [`crate::PROTOCOL_VERSION`] of the VMM.
    pub protocol_version: u32,
    /// From the specification; empty when that could not be read.
    pub instance_id: String,
    /// From the specification; empty when that could not be read.
    pub launch_id: String,
    /// As in [`Identity::boot_id`].
    pub boot_id: String,
    /// As in [`Identity::pid`].
    pub pid: u32,
    /// Why.
    pub reason: ExitReason,
    /// When, in milliseconds since the Unix epoch.
    pub at_unix_ms: u64,
}

/// Why a VMM ended.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "kind", rename_all = "kebab-case")]
pub enum ExitReason {
    /// The guest powered itself off, on its own or after the power button.
    GuestPoweroff {
        /// Whether the power button was pressed in this run.
        after_power_button: bool,
    },
    /// The guest asked for a reset (ACPI reset register, keyboard controller). The machine has to be started anew.
    GuestReset,
    /// The kill command of the control socket, or SIGTERM or SIGINT.
    Killed,
    /// The process that started the VMM is gone and [`crate::MachineSpec::die_with_parent`] was set.
    ParentDied,
    /// A vCPU shut down: most often a triple fault.
    TripleFault {
        /// The vCPU, counted from 0.
        vcpu: u32,
    },
    /// KVM could not go on with the guest.
    GuestCrash {
        /// What KVM reported.
        how: String,
    },
    /// A device could not go on.
    DeviceError {
        /// The device's id, for example a volume id.
        device: String,
        /// What happened.
        message: String,
    },
    /// The host refused something the machine needs, before the guest ran: KVM, memory, a descriptor, a kernel image.
    StartFailed {
        /// The part that failed, for example `kernel` or `disk vol-0123`.
        what: String,
        /// What happened.
        message: String,
    },
    /// The specification is not valid.
    BadSpec {
        /// Names the field and the rule.
        message: String,
    },
    /// The VMM itself failed: a panic or a broken assumption.
    InternalError {
        /// What happened.
        message: String,
    },
}
