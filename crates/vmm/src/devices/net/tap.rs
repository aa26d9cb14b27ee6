//! The tap: frames with a virtio-net header of 12 bytes in front.

use super::config::NetConfig;
use super::features::*;
use crate::source::Given;
use cumulet_vmm_protocol::TapSource;
use rustix::fs::{Mode, OFlags};
use std::io;
use std::os::fd::{AsFd, AsRawFd, OwnedFd, RawFd};
use vm_memory::VolatileSlice;

/// Bytes of the header (virtio 1.2, 5.1.6, with `num_buffers`).
pub const HEADER: usize = 12;

/// Why a tap can't be used.
#[derive(Debug, thiserror::Error)]
pub enum TapError {
    /// It can't be opened.
    #[error("the tap can't be opened")]
    Open(#[source] io::Error),
    /// The descriptor is no tap.
    #[error("the descriptor is not an attached tap")]
    NotATap(#[source] io::Error),
    /// It was attached without `IFF_VNET_HDR`.
    #[error("the tap was attached without IFF_VNET_HDR, or with packet information")]
    NoHeader,
    /// It was attached without `IFF_MULTI_QUEUE`.
    #[error("the tap was attached without IFF_MULTI_QUEUE, and is to have several queues")]
    OneQueue,
    /// The header size was refused.
    #[error("the tap refuses a header of {HEADER} bytes")]
    HeaderSize(#[source] io::Error),
}

/// An attached tap, not blocking.
#[derive(Debug)]
pub struct Tap(OwnedFd);

impl Tap {
    /// Opens all queues that `config` names.
    pub fn open_all(config: &NetConfig, given: &mut Given) -> Result<Vec<Self>, TapError> {
        let sources = std::iter::once(&config.tap).chain(&config.more_queues);
        sources.map(|source| Self::open(source, config.pairs() > 1, given)).collect()
    }

    /// Opens a queue of a tap, which may have several, and sets it up.
    fn open(source: &TapSource, several: bool, given: &mut Given) -> Result<Self, TapError> {
        let tap = match source {
            TapSource::Fd(fd) => Self(given.take(*fd).map_err(TapError::Open)?),
            TapSource::Name(name) => attach(name, several).map_err(TapError::Open)?,
        };
        let mut request = ifreq(None);
        tap.ioctl(libc::TUNGETIFF, &raw mut request).map_err(TapError::NotATap)?;
        // SAFETY: TUNGETIFF filled in the flags.
        let flags = i32::from(unsafe { request.ifr_ifru.ifru_flags });
        if flags & libc::IFF_VNET_HDR == 0 || flags & libc::IFF_TAP == 0 || flags & libc::IFF_NO_PI == 0 {
            return Err(TapError::NoHeader);
        }
        if several && flags & libc::IFF_MULTI_QUEUE == 0 {
            return Err(TapError::OneQueue);
        }
        if several {
            // Whoever had the same open file before may have put it out of use; else this is refused.
            let _ = tap.set_in_use(true);
        }
        let mut size = HEADER as libc::c_int;
        tap.ioctl(libc::TUNSETVNETHDRSZ, &raw mut size).map_err(TapError::HeaderSize)?;
        rustix::fs::fcntl_setfl(tap.0.as_fd(), OFlags::NONBLOCK)
            .map_err(|error| TapError::Open(error.into()))?;
        let _ = tap.set_offloads(0);
        Ok(tap)
    }

    /// Lets the host give the guest what it agreed to take: frames without checksum, segments in one piece.
    pub fn set_offloads(&self, agreed: u64) -> io::Result<()> {
        let mut offloads: libc::c_uint = 0;
        for (feature, offload) in
            [(GUEST_CSUM, libc::TUN_F_CSUM), (GUEST_TSO4, libc::TUN_F_TSO4), (GUEST_TSO6, libc::TUN_F_TSO6)]
        {
            if agreed & feature != 0 {
                offloads |= offload as libc::c_uint;
            }
        }
        // SAFETY: TUNSETOFFLOAD takes its argument by value and touches no memory of ours.
        match unsafe {
            libc::ioctl(self.0.as_raw_fd(), libc::TUNSETOFFLOAD as _, libc::c_ulong::from(offloads))
        } {
            0 => Ok(()),
            _ => Err(io::Error::last_os_error()),
        }
    }

    /// What gives and takes a frame at a time without blocking, in place of a tap, for tests: what else is asked of a tap
    /// fails.
    pub fn stand_in(descriptor: OwnedFd) -> Self {
        Self(descriptor)
    }

    /// Puts this queue, one of several, to use, or out of it: the tap then gives it no frames and takes none from it.
    /// Doing either twice is refused.
    pub fn set_in_use(&self, in_use: bool) -> io::Result<()> {
        /// Not in the C library's headers: Linux's `include/uapi/linux/if_tun.h`.
        const IFF_DETACH_QUEUE: libc::c_int = 0x0400;
        let mut request = ifreq(None);
        request.ifr_ifru.ifru_flags = (if in_use { libc::IFF_ATTACH_QUEUE } else { IFF_DETACH_QUEUE }) as i16;
        self.ioctl(libc::TUNSETQUEUE, &raw mut request)
    }

    /// Reads a frame with its header.
    pub fn read(&self, buffer: &mut [u8]) -> io::Result<usize> {
        Ok(rustix::io::read(&self.0, buffer)?)
    }

    /// Writes a frame of our own with its header.
    pub fn send(&self, frame: &[u8]) -> io::Result<()> {
        Ok(rustix::io::write(&self.0, frame).map(drop)?)
    }

    /// Writes a frame with its header, straight from guest memory.
    pub fn write(&self, buffers: &[VolatileSlice<'_>]) -> io::Result<()> {
        let guards: Vec<_> = buffers.iter().map(VolatileSlice::ptr_guard).collect();
        let vector: Vec<libc::iovec> = guards
            .iter()
            .map(|guard| libc::iovec { iov_base: guard.as_ptr().cast_mut().cast(), iov_len: guard.len() })
            .collect();
        // SAFETY: each entry is mapped guest memory for as long as its guard lives; the kernel only reads it, and
        // bears that the guest changes it meanwhile.
        match unsafe { libc::writev(self.0.as_raw_fd(), vector.as_ptr(), vector.len() as libc::c_int) } {
            0.. => Ok(()),
            _ => Err(io::Error::last_os_error()),
        }
    }

    fn ioctl<T>(&self, request: libc::Ioctl, argument: *mut T) -> io::Result<()> {
        // SAFETY: the requests used here take a pointer to the argument type they are called with, which is alive.
        match unsafe { libc::ioctl(self.0.as_raw_fd(), request, argument) } {
            0 => Ok(()),
            _ => Err(io::Error::last_os_error()),
        }
    }
}

impl AsRawFd for Tap {
    fn as_raw_fd(&self) -> RawFd {
        self.0.as_raw_fd()
    }
}

fn attach(name: &str, several: bool) -> io::Result<Tap> {
    let tap = Tap(rustix::fs::open("/dev/net/tun", OFlags::RDWR | OFlags::CLOEXEC, Mode::empty())?);
    let mut request = ifreq(Some(name));
    let queues = if several { libc::IFF_MULTI_QUEUE } else { 0 };
    request.ifr_ifru.ifru_flags = (libc::IFF_TAP | libc::IFF_NO_PI | libc::IFF_VNET_HDR | queues) as i16;
    tap.ioctl(libc::TUNSETIFF, &raw mut request)?;
    Ok(tap)
}

fn ifreq(name: Option<&str>) -> libc::ifreq {
    // SAFETY: an ifreq of zeroes is valid.
    let mut request: libc::ifreq = unsafe { std::mem::zeroed() };
    for (target, byte) in request.ifr_name.iter_mut().zip(name.unwrap_or("").bytes().take(15)) {
        *target = byte as libc::c_char;
    }
    request
}
