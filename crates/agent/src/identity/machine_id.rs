//! `/etc/machine-id` (machine-id(5)). Programs that read it before keep what they have read.

use super::{Step, cannot};
use crate::System;

const FILE: &str = "/etc/machine-id";
/// Where D-Bus has its own, unless it is a link to the other.
const DBUS_FILE: &str = "/var/lib/dbus/machine-id";

/// Writes it.
pub fn set(system: &System, id: &str) -> Step {
    let is_digit = |byte: u8| byte.is_ascii_digit() || (b'a'..=b'f').contains(&byte);
    if id.len() != 32 || !id.bytes().all(is_digit) {
        return Err("it must be 32 lower-case hexadecimal digits".to_owned());
    }
    let line = format!("{id}\n");
    system.write(FILE, line.as_bytes(), 0o444).map_err(cannot("write /etc/machine-id"))?;
    let has_own = system.path(DBUS_FILE).symlink_metadata().is_ok_and(|file| file.is_file());
    if has_own {
        system.write(DBUS_FILE, line.as_bytes(), 0o644).map_err(cannot("write D-Bus' machine id"))?;
    }
    Ok(())
}
