//! Calls about sockets that have no safe wrapper.

use std::io;
use std::net::UdpSocket;
use std::os::fd::{AsRawFd, OwnedFd, RawFd};

use rtnetlink::sys::Socket;
use tokio::io::unix::AsyncFd;

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

/// How many messages a netlink socket has lost because nobody took them in time.
pub fn lost(socket: &impl AsRawFd) -> io::Result<u32> {
    /// `SK_MEMINFO_VARS`, and the place of `SK_MEMINFO_DROPS` (linux/sock_diag.h).
    const VARIABLES: usize = 9;
    const DROPS: usize = 8;
    let mut values = [0u32; VARIABLES];
    let mut length = size_of_val(&values) as libc::socklen_t;
    let descriptor: RawFd = socket.as_raw_fd();
    // SAFETY: the descriptor is open while `socket` is borrowed; pointer and length are those of a live array.
    let result = unsafe {
        libc::getsockopt(
            descriptor,
            libc::SOL_SOCKET,
            libc::SO_MEMINFO,
            values.as_mut_ptr().cast(),
            &raw mut length,
        )
    };
    if result == 0 { Ok(values[DROPS]) } else { Err(io::Error::last_os_error()) }
}

/// A netlink socket that can be waited for. Must be called within a tokio runtime.
pub fn watch(socket: Socket) -> io::Result<AsyncFd<Socket>> {
    // SAFETY: the socket owns its descriptor, gives the same one each time, and closes it only when it is dropped.
    unsafe { AsyncFd::register(socket) }.map_err(Into::into)
}
