//! What a vCPU needs besides on hosts whose KVM has no hardware virtualization behind it, but runs guests by a page
//! that it shares with their kernel. Such a host is known by one MSR reading a fixed value; on all others nothing here
//! does anything.
//!
//! Another MSR, which KVM does not list, holds the address of that page. It is saved and put back as it was, after the
//! memory that holds the page is there. And since the guest's kernel runs at the lowest privilege there, the code
//! segment that KVM tells does not say whether the guest was in its kernel: the page's MSR does, and the segments that
//! belong to a kernel follow from STAR, as SYSCALL sets them.

use super::msr;
use kvm_bindings::{kvm_segment, kvm_sregs};
use kvm_ioctls::VcpuFd;
use serde::{Deserialize, Serialize};

/// Reads [`SIGNATURE`] on such a host.
const MSR_SIGNATURE: u32 = 0x4b56_4d11;
const SIGNATURE: u64 = 0x4d_5650;
/// Address of the shared page, and flags.
const MSR_PAGE: u32 = 0x4b56_4d10;
/// Of [`MSR_PAGE`]: the guest is in user space.
const USER: u64 = 0x800;
/// Bits 47:32 are the selector of the kernel's code segment; that of its stack is 8 above (AMD64 manual, volume 2, 6.1).
const MSR_STAR: u32 = 0xc000_0081;

/// What is saved.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct State {
    page: u64,
}

/// Saves what such a host has besides, and sets right the segments in `sregs`.
pub fn save(vcpu: &VcpuFd, sregs: &mut kvm_sregs) -> Option<State> {
    if msr::get(vcpu, MSR_SIGNATURE) != Some(SIGNATURE) {
        return None;
    }
    let page = msr::get(vcpu, MSR_PAGE)?;
    if page != 0 && page & USER == 0 && sregs.cs.dpl == 3 {
        enter_kernel(sregs, msr::get(vcpu, MSR_STAR)?);
    }
    Some(State { page })
}

/// Puts it back.
pub fn restore(vcpu: &VcpuFd, state: &State) -> Result<(), kvm_ioctls::Error> {
    msr::set(vcpu, MSR_PAGE, state.page)
}

fn enter_kernel(sregs: &mut kvm_sregs, star: u64) {
    let selector = (star >> 32) as u16;
    let flat =
        kvm_segment { base: 0, limit: 0xffff_ffff, present: 1, dpl: 0, s: 1, g: 1, ..kvm_segment::default() };
    sregs.cs = kvm_segment { selector, type_: 11, l: 1, db: 0, ..flat };
    sregs.ss = kvm_segment { selector: selector + 8, type_: 3, l: 0, db: 1, ..flat };
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_kernels_segments_are_those_of_a_system_call() {
        let mut sregs = kvm_sregs::default();
        enter_kernel(&mut sregs, 0x0023_0010_0000_0000);
        assert_eq!((sregs.cs.selector, sregs.cs.dpl, sregs.cs.l, sregs.cs.db), (0x10, 0, 1, 0));
        assert_eq!((sregs.ss.selector, sregs.ss.dpl, sregs.ss.present), (0x18, 0, 1));
    }
}
