//! A socket option that has no safe wrapper.

use std::io;
use std::net::UdpSocket;
use std::os::fd::AsRawFd;

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
