//! Persistent tap devices (kernel's Documentation/networking/tuntap.rst), of the calling thread's namespace.

use std::fs::{File, OpenOptions};
use std::os::fd::{AsRawFd, OwnedFd};
use std::os::unix::fs::OpenOptionsExt;

use crate::error::NetError;

mod ioctl {
    nix::ioctl_write_ptr_bad!(tun_set_iff, libc::TUNSETIFF, libc::ifreq);
    nix::ioctl_write_int_bad!(tun_set_persist, libc::TUNSETPERSIST);
    nix::ioctl_read_bad!(tun_get_header, libc::TUNGETVNETHDRSZ, libc::c_int);
    nix::ioctl_write_ptr_bad!(tun_set_header, libc::TUNSETVNETHDRSZ, libc::c_int);
}

/// Makes a tap that stays when its descriptor is closed, and that can have several queues or not.
pub fn create(name: &str, queues: Queues) -> Result<(), NetError> {
    let file = device()?;
    attach_to(&file, name, queues)?;
    // SAFETY: the descriptor is a tun file that is attached to a device; the argument is a plain number.
    unsafe { ioctl::tun_set_persist(file.as_raw_fd(), 1) }
        .map_err(NetError::errno(format!("make tap {name} persistent")))?;
    Ok(())
}

/// Whether a tap can have several queues. It is made for the one or the other.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Queues {
    /// One.
    One,
    /// As many as are opened.
    Several,
}

/// Opens the one queue of an existing tap: frames with a `virtio_net_hdr` before them, no protocol header, reads that
/// don't block. Fails while another holds the queue.
pub fn open(name: &str) -> Result<OwnedFd, NetError> {
    let file = device()?;
    attach_to(&file, name, Queues::One)?;
    Ok(file.into())
}

/// Opens `count` queues of an existing tap; the one queue of a tap that can have no more.
pub fn open_queues(name: &str, count: u32) -> Result<Vec<OwnedFd>, NetError> {
    let several = || -> Result<Vec<OwnedFd>, NetError> {
        let open = |_| {
            let file = device()?;
            attach_to(&file, name, Queues::Several).map(|()| file.into())
        };
        (0..count.max(1)).map(open).collect()
    };
    match open(name) {
        // That of the other kind: each says so before it says whether it is held.
        Err(NetError::Io { source, .. }) if source.raw_os_error() == Some(libc::EINVAL) => several(),
        one => one.map(|one| vec![one]),
    }
}

/// Length in bytes of the header before each frame, as whoever uses the tap set it; `None` if the tap is gone.
pub fn header(file: &impl AsRawFd) -> Option<i32> {
    let mut length = 0;
    // SAFETY: the descriptor is a tun file, and the kernel writes one c_int to where the pointer leads.
    unsafe { ioctl::tun_get_header(file.as_raw_fd(), &raw mut length) }.ok().map(|_| length)
}

/// Makes a tap again for an open file whose tap was deleted, in the namespace where the file was opened, or adds the file
/// to the one made so. Whoever has the same file open uses the new tap from then on.
pub fn make_again(file: &impl AsRawFd, name: &str, header: i32, queues: Queues) -> Result<(), NetError> {
    attach_to(file, name, queues)?;
    // SAFETY: the descriptor is a tun file that is attached to a device; the arguments are a plain number, and a pointer
    // to one that lives through the call.
    unsafe {
        ioctl::tun_set_persist(file.as_raw_fd(), 1)
            .and_then(|_| ioctl::tun_set_header(file.as_raw_fd(), &raw const header))
    }
    .map_err(NetError::errno(format!("make tap {name} what it was")))?;
    Ok(())
}

fn device() -> Result<File, NetError> {
    OpenOptions::new()
        .read(true)
        .write(true)
        .custom_flags(libc::O_CLOEXEC | libc::O_NONBLOCK)
        .open("/dev/net/tun")
        .map_err(NetError::io("open /dev/net/tun"))
}

fn attach_to(file: &impl AsRawFd, name: &str, queues: Queues) -> Result<(), NetError> {
    let what = format!("open tap {name}");
    let several = if queues == Queues::Several { libc::IFF_MULTI_QUEUE } else { 0 };
    let flags = libc::IFF_TAP | libc::IFF_NO_PI | libc::IFF_VNET_HDR | several;
    let request = request(name, flags).ok_or_else(|| NetError::spec(what.clone(), "at most 15 bytes"))?;
    // SAFETY: `request` is a whole ifreq with a terminated name that lives through the call.
    unsafe { ioctl::tun_set_iff(file.as_raw_fd(), &request) }.map_err(NetError::errno(what))?;
    Ok(())
}

fn request(name: &str, flags: libc::c_int) -> Option<libc::ifreq> {
    if name.len() >= libc::IFNAMSIZ {
        return None;
    }
    // SAFETY: ifreq is plain data for which all zeroes is a value.
    let mut request: libc::ifreq = unsafe { std::mem::zeroed() };
    for (to, from) in request.ifr_name.iter_mut().zip(name.bytes()) {
        *to = from as libc::c_char;
    }
    request.ifr_ifru.ifru_flags = flags as libc::c_short;
    Some(request)
}
