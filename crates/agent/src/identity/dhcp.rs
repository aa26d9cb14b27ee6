//! DHCP clients: one that goes on would ask for its source's address under its source's name. An address of an
//! instance stays for its life, so none is needed until the next boot; then it starts without the old lease.
//! systemd-networkd follows a change of the hardware address by itself.

use std::fs;

use rustix::process::{Pid, Signal, kill_process};

use crate::System;

/// Ends the clients of an interface and removes what they keep.
pub fn forget(system: &System, interface: &str) {
    let clients = [
        (format!("/run/udhcpc-{interface}.pid"), "udhcpc"),
        (format!("/run/udhcpc.{interface}.pid"), "udhcpc"),
        (format!("/run/dhclient.{interface}.pid"), "dhclient"),
        ("/run/dhclient.pid".to_owned(), "dhclient"),
    ];
    for (file, program) in clients {
        // Neither gives its lease back when it gets SIGTERM.
        if let Some(pid) = process_of(system, &file, program).and_then(Pid::from_raw) {
            _ = kill_process(pid, Signal::TERM);
        }
    }
    for folder in ["/var/lib/dhcp", "/var/lib/dhclient", "/var/lib/udhcpc"] {
        let Ok(entries) = fs::read_dir(system.path(folder)) else { continue };
        for entry in entries.flatten() {
            if entry.file_name().to_string_lossy().contains("lease") {
                _ = fs::remove_file(entry.path());
            }
        }
    }
}

/// The process that a file names, if it runs and is that program: a stale file may name anybody.
pub fn process_of(system: &System, file: &str, program: &str) -> Option<i32> {
    let pid: i32 = system.read_text(file).ok()?.trim().parse().ok()?;
    if pid <= 1 || !system.is_real() {
        return None;
    }
    let line = fs::read(format!("/proc/{pid}/cmdline")).ok()?;
    let names = String::from_utf8_lossy(&line).contains(program);
    names.then_some(pid)
}
