//! The model-specific registers that a kernel expects from firmware. A host that doesn't know one is no reason to
//! stop: the kernel then does as on a machine without it.
//!
//! The MTRRs stay off, as firmware leaves them that has nothing to say: KVM gives RAM its type regardless, there is no
//! device memory that wants another, and a kernel that finds them on rewrites them with its caches disabled, which
//! takes 0.2 s on hosts where WBINVD is emulated.

use kvm_bindings::{Msrs, kvm_msr_entry};
use kvm_ioctls::VcpuFd;

/// `IA32_MISC_ENABLE` with fast string operations (bit 0).
const MISC_ENABLE: (u32, u64) = (0x1a0, 1);
/// Sets them.
pub fn set_boot_values(vcpu: &VcpuFd) {
    let (index, data) = MISC_ENABLE;
    if let Ok(msrs) = Msrs::from_entries(&[kvm_msr_entry { index, data, ..Default::default() }]) {
        let _ = vcpu.set_msrs(&msrs);
    }
}
