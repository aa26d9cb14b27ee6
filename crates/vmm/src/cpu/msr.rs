//! The model-specific registers that a kernel expects from firmware. A host that doesn't know one is no reason to
//! stop: the kernel then does as on a machine without it.

use kvm_bindings::{Msrs, kvm_msr_entry};
use kvm_ioctls::VcpuFd;

/// `IA32_MISC_ENABLE` with fast string operations (bit 0).
const MISC_ENABLE: (u32, u64) = (0x1a0, 1);
/// `IA32_MTRR_DEF_TYPE`: enabled, default type write-back. Without it Linux turns the PAT off.
const MTRR_DEFAULT: (u32, u64) = (0x2ff, 1 << 11 | 6);

/// Sets them.
pub fn set_boot_values(vcpu: &VcpuFd) {
    for (index, data) in [MISC_ENABLE, MTRR_DEFAULT] {
        let entry = kvm_msr_entry { index, data, ..Default::default() };
        if let Ok(msrs) = Msrs::from_entries(&[entry]) {
            let _ = vcpu.set_msrs(&msrs);
        }
    }
}
