//! The names of the files in an instance's run directory. The directory is made by the supervisor and owned by one
//! VMM process at a time: the one that holds the flock on [`LOCK`].

/// Unix stream socket on which the VMM serves the control protocol.
pub const CONTROL_SOCKET: &str = "control.sock";
/// Unix stream socket of [`crate::Vsock`].
pub const VSOCK_SOCKET: &str = "vsock.sock";
/// The VMM holds an exclusive flock on this file for its whole life; a free lock means that no VMM lives.
pub const LOCK: &str = "lock";
/// [`crate::Identity`] as JSON, renamed into place before the control socket answers.
pub const IDENTITY: &str = "identity.json";
/// The newest output of the serial console. When it has [`crate::MachineSpec::console_log_bytes`] it becomes
/// [`CONSOLE_LOG_OLD`] and a new one is begun.
pub const CONSOLE_LOG: &str = "console.log";
/// The part of the console right before [`CONSOLE_LOG`]; what was there before is gone.
pub const CONSOLE_LOG_OLD: &str = "console.log.1";
/// [`crate::ExitRecord`] as JSON, renamed into place as the last act of the VMM. A free lock without this file means
/// that the VMM died without a word (SIGKILL, host crash).
pub const EXIT: &str = "exit.json";
