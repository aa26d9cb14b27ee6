//! The 16550. What is typed waits here until the guest has read what was typed before.

use super::console::ConsoleWriter;
use crate::bus::BusDevice;
use std::collections::VecDeque;
use std::io;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Mutex, MutexGuard};
use vm_superio::Trigger;
use vm_superio::serial::{NoEvents, Serial};
use vmm_sys_util::eventfd::EventFd;

/// Most bytes that wait to be read by the guest.
pub(super) const MAX_TYPED: usize = 64 * 1024;

/// Raises the port's interrupt.
#[derive(Debug)]
pub struct Line(pub EventFd);

impl Trigger for Line {
    type E = io::Error;

    fn trigger(&self) -> io::Result<()> {
        self.0.write(1)
    }
}

/// The port.
#[derive(Debug)]
pub struct SerialPort {
    inner: Mutex<Inner>,
    typed_bytes: AtomicU64,
}

#[derive(Debug)]
pub(super) struct Inner {
    pub(super) uart: Serial<Line, NoEvents, ConsoleWriter>,
    pub(super) typed: VecDeque<u8>,
}

impl SerialPort {
    /// A port that writes to `console` and raises `line`.
    pub fn new(line: Line, console: ConsoleWriter) -> Self {
        let inner = Inner { uart: Serial::new(line, console), typed: VecDeque::new() };
        Self { inner: Mutex::new(inner), typed_bytes: AtomicU64::new(0) }
    }

    /// Types `bytes`; gives how many were taken.
    pub fn type_in(&self, bytes: &[u8]) -> usize {
        let mut inner = self.lock();
        let count = bytes.len().min(MAX_TYPED - inner.typed.len());
        inner.typed.extend(&bytes[..count]);
        inner.pass_on();
        self.typed_bytes.fetch_add(count as u64, Ordering::Relaxed);
        count
    }

    /// Bytes that were typed.
    pub fn typed_bytes(&self) -> u64 {
        self.typed_bytes.load(Ordering::Relaxed)
    }

    pub(super) fn lock(&self) -> MutexGuard<'_, Inner> {
        self.inner.lock().expect("no thread panicked")
    }
}

impl Inner {
    /// Gives the port what it has room for.
    fn pass_on(&mut self) {
        let count = self.uart.fifo_capacity().min(self.typed.len());
        if count > 0 {
            let bytes: Vec<u8> = self.typed.iter().take(count).copied().collect();
            let taken = self.uart.enqueue_raw_bytes(&bytes).unwrap_or(0);
            self.typed.drain(..taken);
        }
    }
}

impl BusDevice for SerialPort {
    fn read(&self, offset: u64, data: &mut [u8]) {
        let mut inner = self.lock();
        // A string instruction brings several bytes for one register.
        for byte in data {
            *byte = inner.uart.read(offset as u8);
            inner.pass_on();
        }
    }

    fn write(&self, offset: u64, data: &[u8]) {
        let mut inner = self.lock();
        for byte in data {
            // The only failures are of an eventfd whose counter is full: the interrupt is raised already.
            let _ = inner.uart.write(offset as u8, *byte);
        }
    }
}
