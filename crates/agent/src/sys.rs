//! System calls that no safe wrapper has, each in a function that is safe to call.

use std::io;
use std::os::fd::{AsRawFd, FromRawFd, OwnedFd};
use std::os::unix::process::CommandExt;
use std::process::Command;

use nix::sys::socket::{SockFlag, accept4};
use rustix::thread::{Gid, Uid};

/// Takes a connection.
pub fn accept(listener: &OwnedFd) -> io::Result<OwnedFd> {
    let socket = accept4(listener.as_raw_fd(), SockFlag::SOCK_CLOEXEC)?;
    // SAFETY: accept4 has just given this descriptor to us, and nobody else knows of it.
    Ok(unsafe { OwnedFd::from_raw_fd(socket) })
}

/// Who a process becomes before its program starts.
pub struct Become {
    /// The user.
    pub uid: Uid,
    /// The user's own group.
    pub gid: Gid,
    /// All the user's groups.
    pub groups: Vec<Gid>,
    /// Whether standard input is a terminal that is to be the session's.
    pub terminal: bool,
}

/// Lets a command begin in a session of its own, as that user.
pub fn prepare(command: &mut Command, who: Become) {
    let before = move || {
        rustix::process::setsid()?;
        if who.terminal {
            rustix::process::ioctl_tiocsctty(rustix::stdio::stdin())?;
        }
        // Groups while it still may, the user last.
        rustix::thread::set_thread_groups(&who.groups)?;
        rustix::thread::set_thread_res_gid(who.gid, who.gid, who.gid)?;
        rustix::thread::set_thread_res_uid(who.uid, who.uid, who.uid)?;
        Ok(())
    };
    // SAFETY: the closure runs in the child between fork and exec, where other threads' locks may be held for ever. It
    // makes system calls and nothing else: it takes no lock and no memory (what it needs was made before). The child
    // has one thread, so a change of the thread's user is the process's.
    unsafe { command.pre_exec(before) };
}

/// `RNDADDENTROPY` and `RNDRESEEDCRNG` of random(4): the bytes are taken as entropy and used from now on.
pub fn add_entropy(random: &OwnedFd, bytes: &[u8]) -> io::Result<()> {
    const RNDADDENTROPY: libc::c_ulong = 0x4008_5203;
    const RNDRESEEDCRNG: libc::c_ulong = 0x5207;
    // struct rand_pool_info: the number of bits, the number of bytes, and the bytes as words.
    let mut pool = vec![0_u32; 2 + bytes.len().div_ceil(4)];
    pool[0] = (bytes.len() * 8) as u32;
    pool[1] = bytes.len() as u32;
    for (word, chunk) in pool[2..].iter_mut().zip(bytes.chunks(4)) {
        let mut whole = [0; 4];
        whole[..chunk.len()].copy_from_slice(chunk);
        *word = u32::from_ne_bytes(whole);
    }
    // SAFETY: the kernel reads two integers and then as many bytes as the second says, which is what follows them.
    let added = unsafe { libc::ioctl(random.as_raw_fd(), RNDADDENTROPY as _, pool.as_ptr()) };
    if added < 0 {
        return Err(io::Error::last_os_error());
    }
    // SAFETY: this request has no argument.
    let reseeded = unsafe { libc::ioctl(random.as_raw_fd(), RNDRESEEDCRNG as _, 0) };
    // Before the generator was seeded at all there is nothing to do anew: the bytes were its first seed.
    if reseeded < 0 && io::Error::last_os_error().raw_os_error() != Some(libc::ENODATA) {
        return Err(io::Error::last_os_error());
    }
    Ok(())
}
