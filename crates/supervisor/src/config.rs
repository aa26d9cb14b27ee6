//! Where VMMs live and how long they may take.

use std::path::PathBuf;
use std::time::Duration;

/// Settings of a [`crate::Supervisor`].
#[derive(Debug, Clone)]
pub struct SupervisorConfig {
    /// Directory of `vms` and `quarantine`; absolute, and short enough for a socket's address (see
    /// [`crate::SupervisorError::RunDirTooLong`]).
    pub run_dir: PathBuf,
    /// The VMM's program.
    pub vmm_program: PathBuf,
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
    /// The usual settings: the program `cumulet-vmm` beside the current executable, `/dev/kvm`, and limits that a slow
    /// host under load still keeps.
    pub fn new(run_dir: impl Into<PathBuf>) -> Self {
        let beside = std::env::current_exe().ok().map(|exe| exe.with_file_name("cumulet-vmm"));
        Self {
            run_dir: run_dir.into(),
            vmm_program: beside.unwrap_or_else(|| "/usr/bin/cumulet-vmm".into()),
            kvm: "/dev/kvm".into(),
            start_limit: Duration::from_secs(120),
            call_limit: Duration::from_secs(15),
            console_wait: Duration::from_secs(20),
            kill_grace: Duration::from_secs(5),
            console_log_bytes: 1 << 20,
        }
    }
}
