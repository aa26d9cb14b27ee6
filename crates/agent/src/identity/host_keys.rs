//! sshd's host keys. Two machines with one key are one machine to those who log in, and who has one can pose as the
//! other.

use std::fs;
use std::process::{Command, Stdio};

use cumulet_agent_protocol::{HostKey, HostKeys};
use rustix::process::{Pid, Signal, kill_process};

use super::{Step, cannot};
use crate::System;

const FOLDER: &str = "/etc/ssh";
const KINDS: [&str; 4] = ["ed25519", "ecdsa", "rsa", "dsa"];

/// Changes the keys and tells the public ones.
pub fn change(system: &System, keys: &HostKeys, told: &mut Vec<String>) -> Step {
    match keys {
        HostKeys::Keep => return Ok(()),
        HostKeys::Replace(keys) => replace(system, keys, told)?,
        HostKeys::Make => make(system, told)?,
    }
    reload(system)
}

fn replace(system: &System, keys: &[HostKey], told: &mut Vec<String>) -> Step {
    if keys.is_empty() {
        return Err("there must be one at least".to_owned());
    }
    if let Some(odd) = keys.iter().find(|key| !KINDS.contains(&key.kind.as_str())) {
        return Err(format!("{:?} is no kind of host key", odd.kind.chars().take(20).collect::<String>()));
    }
    if !system.path(FOLDER).is_dir() {
        return Err("there is no /etc/ssh in the guest".to_owned());
    }
    remove(system, &KINDS)?;
    for key in keys {
        let path = format!("{FOLDER}/ssh_host_{}_key", key.kind);
        let public = format!("{}\n", key.public.trim_end());
        system.write(&path, key.private.as_bytes(), 0o600).map_err(cannot("write a private key"))?;
        system
            .write(&format!("{path}.pub"), public.as_bytes(), 0o644)
            .map_err(cannot("write a public key"))?;
        told.push(key.public.trim_end().to_owned());
    }
    Ok(())
}

/// Makes new keys of the kinds that there are, by ssh-keygen.
fn make(system: &System, told: &mut Vec<String>) -> Step {
    let file = |kind: &str| format!("{FOLDER}/ssh_host_{kind}_key");
    let there: Vec<_> = KINDS.into_iter().filter(|kind| system.path(&file(kind)).exists()).collect();
    remove(system, &there)?;
    for kind in there {
        let path = system.path(&file(kind));
        let made = Command::new(system.path("/usr/bin/ssh-keygen"))
            .args(["-q", "-t", kind, "-N", "", "-C", "", "-f"])
            .arg(&path)
            .stdin(Stdio::null())
            .output()
            .map_err(cannot("run ssh-keygen"))?;
        if !made.status.success() {
            let why = String::from_utf8_lossy(&made.stderr).trim().chars().take(200).collect::<String>();
            return Err(format!("ssh-keygen made no {kind} key: {why}"));
        }
        let public = system.read_text(&format!("{}.pub", file(kind))).map_err(cannot("read a public key"))?;
        told.push(public.trim_end().to_owned());
    }
    Ok(())
}

/// Also certificates, which are of the old keys.
fn remove(system: &System, kinds: &[&str]) -> Step {
    for kind in kinds {
        for ending in ["", ".pub", "-cert.pub"] {
            match fs::remove_file(system.path(&format!("{FOLDER}/ssh_host_{kind}_key{ending}"))) {
                Err(error) if error.kind() != std::io::ErrorKind::NotFound => {
                    return Err(format!("can't remove the old {kind} key: {error}"));
                }
                _ => {}
            }
        }
    }
    Ok(())
}

/// sshd reads its keys when it starts and at SIGHUP. One that does not run has nothing to forget.
fn reload(system: &System) -> Step {
    let Some(pid) = super::dhcp::process_of(system, "/run/sshd.pid", "sshd") else { return Ok(()) };
    let Some(pid) = Pid::from_raw(pid) else { return Ok(()) };
    kill_process(pid, Signal::HUP).map_err(cannot("tell sshd"))
}
