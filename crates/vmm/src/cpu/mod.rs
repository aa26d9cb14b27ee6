//! Virtual CPUs: their set-up and the threads that run them.

mod compat;
mod cpuid;
mod kept;
mod kick;
mod msr;
mod paravirt;
mod registers;
mod state;
mod thread;

pub use compat::{CompatError, check as check_compatible};
pub use cpuid::{CpuidEntry, supported as supported_cpuid};
pub use state::{VcpuState, finish, restore};
pub use thread::{Surroundings, Vcpus, spawn};

use crate::boot::Entry;
use kvm_bindings::{CpuId, KVM_MP_STATE_RUNNABLE, kvm_mp_state};
use kvm_ioctls::{VcpuFd, VmFd};

/// Why a vCPU can't be set up.
#[derive(Debug, thiserror::Error)]
#[error("vCPU {vcpu} can't be set up ({step})")]
pub struct CpuError {
    /// Which one.
    pub vcpu: u32,
    /// Which step.
    pub step: &'static str,
    /// The cause.
    #[source]
    pub source: kvm_ioctls::Error,
}

/// A vCPU that was set up.
#[derive(Debug)]
pub struct Vcpu {
    /// As KVM has it.
    pub fd: VcpuFd,
    /// What the guest is told of its CPU. Kept, since KVM may answer with more than it was given.
    pub cpuid: Vec<CpuidEntry>,
}

/// Makes vCPU `id` of `count`. Only the first one gets registers: the others wait for its call (INIT, SIPI).
pub fn create(vm: &VmFd, id: u32, count: u32, cpuid: &CpuId, entry: Entry) -> Result<Vcpu, CpuError> {
    let failed = |step| move |source| CpuError { vcpu: id, step, source };
    let vcpu = vm.create_vcpu(u64::from(id)).map_err(failed("create"))?;
    let cpuid = cpuid::for_vcpu(cpuid, id, count);
    vcpu.set_cpuid2(&cpuid).map_err(failed("cpuid"))?;
    msr::set_boot_values(&vcpu);
    registers::set_fpu(&vcpu).map_err(failed("fpu"))?;
    registers::set_lapic(&vcpu).map_err(failed("lapic"))?;
    if id == 0 {
        registers::set_entry(&vcpu, entry).map_err(failed("registers"))?;
        // Already so where the local APIC is KVM's; said for hosts that don't do it by themselves.
        let _ = vcpu.set_mp_state(kvm_mp_state { mp_state: KVM_MP_STATE_RUNNABLE });
    }
    Ok(Vcpu { fd: vcpu, cpuid: cpuid.as_slice().iter().map(CpuidEntry::from).collect() })
}
