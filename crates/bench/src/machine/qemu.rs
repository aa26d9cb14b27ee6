//! QEMU's microvm machine, as lean as it can be had: its quickest firmware, virtio by MMIO, no PCI bus, no legacy
//! devices. Disks and interfaces have an I/O thread's help where QEMU gives one.

use super::qmp::Qmp;
use super::{CID, CMDLINE, Guest, Host, Prepared, Running, Vmm, command_for};
use crate::error::{BenchError, Result};
use crate::host::info::version_of;
use serde_json::json;
use std::path::Path;
use std::process::Command;
use std::time::{Duration, Instant};

/// The socket of its monitor in a machine's directory.
const MONITOR: &str = "qmp.sock";

impl Host {
    pub(super) fn qemu(&self, dir: &Path, guest: &Guest) -> Result<Prepared> {
        let mut command = self.qemu_machine(dir, guest)?;
        command.args(["-append", CMDLINE, "-kernel"]).arg(&guest.kernel).arg("-initrd").arg(&guest.initrd);
        Ok(Prepared::new(command))
    }

    fn qemu_machine(&self, dir: &Path, guest: &Guest) -> Result<Command> {
        let mut command = command_for(self.program(Vmm::Qemu)?, guest);
        command
            .args(["-M", "microvm,acpi=on,pcie=off,rtc=off,pit=off,pic=off", "-accel", "kvm"])
            // ARCH_CAPABILITIES makes it stop on hosts whose KVM has the MSR but not all bits.
            .args(["-bios", "qboot.rom", "-cpu", "host,-arch-capabilities", "-smp", "1"])
            .args(["-m", &guest.memory_mib.to_string(), "-nodefaults", "-no-user-config", "-no-reboot"])
            .args(["-display", "none", "-serial", "stdio", "-device", "virtio-rng-device"]);
        if guest.monitor {
            command.arg("-qmp").arg(format!("unix:{},server=on,wait=off", dir.join(MONITOR).display()));
        }
        if let Some(disk) = &guest.disk {
            command.args(["-object", "iothread,id=io0", "-drive"]);
            let drive = "if=none,id=d0,format=raw,cache=writeback,aio=io_uring,discard=unmap";
            command.arg(format!("{drive},file={}", disk.display()));
            command.args(["-device", "virtio-blk-device,drive=d0,iothread=io0"]);
        }
        if let Some(tap) = &guest.tap {
            command.arg("-netdev").arg(format!("tap,id=n0,ifname={},script=no,downscript=no", tap.name));
            command.arg("-device").arg(format!("virtio-net-device,netdev=n0,mac={}", tap.mac));
        }
        if guest.vsock {
            command.arg("-device").arg(format!("vhost-vsock-device,guest-cid={CID}"));
        }
        Ok(command)
    }

    /// Saves a machine of QEMU's into `file`: it is stopped, written, and goes on. Gives the milliseconds that it stood.
    pub fn qemu_save(&self, machine: &Running, file: &Path) -> Result<f64> {
        let mut monitor = Qmp::connect(&machine.dir.join(MONITOR))?;
        let began = Instant::now();
        monitor.execute("stop", json!({}))?;
        monitor.execute("migrate-set-parameters", json!({"max-bandwidth": 1u64 << 40}))?;
        monitor.execute("migrate", json!({"uri": self.qemu_place(file, '>')?}))?;
        loop {
            let status = monitor.execute("query-migrate", json!({}))?;
            match status["status"].as_str() {
                Some("completed") => break,
                Some("failed") => {
                    return Err(BenchError::Machine(format!("it can't be saved: {}", status["error-desc"])));
                }
                _ if began.elapsed() > super::LIMIT => {
                    return Err(BenchError::Machine("it does not come to an end of saving".to_owned()));
                }
                _ => std::thread::sleep(Duration::from_micros(500)),
            }
        }
        monitor.execute("cont", json!({}))?;
        Ok(super::ms_since(began))
    }

    /// Starts a machine from what was saved.
    pub fn qemu_restore(&self, dir: &Path, guest: &Guest, file: &Path, input: &str) -> Result<Running> {
        let mut command = self.qemu_machine(dir, guest)?;
        // It wants the same boot again, though nothing of it is used.
        command.args(["-append", CMDLINE, "-kernel"]).arg(&guest.kernel).arg("-initrd").arg(&guest.initrd);
        command.arg("-incoming").arg(self.qemu_place(file, '<')?);
        Running::spawn(Prepared::new(command), dir, input)
    }

    /// How QEMU is told of a file: by its name from version 8.2 on, by a command that reads or writes it before.
    fn qemu_place(&self, file: &Path, direction: char) -> Result<String> {
        let version = version_of(self.program(Vmm::Qemu)?).unwrap_or_default();
        Ok(match knows_files(&version) {
            true => format!("file:{}", file.display()),
            false => format!("exec:cat {direction}'{}'", file.display()),
        })
    }
}

/// Whether this version of QEMU, as it tells it, takes a file's name.
fn knows_files(version: &str) -> bool {
    let number = version.split_once("version ").map_or("", |(_, number)| number);
    let mut parts = number.split(|c: char| !c.is_ascii_digit()).map_while(|part| part.parse::<u32>().ok());
    (parts.next().unwrap_or(0), parts.next().unwrap_or(0)) >= (8, 2)
}

#[cfg(test)]
mod tests {
    use super::knows_files;

    #[test]
    fn files_are_known_from_8_2_on() {
        for (version, known) in [
            ("QEMU emulator version 7.2.22 (Debian 1:7.2+dfsg-7+deb12u18+b3)", false),
            ("QEMU emulator version 8.1.5", false),
            ("QEMU emulator version 8.2.0", true),
            ("QEMU emulator version 10.0", true),
            ("something else", false),
        ] {
            assert_eq!(knows_files(version), known, "{version}");
        }
    }
}
