//! Model-specific registers: those that a kernel expects from firmware, and all of them when a vCPU is saved.
//!
//! A host that doesn't know one that firmware sets is no reason to stop: the kernel then does as on a machine without
//! it. The MTRRs stay off, as firmware leaves them that has nothing to say: KVM gives RAM its type regardless, there is
//! no device memory that wants another, and a kernel that finds them on rewrites them with its caches disabled, which
//! takes 0.2 s on hosts where WBINVD is emulated.

use kvm_bindings::{KVM_MAX_MSR_ENTRIES, Msrs, kvm_msr_entry};
use kvm_ioctls::{Error, VcpuFd};

/// `IA32_MISC_ENABLE` with fast string operations (bit 0).
const MISC_ENABLE: (u32, u64) = (0x1a0, 1);
/// `IA32_TSC_DEADLINE`: arms the local APIC's timer by the counter's value, so it is set after that.
const TSC_DEADLINE: u32 = 0x6e0;

/// Sets those that a kernel expects.
pub fn set_boot_values(vcpu: &VcpuFd) {
    let (index, data) = MISC_ENABLE;
    let _ = set(vcpu, index, data);
}

/// One register, if KVM has it.
pub fn get(vcpu: &VcpuFd, index: u32) -> Option<u64> {
    let mut one = entries(&[(index, 0)])?;
    (vcpu.get_msrs(&mut one) == Ok(1)).then(|| one.as_slice()[0].data)
}

/// Sets one register.
pub fn set(vcpu: &VcpuFd, index: u32, data: u64) -> Result<(), Error> {
    let one = entries(&[(index, data)]).ok_or(Error::new(libc::EINVAL))?;
    if vcpu.set_msrs(&one)? == 1 { Ok(()) } else { Err(Error::new(libc::EINVAL)) }
}

/// Reads the registers `wanted`, without those that this vCPU does not have.
pub fn save(vcpu: &VcpuFd, wanted: &[u32]) -> Result<Vec<(u32, u64)>, Error> {
    let mut saved = Vec::with_capacity(wanted.len());
    let mut rest = wanted;
    while !rest.is_empty() {
        let count = rest.len().min(KVM_MAX_MSR_ENTRIES);
        let list: Vec<_> = rest[..count].iter().map(|index| (*index, 0)).collect();
        let mut batch = entries(&list).ok_or(Error::new(libc::EINVAL))?;
        let done = vcpu.get_msrs(&mut batch)?;
        saved.extend(batch.as_slice().iter().take(done).map(|entry| (entry.index, entry.data)));
        // KVM stops at the first that it can't read.
        rest = &rest[(done + usize::from(done < count)).min(rest.len())..];
    }
    Ok(saved)
}

/// Sets registers. One that can't be set but has its value already is well.
pub fn restore(vcpu: &VcpuFd, saved: &[(u32, u64)]) -> Result<(), Error> {
    let is_last = |(index, _): &&(u32, u64)| *index == TSC_DEADLINE;
    let ordered: Vec<(u32, u64)> =
        saved.iter().filter(|msr| !is_last(msr)).chain(saved.iter().filter(is_last)).copied().collect();
    let mut rest = &ordered[..];
    while !rest.is_empty() {
        let count = rest.len().min(KVM_MAX_MSR_ENTRIES);
        let batch = entries(&rest[..count]).ok_or(Error::new(libc::EINVAL))?;
        let done = vcpu.set_msrs(&batch)?;
        if let Some(&(index, data)) = rest[..count].get(done)
            && get(vcpu, index) != Some(data)
        {
            return Err(Error::new(libc::ENOTSUP));
        }
        rest = &rest[(done + usize::from(done < count)).min(rest.len())..];
    }
    Ok(())
}

fn entries(list: &[(u32, u64)]) -> Option<Msrs> {
    let entries: Vec<_> =
        list.iter().map(|&(index, data)| kvm_msr_entry { index, data, ..Default::default() }).collect();
    Msrs::from_entries(&entries).ok()
}
