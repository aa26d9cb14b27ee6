//! A panic in any thread ends the process, after a record of it. So no lock is ever seen poisoned, and no half-dead
//! machine goes on.

use super::end::Ender;
use cumulet_vmm_protocol::ExitReason;
use std::sync::Arc;

/// Installs the hook.
pub fn install(ender: Arc<Ender>) {
    let print = std::panic::take_hook();
    std::panic::set_hook(Box::new(move |info| {
        print(info);
        let thread = std::thread::current().name().unwrap_or("?").to_owned();
        ender.end(ExitReason::InternalError { message: format!("thread {thread}: {info}") });
    }));
}

#[cfg(test)]
mod tests {
    use super::*;
    use cumulet_vmm_protocol::{ExitRecord, Identity, rundir};
    use std::process::Command;

    const CHILD: &str = "CUMULET_VMM_PANIC_DIR";

    /// Run again as a process of its own, in which a thread panics.
    #[test]
    fn a_panic_in_any_thread_leaves_a_record() {
        if let Some(dir) = std::env::var_os(CHILD) {
            std::env::set_current_dir(dir).unwrap();
            install(Arc::new(Ender::new(identity())));
            let _ = std::thread::Builder::new()
                .name("disk7".into())
                .spawn(|| panic!("a broken assumption"))
                .unwrap()
                .join();
            unreachable!("the process has ended");
        }
        let dir = tempfile::TempDir::new().unwrap();
        let name = "run::panic::tests::a_panic_in_any_thread_leaves_a_record";
        let child = Command::new(std::env::current_exe().unwrap())
            .args([name, "--exact", "--nocapture"])
            .env(CHILD, dir.path())
            .output()
            .unwrap();
        assert_eq!(child.status.code(), Some(1));
        let record = std::fs::read(dir.path().join(rundir::EXIT)).unwrap();
        let record: ExitRecord = serde_json::from_slice(&record).unwrap();
        match record.reason {
            ExitReason::InternalError { message } => {
                assert!(message.contains("disk7") && message.contains("a broken assumption"), "{message}");
            }
            other => panic!("{other:?}"),
        }
        assert_eq!(record.instance_id, "i-1");
    }

    fn identity() -> Identity {
        Identity {
            protocol_version: 1,
            vmm_version: "0".into(),
            instance_id: "i-1".into(),
            launch_id: "l-1".into(),
            boot_id: "b".into(),
            pid: std::process::id(),
            pid_start_time: 1,
            spec_digest: String::new(),
        }
    }
}
