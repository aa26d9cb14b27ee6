//! The host name: the kernel's, `/etc/hostname`, and the machine's own line of `/etc/hosts`.

use super::{Step, cannot};
use crate::System;

/// Sets it. Of a name with dots the part before the first is the machine's own.
pub fn set(system: &System, name: &str) -> Step {
    let is_valid = |c: char| c.is_ascii_alphanumeric() || "-.".contains(c);
    if name.is_empty() || name.len() > 253 || !name.chars().all(is_valid) || name.starts_with(['-', '.']) {
        return Err(format!(
            "`{}` is not a host name",
            name.chars().take(80).collect::<String>().escape_debug()
        ));
    }
    let short = name.split('.').next().unwrap_or(name);
    if short.len() > 64 {
        return Err(format!("`{short}` is longer than the 64 characters that Linux takes"));
    }
    if system.is_real() {
        rustix::system::sethostname(short.as_bytes()).map_err(cannot("tell the kernel"))?;
    }
    system
        .write("/etc/hostname", format!("{short}\n").as_bytes(), 0o644)
        .map_err(cannot("write /etc/hostname"))?;
    let names = if short == name { short.to_owned() } else { format!("{name} {short}") };
    let hosts = system.read_text("/etc/hosts").unwrap_or_else(|_| "127.0.0.1 localhost\n".to_owned());
    system
        .write("/etc/hosts", with_own_line(&hosts, &names).as_bytes(), 0o644)
        .map_err(cannot("write /etc/hosts"))
}

/// Debian's convention: 127.0.1.1 is the host's own name.
fn with_own_line(hosts: &str, names: &str) -> String {
    let own = format!("127.0.1.1 {names}");
    let is_own = |line: &str| line.split_whitespace().next() == Some("127.0.1.1");
    let mut lines: Vec<&str> = hosts.lines().filter(|line| !is_own(line)).collect();
    let after_localhost = lines.iter().position(|line| line.starts_with("127.0.0.1")).map_or(0, |at| at + 1);
    lines.insert(after_localhost, &own);
    lines.join("\n") + "\n"
}
