//! The door: connections from the host, and from nobody else.
//!
//! A process in the guest reaches a vsock port too (by the loopback address, or the guest's own), whoever it runs as.
//! The agent does as root what it is told, so who does not come from the host is shown out.

use std::convert::Infallible;
use std::io;
use std::os::fd::AsRawFd;
use std::os::unix::net::UnixStream;
use std::time::Duration;

use nix::libc::{VMADDR_CID_ANY, VMADDR_CID_HOST};
use nix::sys::socket::{
    AddressFamily, Backlog, SockFlag, SockType, VsockAddr, bind, getpeername, listen, socket,
};

use crate::{connection, sys};

/// A thread's stack: frames are on the heap.
pub(crate) const STACK: usize = 256 * 1024;

/// Serves connections from the host until listening fails.
pub fn forever(port: u32) -> io::Result<Infallible> {
    let listener = socket(AddressFamily::Vsock, SockType::Stream, SockFlag::SOCK_CLOEXEC, None)?;
    bind(listener.as_raw_fd(), &VsockAddr::new(VMADDR_CID_ANY, port))?;
    listen(&listener, Backlog::new(64)?)?;
    loop {
        match sys::accept(&listener) {
            Ok(socket) => {
                let peer = getpeername::<VsockAddr>(socket.as_raw_fd());
                if peer.is_ok_and(|peer| peer.cid() == VMADDR_CID_HOST) {
                    // What this type does with its socket (read, write, shut down, time limits) is the same for all
                    // stream sockets.
                    serve(UnixStream::from(socket));
                }
            }
            Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
            // Out of descriptors or memory: others will end.
            Err(error) => {
                eprintln!("cumulet-agent: a connection was not accepted: {error}");
                std::thread::sleep(Duration::from_millis(100));
            }
        }
    }
}

fn serve(stream: UnixStream) {
    let started = std::thread::Builder::new().stack_size(STACK).spawn(move || connection::serve(stream));
    if let Err(error) = started {
        eprintln!("cumulet-agent: no thread for a connection: {error}");
    }
}
