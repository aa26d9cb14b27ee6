//! The state of a vCPU, saved and put back through KVM. KVM minds the order of both: see [`save`] and [`restore`].

use super::cpuid::CpuidEntry;
use super::{CpuError, Vcpu, msr, paravirt};
use crate::snapshot::bytes;
use kvm_bindings::{
    CpuId, kvm_debugregs, kvm_lapic_state, kvm_mp_state, kvm_regs, kvm_sregs, kvm_vcpu_events, kvm_xcrs,
    kvm_xsave,
};
use kvm_ioctls::{Cap, VcpuFd, VmFd};
use serde::{Deserialize, Serialize};

/// A vCPU that stands still.
#[derive(Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct VcpuState {
    /// What the guest was told of its CPU.
    pub cpuid: Vec<CpuidEntry>,
    /// How fast its time-stamp counter goes; nothing where KVM does not say.
    tsc_khz: Option<u32>,
    #[serde(with = "bytes")]
    mp_state: kvm_mp_state,
    #[serde(with = "bytes")]
    regs: kvm_regs,
    #[serde(with = "bytes")]
    sregs: kvm_sregs,
    #[serde(with = "bytes")]
    xsave: kvm_xsave,
    #[serde(with = "bytes")]
    xcrs: kvm_xcrs,
    #[serde(with = "bytes")]
    debug_regs: kvm_debugregs,
    #[serde(with = "bytes")]
    lapic: kvm_lapic_state,
    #[serde(with = "bytes")]
    events: kvm_vcpu_events,
    /// Index and value.
    msrs: Vec<(u32, u64)>,
    /// Only of hosts whose KVM is paravirtual.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    paravirt: Option<paravirt::State>,
}

/// Reads the state of vCPU `id`. `msrs` are the registers to save.
pub fn save(vm: &VmFd, vcpu: &Vcpu, id: u32, msrs: &[u32]) -> Result<VcpuState, CpuError> {
    let Vcpu { fd: vcpu, cpuid } = vcpu;
    let failed = |step| move |source| CpuError { vcpu: id, step, source };
    // First, since it carries out an INIT or SIPI that waits, which changes other registers.
    let mp_state = vcpu.get_mp_state().map_err(failed("save whether it runs"))?;
    let regs = vcpu.get_regs().map_err(failed("save registers"))?;
    let mut sregs = vcpu.get_sregs().map_err(failed("save special registers"))?;
    let xsave = save_xsave(vm, vcpu).map_err(failed("save FPU registers"))?;
    let xcrs = vcpu.get_xcrs().map_err(failed("save XCRs"))?;
    let debug_regs = vcpu.get_debug_regs().map_err(failed("save debug registers"))?;
    let lapic = vcpu.get_lapic().map_err(failed("save the local APIC"))?;
    let msrs = msr::save(vcpu, msrs).map_err(failed("save MSRs"))?;
    let paravirt = paravirt::save(vcpu, &mut sregs);
    let events = vcpu.get_vcpu_events().map_err(failed("save pending events"))?;
    Ok(VcpuState {
        cpuid: cpuid.to_vec(),
        tsc_khz: vcpu.get_tsc_khz().ok(),
        mp_state,
        regs,
        sregs,
        xsave,
        xcrs,
        debug_regs,
        lapic,
        events,
        msrs,
        paravirt,
    })
}

fn save_xsave(vm: &VmFd, vcpu: &VcpuFd) -> Result<kvm_xsave, kvm_ioctls::Error> {
    // More only with features that a process has to ask the kernel for (arch_prctl(2)), which this one does not.
    if vm.check_extension_int(Cap::Xsave2) > size_of::<kvm_xsave>() as i32 {
        return Err(kvm_ioctls::Error::new(libc::EOVERFLOW));
    }
    vcpu.get_xsave()
}

/// Makes vCPU `id` in the state that was saved. Guest memory is in place. What has to come after the interrupt
/// controllers is left to [`finish`].
pub fn restore(vm: &VmFd, id: u32, state: &VcpuState) -> Result<Vcpu, CpuError> {
    let failed = |step| move |source| CpuError { vcpu: id, step, source };
    let invalid = |_| kvm_ioctls::Error::new(libc::EINVAL);
    let vcpu = vm.create_vcpu(u64::from(id)).map_err(failed("create"))?;
    let entries: Vec<_> = state.cpuid.iter().map(|entry| entry.to_kvm()).collect();
    let cpuid = CpuId::from_entries(&entries).map_err(invalid).map_err(failed("cpuid"))?;
    vcpu.set_cpuid2(&cpuid).map_err(failed("cpuid"))?;
    restore_tsc_speed(&vcpu, state.tsc_khz).map_err(failed("set the speed of the time-stamp counter"))?;
    vcpu.set_mp_state(state.mp_state).map_err(failed("set whether it runs"))?;
    vcpu.set_sregs(&state.sregs).map_err(failed("set special registers"))?;
    vcpu.set_regs(&state.regs).map_err(failed("set registers"))?;
    vcpu.set_xcrs(&state.xcrs).map_err(failed("set XCRs"))?;
    // SAFETY: KVM reads as many bytes as the host's features take; beyond `kvm_xsave` only for those that this
    // process would have to ask for.
    unsafe { vcpu.set_xsave(&state.xsave) }.map_err(failed("set FPU registers"))?;
    vcpu.set_debug_regs(&state.debug_regs).map_err(failed("set debug registers"))?;
    // Before the MSRs, one of which arms its timer.
    vcpu.set_lapic(&state.lapic).map_err(failed("set the local APIC"))?;
    msr::restore(&vcpu, &state.msrs).map_err(failed("set MSRs"))?;
    if let Some(paravirt) = &state.paravirt {
        paravirt::restore(&vcpu, paravirt).map_err(failed("set the paravirtual MSR"))?;
    }
    Ok(Vcpu { fd: vcpu, cpuid: state.cpuid.clone() })
}

/// The last steps, when the machine's interrupt controllers and clock are as they were.
pub fn finish(vcpu: &Vcpu, id: u32, state: &VcpuState) -> Result<(), CpuError> {
    let failed = |step| move |source| CpuError { vcpu: id, step, source };
    vcpu.fd.set_vcpu_events(&state.events).map_err(failed("set pending events"))?;
    // Tells the guest's watchdogs that it stood still; refused where its kernel uses no KVM clock.
    let _ = vcpu.fd.kvmclock_ctrl();
    Ok(())
}

/// A counter that goes at another speed is scaled, where the host can do that. A guest takes the differences between
/// two hosts of the same kind, which their kernels measured, for the drift of a clock.
fn restore_tsc_speed(vcpu: &VcpuFd, saved: Option<u32>) -> Result<(), kvm_ioctls::Error> {
    /// Parts per million: what Linux's own clock discipline can correct.
    const TOLERATED: u64 = 250;
    let (Some(saved), Ok(here)) = (saved, vcpu.get_tsc_khz()) else { return Ok(()) };
    let difference = u64::from(saved.abs_diff(here)) * 1_000_000;
    if difference <= u64::from(saved) * TOLERATED { Ok(()) } else { vcpu.set_tsc_khz(saved) }
}
