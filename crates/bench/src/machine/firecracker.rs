//! Firecracker, from a configuration file. Its API is served only where a machine is to be saved or restored.

use super::{CID, CMDLINE, Guest, Host, Prepared, Running, Vmm, command_for, http};
use crate::error::{BenchError, Result};
use serde_json::{Value, json};
use std::path::{Path, PathBuf};
use std::time::Instant;

/// The socket of its API in a machine's directory.
const API: &str = "api.sock";
/// Its sockets to the guest.
const VSOCK: &str = "vsock.sock";

impl Host {
    pub(super) fn firecracker(&self, dir: &Path, guest: &Guest) -> Result<Prepared> {
        let config = dir.join("config.json");
        std::fs::write(&config, describe(dir, guest).to_string())
            .map_err(BenchError::io("write a configuration"))?;
        let mut command = command_for(self.program(Vmm::Firecracker)?, guest);
        command.arg("--config-file").arg(config).args(["--level", "Error"]);
        match guest.monitor {
            true => command.arg("--api-sock").arg(dir.join(API)),
            false => command.arg("--no-api"),
        };
        Ok(Prepared::new(command))
    }

    /// Saves a machine of Firecracker's: it is paused, written, and goes on. Gives the files, and the milliseconds that
    /// it stood.
    pub fn firecracker_save(&self, machine: &Running, dir: &Path) -> Result<([PathBuf; 2], f64)> {
        let api = machine.dir.join(API);
        let files = ["state", "memory"].map(|name| dir.join(format!("firecracker-{name}")));
        let began = Instant::now();
        http::request(&api, "PATCH", "/vm", &json!({"state": "Paused"}))?;
        let what = json!({"snapshot_type": "Full", "snapshot_path": files[0], "mem_file_path": files[1]});
        http::request(&api, "PUT", "/snapshot/create", &what)?;
        http::request(&api, "PATCH", "/vm", &json!({"state": "Resumed"}))?;
        Ok((files, super::ms_since(began)))
    }

    /// Starts a machine from what was saved.
    pub fn firecracker_restore(
        &self,
        dir: &Path,
        guest: &Guest,
        files: &[PathBuf; 2],
        input: &str,
    ) -> Result<Running> {
        let mut command = command_for(self.program(Vmm::Firecracker)?, guest);
        command.arg("--api-sock").arg(dir.join(API)).args(["--level", "Error"]);
        let running = Running::spawn(Prepared::new(command), dir, input)?;
        let backend = json!({"backend_type": "File", "backend_path": files[1]});
        let what = json!({"snapshot_path": files[0], "mem_backend": backend, "resume_vm": true});
        http::request(&dir.join(API), "PUT", "/snapshot/load", &what)?;
        Ok(running)
    }
}

fn describe(dir: &Path, guest: &Guest) -> Value {
    let mut config = json!({
        "boot-source": {"kernel_image_path": guest.kernel, "initrd_path": guest.initrd,
                        "boot_args": format!("{CMDLINE} pci=off")},
        "drives": [], "entropy": {},
        "machine-config": {"vcpu_count": 1, "mem_size_mib": guest.memory_mib},
    });
    if let Some(disk) = &guest.disk {
        config["drives"] = json!([{
            "drive_id": "disk", "path_on_host": disk, "is_root_device": false, "is_read_only": false,
            "cache_type": "Writeback", "io_engine": "Async",
        }]);
    }
    if let Some(tap) = &guest.tap {
        config["network-interfaces"] =
            json!([{"iface_id": "eth0", "host_dev_name": tap.name, "guest_mac": tap.mac}]);
    }
    if guest.vsock {
        config["vsock"] = json!({"guest_cid": CID, "uds_path": dir.join(VSOCK)});
    }
    config
}
