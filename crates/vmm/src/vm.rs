//! The machine as KVM has it: its interrupt controllers are in the kernel.

use crate::memory::layout;
use crate::pci::{CONFIG_PORTS, MsiMessage, MsiSink};
use crate::source;
use cumulet_vmm_protocol::Source;
use kvm_bindings::kvm_msi;
use kvm_ioctls::{Cap, IoEventAddress, Kvm, VmFd};
use std::io;
use std::os::fd::{FromRawFd, IntoRawFd};
use std::sync::Arc;
use vmm_sys_util::eventfd::{EFD_CLOEXEC, EFD_NONBLOCK, EventFd};

/// The only version of KVM's interface there is.
const API_VERSION: i32 = 12;

/// Opens KVM.
pub fn open(source: &Source) -> io::Result<Kvm> {
    let file = source::open(source, true)?;
    // SAFETY: the descriptor is open and from here on belongs to the result alone.
    let kvm = unsafe { Kvm::from_raw_fd(file.into_raw_fd()) };
    if kvm.get_api_version() != API_VERSION {
        return Err(io::Error::new(io::ErrorKind::Unsupported, "this is not a KVM of interface version 12"));
    }
    Ok(kvm)
}

/// Makes a machine with interrupt controllers.
pub fn create(kvm: &Kvm) -> Result<VmFd, (&'static str, kvm_ioctls::Error)> {
    let vm = retry_interrupted(|| kvm.create_vm()).map_err(|error| ("create a machine", error))?;
    vm.set_tss_address(layout::KVM_TSS as usize).map_err(|error| ("set the TSS address", error))?;
    vm.create_irq_chip().map_err(|error| ("create interrupt controllers", error))?;
    Ok(vm)
}

/// `KVM_CREATE_VM` is interrupted now and then on a busy host.
fn retry_interrupted<T>(
    mut call: impl FnMut() -> Result<T, kvm_ioctls::Error>,
) -> Result<T, kvm_ioctls::Error> {
    loop {
        match call() {
            Err(error) if error.errno() == libc::EINTR => {}
            result => return result,
        }
    }
}

/// Has KVM keep what the guest writes to the PCI address port (4 bytes at 0xcf8) in a ring instead of leaving the guest
/// each time: it means nothing before the data port is used, and a boot writes there some hundred times. False where KVM
/// can't.
pub fn keep_config_addresses(kvm: &Kvm, vm: &VmFd) -> bool {
    let there = kvm.check_extension(Cap::CoalescedPio) && kvm.check_extension(Cap::CoalescedMmio);
    there && vm.register_coalesced_mmio(IoEventAddress::Pio(CONFIG_PORTS.start), 4).is_ok()
}

/// An edge-triggered line of the I/O APIC.
pub fn interrupt_line(vm: &VmFd, gsi: u32) -> io::Result<EventFd> {
    let line = EventFd::new(EFD_CLOEXEC | EFD_NONBLOCK)?;
    vm.register_irqfd(&line, gsi).map_err(io::Error::from)?;
    Ok(line)
}

/// Sends messages by `KVM_SIGNAL_MSI`.
#[derive(Debug)]
pub struct Msi(pub Arc<VmFd>);

impl MsiSink for Msi {
    fn send(&self, message: MsiMessage) {
        let msi = kvm_msi {
            address_lo: message.address as u32,
            address_hi: (message.address >> 32) as u32,
            data: message.data,
            ..Default::default()
        };
        // A message that no local APIC takes is lost, as on real hardware: the guest has named its target itself.
        let _ = self.0.signal_msi(msi);
    }
}
