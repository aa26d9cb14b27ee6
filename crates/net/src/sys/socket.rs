//! Socket options that have no safe wrapper.

use std::io;
use std::net::UdpSocket;
use std::os::fd::{AsRawFd, OwnedFd};

/// Sends without UDP checksums, which IPv4 allows (RFC 768). A guest's network card leaves checksums of what comes from
/// its own host to be filled in later, and DHCP clients that read raw packets take the unfilled ones for damage.
pub fn send_without_checksum(socket: &UdpSocket) -> io::Result<()> {
    let on: libc::c_int = 1;
    // SAFETY: the descriptor is open while `socket` is borrowed, and the pointer and length are those of a live c_int.
    let result = unsafe {
        libc::setsockopt(
            socket.as_raw_fd(),
            libc::SOL_SOCKET,
            libc::SO_NO_CHECK,
            (&raw const on).cast(),
            size_of::<libc::c_int>() as libc::socklen_t,
        )
    };
    if result == 0 { Ok(()) } else { Err(io::Error::last_os_error()) }
}

/// Makes a raw ICMPv6 socket hear router solicitations and nothing else (RFC 3542, section 3.2: a bit that is set in the
/// filter blocks its type).
pub fn hear_router_solicitations_alone(socket: &OwnedFd) -> io::Result<()> {
    const ICMP6_FILTER: libc::c_int = 1;
    const SOLICITATION: usize = 133;
    let mut blocked = [u32::MAX; 8];
    blocked[SOLICITATION / 32] &= !(1 << (SOLICITATION % 32));
    // SAFETY: the descriptor is open while `socket` is borrowed, and the pointer and length are those of a live array.
    let result = unsafe {
        libc::setsockopt(
            socket.as_raw_fd(),
            libc::IPPROTO_ICMPV6,
            ICMP6_FILTER,
            (&raw const blocked).cast(),
            size_of_val(&blocked) as libc::socklen_t,
        )
    };
    if result == 0 { Ok(()) } else { Err(io::Error::last_os_error()) }
}
