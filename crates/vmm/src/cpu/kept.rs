//! Writes to the PCI address port that KVM has kept ([`crate::vm::keep_config_addresses`]) instead of leaving the guest.
//! They are delivered, in their order, before a vCPU's access to these ports is served, and before it stands still.

use crate::bus::Bus;
use crate::pci::CONFIG_PORTS;
use kvm_bindings::{KVM_COALESCED_MMIO_PAGE_OFFSET, kvm_coalesced_mmio, kvm_coalesced_mmio_ring};
use kvm_ioctls::VcpuFd;
use std::io;
use std::os::fd::AsRawFd;
use std::ptr::NonNull;
use std::sync::atomic::{AtomicU32, Ordering};
use std::sync::{Arc, Mutex};

const PAGE: usize = 4096;
/// How many writes the page holds.
const COUNT: u32 = ((PAGE - size_of::<kvm_coalesced_mmio_ring>()) / size_of::<kvm_coalesced_mmio>()) as u32;

/// What was kept for all vCPUs of a machine; nothing where KVM keeps nothing.
#[derive(Debug, Clone, Default)]
pub struct Kept(Option<Arc<Mutex<Ring>>>);

/// KVM's ring of the machine, which each of its vCPUs shows.
#[derive(Debug)]
struct Ring(NonNull<kvm_coalesced_mmio_ring>);

// SAFETY: the mapping is the process's, not a thread's, and is used under a lock.
unsafe impl Send for Ring {}

impl Kept {
    /// Of the machine that `vcpu` belongs to.
    pub fn of(vcpu: &VcpuFd) -> io::Result<Self> {
        let offset = i64::from(KVM_COALESCED_MMIO_PAGE_OFFSET) * PAGE as i64;
        let (access, kind) = (libc::PROT_READ | libc::PROT_WRITE, libc::MAP_SHARED);
        // SAFETY: a new mapping, which is never unmapped; KVM has this page where it has the capability.
        let page = unsafe { libc::mmap(std::ptr::null_mut(), PAGE, access, kind, vcpu.as_raw_fd(), offset) };
        if page == libc::MAP_FAILED {
            return Err(io::Error::last_os_error());
        }
        let page = NonNull::new(page.cast()).ok_or_else(|| io::Error::other("a page at address 0"))?;
        Ok(Self(Some(Arc::new(Mutex::new(Ring(page))))))
    }

    /// Delivers what was kept, if `port` is one of those that it matters to.
    pub fn deliver_for(&self, port: u16, ports: &Bus) {
        if CONFIG_PORTS.contains(&u64::from(port)) {
            self.deliver(ports);
        }
    }

    /// Delivers what was kept.
    pub fn deliver(&self, ports: &Bus) {
        let Some(ring) = &self.0 else { return };
        let mut ring = ring.lock().expect("no thread panicked");
        while let Some(write) = ring.next() {
            // Only this port was asked to be kept.
            let length = (write.len as usize).min(write.data.len());
            ports.write(write.phys_addr, &write.data[..length]);
        }
    }
}

impl Ring {
    fn next(&mut self) -> Option<kvm_coalesced_mmio> {
        let ring = self.0.as_ptr();
        // SAFETY: both fields lie in the page, which stays mapped; KVM writes `last`, and reads `first`, from other threads.
        let (first, last) = unsafe {
            (AtomicU32::from_ptr(&raw mut (*ring).first), AtomicU32::from_ptr(&raw mut (*ring).last))
        };
        let at = first.load(Ordering::Relaxed);
        if at == last.load(Ordering::Acquire) || at >= COUNT {
            return None;
        }
        // SAFETY: the entry lies in the page, and KVM does not write to it until `first` has moved on.
        let write = unsafe {
            (&raw const (*ring).coalesced_mmio).cast::<kvm_coalesced_mmio>().add(at as usize).read()
        };
        first.store((at + 1) % COUNT, Ordering::Release);
        Some(write)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::bus::BusDevice;

    #[derive(Debug, Default)]
    struct Port(Mutex<Vec<Vec<u8>>>);

    impl BusDevice for Port {
        fn read(&self, _: u64, _: &mut [u8]) {}
        fn write(&self, _: u64, data: &[u8]) {
            self.0.lock().unwrap().push(data.to_vec());
        }
    }

    #[repr(align(4096))]
    struct Page([u8; PAGE]);

    /// Plays KVM's part.
    fn keep(ring: *mut kvm_coalesced_mmio_ring, value: u32) {
        let mut write = kvm_coalesced_mmio { phys_addr: CONFIG_PORTS.start, len: 4, ..Default::default() };
        write.data[..4].copy_from_slice(&value.to_le_bytes());
        // SAFETY: the page is the test's own, and as large as KVM's.
        unsafe {
            let at = (*ring).last;
            (&raw mut (*ring).coalesced_mmio).cast::<kvm_coalesced_mmio>().add(at as usize).write(write);
            (*ring).last = (at + 1) % COUNT;
        }
    }

    #[test]
    fn what_was_kept_comes_in_order_and_once_also_around_the_rings_end() {
        let mut page = Box::new(Page([0; PAGE]));
        let ring: NonNull<kvm_coalesced_mmio_ring> = NonNull::from(&mut page.0).cast();
        let kept = Kept(Some(Arc::new(Mutex::new(Ring(ring)))));
        let (mut ports, port) = (Bus::default(), Arc::new(Port::default()));
        ports.add(CONFIG_PORTS, port.clone());
        let mut value = 0u32;
        for round in 0..100 {
            let begin = value;
            for _ in 0..round % 7 {
                keep(ring.as_ptr(), value);
                value += 1;
            }
            kept.deliver_for(0x3f8, &ports);
            assert!(port.0.lock().unwrap().is_empty(), "another port's access waits for nothing");
            kept.deliver_for(0xcfc, &ports);
            let got: Vec<_> = std::mem::take(&mut *port.0.lock().unwrap());
            let sent: Vec<_> = (begin..value).map(|value| value.to_le_bytes().to_vec()).collect();
            assert_eq!(got, sent);
        }
        assert!(value > COUNT);
    }

    #[test]
    fn where_nothing_is_kept_nothing_is_delivered() {
        Kept::default().deliver(&Bus::default());
    }
}
