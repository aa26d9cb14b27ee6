//! A virtual machine of one page that adds two numbers and says the sum.

use kvm_bindings::{Msrs, kvm_msr_entry, kvm_userspace_memory_region};
use kvm_ioctls::{Kvm, VcpuExit, VcpuFd, VmFd};
use vm_memory::{Bytes, GuestAddress, GuestMemoryBackend, GuestMemoryMmap, GuestMemoryRegion};

use crate::KvmSupport;

/// The one version of the KVM interface that there has been since Linux 2.6.22.
const API_VERSION: i32 = 12;
/// Where a paravirtual KVM shows its signature.
const SIGNATURE_MSR: u32 = 0x4b56_4d11;
/// The signature: the letters "MPV".
const SIGNATURE: u64 = 0x004d_5650;
/// The guest's only page, at an address that real mode reaches with a zero segment base.
const PAGE: GuestAddress = GuestAddress(0x1000);
const PAGE_SIZE: usize = 4096;
/// The port at which the sum comes out.
const PORT: u16 = 0x3f8;
/// `mov dx, PORT; add al, bl; out dx, al; hlt`
const PROGRAM: [u8; 7] = [0xba, 0xf8, 0x03, 0x00, 0xd8, 0xee, 0xf4];
const SUMMANDS: (u8, u8) = (40, 2);
/// Interruptions of the guest by signals that are borne with, so that the trial ends.
const PATIENCE: usize = 100;

/// What kept the trial from ending well.
#[derive(Debug, thiserror::Error)]
pub enum ProbeError {
    /// There is no device, or we may not use it.
    #[error("/dev/kvm cannot be opened")]
    Open(#[source] kvm_ioctls::Error),
    /// It is some other interface than the one in use since 2007.
    #[error("/dev/kvm has version {0} of its interface, not 12")]
    Version(i32),
    /// Memory for the guest could not be had.
    #[error("no memory for a trial guest: {0}")]
    Memory(String),
    /// One of the steps that set up a virtual machine failed.
    #[error("KVM refuses to {step}")]
    Step {
        /// What was tried, as a verb and its object.
        step: &'static str,
        /// The kernel's answer.
        #[source]
        source: kvm_ioctls::Error,
    },
    /// The guest ran, but not as a processor does.
    #[error("KVM ran a trial guest wrongly: {0}")]
    Wrong(String),
}

/// An error of one step.
fn at(step: &'static str) -> impl FnOnce(kvm_ioctls::Error) -> ProbeError {
    move |source| ProbeError::Step { step, source }
}

/// Makes a virtual machine, looks for the signature, and otherwise runs the program.
pub fn try_out() -> Result<KvmSupport, ProbeError> {
    let kvm = Kvm::new().map_err(ProbeError::Open)?;
    match kvm.get_api_version() {
        API_VERSION => {}
        other => return Err(ProbeError::Version(other)),
    }
    let memory = GuestMemoryMmap::<()>::from_ranges(&[(PAGE, PAGE_SIZE)])
        .map_err(|error| ProbeError::Memory(error.to_string()))?;
    memory.write_slice(&PROGRAM, PAGE).map_err(|error| ProbeError::Memory(error.to_string()))?;
    let vm = kvm.create_vm().map_err(at("create a virtual machine"))?;
    // Intel's processors without unrestricted guests run real mode in a task of their own, which needs room.
    let _ = vm.set_tss_address(0xfffb_d000);
    give_memory(&vm, &memory)?;
    let mut vcpu = vm.create_vcpu(0).map_err(at("create a virtual processor"))?;
    if is_paravirtual(&vcpu) {
        return Ok(KvmSupport::Paravirtual);
    }
    run(&mut vcpu)?;
    Ok(KvmSupport::Stock)
}

#[expect(unsafe_code, reason = "KVM takes guest memory by its address")]
fn give_memory(vm: &VmFd, memory: &GuestMemoryMmap<()>) -> Result<(), ProbeError> {
    for (slot, region) in (0..).zip(memory.iter()) {
        let region = kvm_userspace_memory_region {
            slot,
            flags: 0,
            guest_phys_addr: region.start_addr().0,
            memory_size: region.len(),
            userspace_addr: region.as_ptr() as u64,
        };
        // SAFETY: the range is a mapping of exactly this size, and its owner outlives the virtual machine, which
        // is closed before it at the end of `try_out`.
        unsafe { vm.set_user_memory_region(region) }.map_err(at("take guest memory"))?;
    }
    Ok(())
}

fn is_paravirtual(vcpu: &VcpuFd) -> bool {
    let entry = kvm_msr_entry { index: SIGNATURE_MSR, ..Default::default() };
    let Ok(mut msrs) = Msrs::from_entries(&[entry]) else { return false };
    matches!(vcpu.get_msrs(&mut msrs), Ok(1)) && msrs.as_slice()[0].data == SIGNATURE
}

fn run(vcpu: &mut VcpuFd) -> Result<(), ProbeError> {
    let mut segments = vcpu.get_sregs().map_err(at("read segment registers"))?;
    segments.cs.base = 0;
    segments.cs.selector = 0;
    vcpu.set_sregs(&segments).map_err(at("set segment registers"))?;
    let mut registers = vcpu.get_regs().map_err(at("read registers"))?;
    registers.rip = PAGE.0;
    registers.rflags = 2;
    registers.rax = SUMMANDS.0.into();
    registers.rbx = SUMMANDS.1.into();
    vcpu.set_regs(&registers).map_err(at("set registers"))?;
    for _ in 0..PATIENCE {
        match vcpu.run() {
            Ok(VcpuExit::IoOut(PORT, [sum])) if *sum == SUMMANDS.0 + SUMMANDS.1 => return Ok(()),
            Ok(exit) => return Err(ProbeError::Wrong(format!("it ended with {exit:?}"))),
            Err(error) if matches!(error.errno(), libc::EINTR | libc::EAGAIN) => {}
            Err(error) => return Err(at("run a guest")(error)),
        }
    }
    Err(ProbeError::Wrong("it did not get on".to_owned()))
}
