//! Settings of the host's kernel.

use super::row::Row;

/// Whether the host forwards, which the guests' way out goes through.
pub fn forwarding() -> Row {
    let path = "/proc/sys/net/ipv4/ip_forward";
    match std::fs::read_to_string(path).as_deref().map(str::trim) {
        Ok("1") => Row::ok("ip_forward", "on"),
        Ok(_) => Row::ok("ip_forward", "off; the daemon turns it on and, when torn down, off again"),
        Err(error) => {
            Row::fail("ip_forward", format!("{path}: {error}"), "mount /proc, and use a kernel with IPv4")
        }
    }
}
