//! Registers as a vCPU begins: for the boot protocols of the first one, FPU and local APIC for all.

use crate::boot::Entry;
use crate::memory::layout;
use kvm_bindings::{kvm_fpu, kvm_regs, kvm_segment, kvm_sregs};
use kvm_ioctls::{Error, VcpuFd};

const CR0_PE: u64 = 1;
const CR0_ET: u64 = 1 << 4;
const CR0_PG: u64 = 1 << 31;
const CR4_PAE: u64 = 1 << 5;
const EFER_LME: u64 = 1 << 8;
const EFER_LMA: u64 = 1 << 10;

/// Sets general and special registers for `entry`.
pub fn set_entry(vcpu: &VcpuFd, entry: Entry) -> Result<(), Error> {
    let mut sregs = vcpu.get_sregs()?;
    let regs = match entry {
        Entry::Pvh { rip } => {
            protected_mode(&mut sregs);
            kvm_regs { rip, rbx: layout::PVH_START_INFO, rflags: 2, ..Default::default() }
        }
        Entry::Linux64 { rip } => {
            long_mode(&mut sregs);
            let stack = layout::BOOT_STACK;
            kvm_regs { rip, rsi: layout::ZERO_PAGE, rsp: stack, rbp: stack, rflags: 2, ..Default::default() }
        }
    };
    vcpu.set_sregs(&sregs)?;
    vcpu.set_regs(&regs)
}

fn protected_mode(sregs: &mut kvm_sregs) {
    set_segments(sregs, code(false));
    sregs.cr0 = CR0_PE | CR0_ET;
    sregs.cr4 = 0;
}

fn long_mode(sregs: &mut kvm_sregs) {
    set_segments(sregs, code(true));
    sregs.cr3 = layout::PML4;
    sregs.cr4 |= CR4_PAE;
    sregs.cr0 = CR0_PE | CR0_ET | CR0_PG;
    sregs.efer |= EFER_LME | EFER_LMA;
}

/// Flat segments, with selectors as Linux uses them at boot. The tables themselves are empty: a kernel loads its own
/// before it touches a selector.
fn set_segments(sregs: &mut kvm_sregs, code: kvm_segment) {
    let data = kvm_segment { type_: 3, selector: 0x18, l: 0, db: 1, ..code };
    sregs.cs = code;
    (sregs.ds, sregs.es, sregs.fs, sregs.gs, sregs.ss) = (data, data, data, data, data);
    sregs.tr = kvm_segment { limit: 0x67, type_: 11, present: 1, selector: 0x20, ..Default::default() };
    (sregs.gdt.base, sregs.gdt.limit) = (layout::GDT, 0x1f);
    (sregs.idt.base, sregs.idt.limit) = (layout::IDT, 7);
}

fn code(long: bool) -> kvm_segment {
    kvm_segment {
        base: 0,
        limit: 0xffff_ffff,
        selector: 0x10,
        type_: 11,
        present: 1,
        s: 1,
        g: 1,
        l: u8::from(long),
        db: u8::from(!long),
        ..Default::default()
    }
}

/// The state of FPU and SSE after power-up, as the ABI wants it.
pub fn set_fpu(vcpu: &VcpuFd) -> Result<(), Error> {
    vcpu.set_fpu(&kvm_fpu { fcw: 0x37f, mxcsr: 0x1f80, ..Default::default() })
}

/// Local interrupts as firmware leaves them: LINT0 takes the 8259's, LINT1 is the NMI.
pub fn set_lapic(vcpu: &VcpuFd) -> Result<(), Error> {
    const LINT0: usize = 0x350;
    const LINT1: usize = 0x360;
    const EXTERNAL: u32 = 0b111 << 8;
    const NMI: u32 = 0b100 << 8;
    let mut lapic = vcpu.get_lapic()?;
    for (register, mode) in [(LINT0, EXTERNAL), (LINT1, NMI)] {
        for (index, byte) in mode.to_le_bytes().into_iter().enumerate() {
            lapic.regs[register + index] = byte as _;
        }
    }
    vcpu.set_lapic(&lapic)
}
