//! The host's name: in `/etc/hostname`, in `/etc/hosts` and in the kernel.

use crate::context::Context;
use crate::error::ActionError;

/// Sets the name; a full name gives the part before its first dot as the host's name.
pub fn set(context: &Context, name: &str) -> Result<(), ActionError> {
    let valid = |c: char| c.is_ascii_alphanumeric() || "-.".contains(c);
    if name.is_empty() || name.len() > 253 || !name.chars().all(valid) || name.starts_with(['-', '.']) {
        return Err(ActionError::Refused(format!("`{}` is not a host name", name.escape_debug())));
    }
    let short = name.split('.').next().unwrap_or(name);
    if short.len() > 64 {
        return Err(ActionError::Refused(format!(
            "`{short}` is longer than the 64 characters that Linux takes"
        )));
    }
    let system = &context.system;
    system.write("/etc/hostname", format!("{short}\n").as_bytes(), 0o644)?;
    let names = if short == name { short.to_owned() } else { format!("{name} {short}") };
    let hosts = system.read_text("/etc/hosts").unwrap_or_else(|_| "127.0.0.1 localhost\n".to_owned());
    system.write("/etc/hosts", with_own_line(&hosts, &names).as_bytes(), 0o644)?;
    if system.is_real() {
        rustix::system::sethostname(short.as_bytes()).map_err(|error| {
            ActionError::Refused(format!("the kernel refuses the host name {short}: {error}"))
        })?;
    }
    Ok(())
}

/// Where a name that user data chose is kept, so that later boots don't take the service's name again.
fn chosen_file(context: &Context) -> String {
    format!("/var/lib/cumulet/firstboot/{}/hostname", context.report.instance_id)
}

/// Keeps a name that user data chose for the boots to come.
pub fn choose(context: &Context, name: &str) -> Result<(), ActionError> {
    context.system.write(&chosen_file(context), name.as_bytes(), 0o644)
}

/// The name that user data chose at an earlier boot of this instance.
pub fn chosen(context: &Context) -> Option<String> {
    context.system.read_text(&chosen_file(context)).ok().filter(|name| !name.is_empty())
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_own_line_is_replaced_and_others_stay() {
        let hosts = "127.0.0.1 localhost\n127.0.1.1 old\n::1 localhost\n";
        let expected = "127.0.0.1 localhost\n127.0.1.1 new.internal new\n::1 localhost\n";
        assert_eq!(with_own_line(hosts, "new.internal new"), expected);
        assert_eq!(with_own_line("", "x"), "127.0.1.1 x\n");
    }
}
