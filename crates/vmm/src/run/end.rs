//! The end of the process: the exit record, then nothing more.

use super::rundir::{Durable, write_record};
use crate::run::{complain, explain};
use cumulet_vmm_protocol::rundir::{CONTROL_SOCKET, EXIT, VSOCK_SOCKET};
use cumulet_vmm_protocol::{ExitReason, ExitRecord, Identity, PROTOCOL_VERSION};
use std::sync::Mutex;
use std::time::{SystemTime, UNIX_EPOCH};

/// Exit status after an end that the guest or its operator asked for.
const STATUS_ASKED: i32 = 0;
/// Exit status after any other end.
const STATUS_FAILED: i32 = 1;

/// Ends the process, once.
#[derive(Debug)]
pub struct Ender {
    identity: Mutex<Identity>,
}

impl Ender {
    /// For the process that `identity` describes.
    pub fn new(identity: Identity) -> Self {
        Self { identity: Mutex::new(identity) }
    }

    /// Learns who the process is, once the specification has been read.
    pub fn identify(&self, identity: Identity) {
        *self.identity.lock().expect("held for moments only") = identity;
    }

    /// Writes the record and ends the process. Of several threads that come here, the first one's reason is
    /// recorded: the others wait for a lock that is never given back.
    pub fn end(&self, reason: ExitReason) -> ! {
        let identity = self.identity.lock().unwrap_or_else(std::sync::PoisonError::into_inner);
        let asked = matches!(
            reason,
            ExitReason::GuestPoweroff { .. }
                | ExitReason::GuestReset
                | ExitReason::Killed
                | ExitReason::ParentDied
        );
        // Said last: whoever should read it may be gone, or have stopped reading.
        let complaint = (!asked).then(|| format!("ending: {reason:?}"));
        let record = ExitRecord {
            protocol_version: PROTOCOL_VERSION,
            instance_id: identity.instance_id.clone(),
            launch_id: identity.launch_id.clone(),
            boot_id: identity.boot_id.clone(),
            pid: identity.pid,
            reason,
            at_unix_ms: SystemTime::now()
                .duration_since(UNIX_EPOCH)
                .map_or(0, |time| time.as_millis() as u64),
        };
        if let Err(error) = write_record(EXIT, &record, Durable::Yes) {
            complain(&format!("no exit record: {}", explain(&error)));
        }
        let _ = std::fs::remove_file(CONTROL_SOCKET);
        let _ = std::fs::remove_file(VSOCK_SOCKET);
        if let Some(complaint) = complaint {
            complain(&complaint);
        }
        // SAFETY: ends the process without running anything of it, which is what is wanted here: other threads may
        // hold any lock. The record is on the disk and disks were closed before.
        unsafe { libc::_exit(if asked { STATUS_ASKED } else { STATUS_FAILED }) }
    }
}
