//! Where VMMs live and how long they may take.

use std::path::PathBuf;
use std::time::Duration;

/// Whether VMMs are put into jails.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Jail {
    /// Each in one of its own.
    On {
        /// The jailer's program.
        program: PathBuf,
        /// Where it stands which user ids are given out; for all installations of a host the same.
        uids: PathBuf,
    },
    /// None: a VMM runs as the daemon's user. For development only; each start says so in the log.
    Off,
}

/// Settings of a [`crate::Supervisor`].
#[derive(Debug, Clone)]
pub struct SupervisorConfig {
    /// Directory of `vms` and `quarantine`; absolute, and short enough for a socket's address (see
    /// [`crate::SupervisorError::RunDirTooLong`]).
    pub run_dir: PathBuf,
    /// The VMM's program.
    pub vmm_program: PathBuf,
    /// Their jails.
    pub jail: Jail,
    /// The KVM device.
    pub kvm: PathBuf,
    /// How long a VMM may take until its vCPUs run.
    pub start_limit: Duration,
    /// How long an answer over the control socket may take.
    pub call_limit: Duration,
    /// How long a reader of the console waits for more before it gets an empty answer.
    pub console_wait: Duration,
    /// How long a VMM that was told to end may take before it is killed by signal.
    pub kill_grace: Duration,
    /// How many bytes of console output a VMM keeps at least.
    pub console_log_bytes: u64,
}

impl SupervisorConfig {
    /// The usual settings: the programs `cumulet-vmm` and `cumulet-jailer` beside the current executable, jails on,
    /// `/dev/kvm`, and limits that a slow host under load still keeps.
    pub fn new(run_dir: impl Into<PathBuf>) -> Self {
        let exe = std::env::current_exe().unwrap_or_else(|_| "/usr/bin/cumuletd".into());
        Self {
            run_dir: run_dir.into(),
            vmm_program: exe.with_file_name("cumulet-vmm"),
            jail: Jail::On {
                program: exe.with_file_name("cumulet-jailer"),
                uids: cumulet_jailer::uids::DIR.into(),
            },
            kvm: "/dev/kvm".into(),
            start_limit: Duration::from_secs(120),
            call_limit: Duration::from_secs(15),
            console_wait: Duration::from_secs(20),
            kill_grace: Duration::from_secs(5),
            console_log_bytes: 1 << 20,
        }
    }
}
