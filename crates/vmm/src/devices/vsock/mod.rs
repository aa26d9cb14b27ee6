//! Sockets between host and guest (virtio 1.2, 5.10), wholly in user space, since hosts may lack vhost-vsock. A host's
//! process connects to `vsock.sock` in the run directory, says `CONNECT <port>\n`, and has a stream to that port of the
//! guest after `OK <host port>\n`. A guest that connects to port `P` of the host (CID 2) reaches what listens on
//! `vsock.sock_P` there, or is refused. Served by the event loop.

mod active;
mod config;
mod connection;
mod handshake;
pub mod muxer;
pub mod packet;
#[cfg(test)]
mod tests;

pub use config::VsockConfig;

use crate::event_loop::{EventSource, Interest};
use crate::source::Given;
use crate::virtio::queue::Progress;
use crate::virtio::{Activation, DeviceKind, F_COMMON, VirtioDevice, read_config_bytes};
use active::Active;
use cumulet_vmm_protocol::metrics::VsockMetrics;
use cumulet_vmm_protocol::rundir::VSOCK_SOCKET;
use muxer::Muxer;
use std::io;
use std::os::fd::{AsRawFd, RawFd};
use std::os::unix::net::UnixListener;
use std::sync::{Mutex, MutexGuard};
use vmm_sys_util::eventfd::{EFD_CLOEXEC, EFD_NONBLOCK, EventFd};

const QUEUE_SIZES: [u16; 3] = [256, 256, 16];
/// Where the guest's packets are notified; also written to by the device itself when there is more to do.
const TX: usize = 1;

/// The device.
#[derive(Debug)]
pub struct Vsock {
    config: VsockConfig,
    kicks: [EventFd; 3],
    work: Mutex<Work>,
    epoll: RawFd,
}

#[derive(Debug)]
struct Work {
    muxer: Muxer,
    active: Option<Active>,
}

impl Vsock {
    /// A device that nobody uses yet. Its sockets are in the working directory.
    pub fn new(config: VsockConfig, given: &mut Given) -> io::Result<Self> {
        let listener = match &config.listener {
            Some(listener) => UnixListener::from(std::os::fd::OwnedFd::from(given.open(listener, true)?)),
            None => listen()?,
        };
        let muxer = Muxer::new(u64::from(config.cid), VSOCK_SOCKET.into(), listener)?;
        let kick = || EventFd::new(EFD_CLOEXEC | EFD_NONBLOCK);
        let kicks = [kick()?, kick()?, kick()?];
        Ok(Self { config, kicks, epoll: muxer.as_raw_fd(), work: Mutex::new(Work { muxer, active: None }) })
    }

    /// Counters.
    pub fn metrics(&self) -> VsockMetrics {
        let counts = self.lock().muxer.counts();
        VsockMetrics {
            connections: counts.connections,
            refused: counts.refused,
            rx_bytes: counts.rx_bytes,
            tx_bytes: counts.tx_bytes,
        }
    }

    /// Ends all connections and tells the driver so. After a restore: they belong to the machine that was saved.
    pub fn reset_transport(&self) {
        let Work { muxer, active } = &mut *self.lock();
        muxer.reset();
        if let Some(active) = active {
            active.tell_reset();
        }
    }

    fn lock(&self) -> MutexGuard<'_, Work> {
        self.work.lock().expect("no thread panicked")
    }
}

fn listen() -> io::Result<UnixListener> {
    match std::fs::remove_file(VSOCK_SOCKET) {
        Err(error) if error.kind() != io::ErrorKind::NotFound => return Err(error),
        _ => {}
    }
    UnixListener::bind(VSOCK_SOCKET)
}

impl EventSource for Vsock {
    fn descriptors(&self) -> Vec<(RawFd, Interest)> {
        let kicks = self.kicks.iter().map(AsRawFd::as_raw_fd);
        kicks.chain([self.epoll]).map(|descriptor| (descriptor, Interest::Readable)).collect()
    }

    fn ready(&self, which: usize) {
        let mut work = self.lock();
        let Work { muxer, active } = &mut *work;
        match self.kicks.get(which) {
            Some(kick) => drop(kick.read()),
            // An epoll that can't be read has nothing for us.
            None => drop(muxer.serve()),
        }
        if let Some(active) = active
            && active.turn(muxer)
        {
            // The others come first. A full counter means that it is due anyway.
            let _ = self.kicks[TX].write(1);
        }
    }
}

impl VirtioDevice for Vsock {
    fn kind(&self) -> DeviceKind {
        DeviceKind::Vsock
    }

    fn features(&self) -> u64 {
        F_COMMON
    }

    fn queue_sizes(&self) -> &[u16] {
        &QUEUE_SIZES
    }

    fn kicks(&self) -> &[EventFd] {
        &self.kicks
    }

    fn read_config(&self, offset: usize, data: &mut [u8]) {
        read_config_bytes(&self.config.space(), offset, data);
    }

    fn activate(&self, activation: Activation) {
        self.lock().active = Some(Active::new(activation));
    }

    fn reset(&self) {
        let mut work = self.lock();
        work.active = None;
        work.muxer.reset();
    }

    fn progress(&self) -> Option<Vec<Option<Progress>>> {
        Some(self.lock().active.as_ref().map_or_else(|| vec![None; QUEUE_SIZES.len()], Active::progress))
    }

    fn restored(&self) {
        self.reset_transport();
    }
}
