//! CPUID: what the host supports is passed on; only what tells vCPUs apart, their topology (one thread a core, all
//! in one package) and the deadline timer are set here. Virtualization itself is not passed on: a guest's own
//! hypervisor would make KVM's largest and least used part reachable.

use kvm_bindings::{CpuId, KVM_MAX_CPUID_ENTRIES, kvm_cpuid_entry2};
use kvm_ioctls::{Cap, Kvm};
use serde::{Deserialize, Serialize};

/// An entry of a table, as it is saved.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(into = "[u32; 7]", from = "[u32; 7]")]
pub struct CpuidEntry {
    /// Leaf.
    pub function: u32,
    /// Subleaf.
    pub index: u32,
    /// KVM's: whether the subleaf matters.
    pub flags: u32,
    /// EAX, EBX, ECX, EDX.
    pub registers: [u32; 4],
}

impl CpuidEntry {
    /// As KVM has it.
    pub fn to_kvm(self) -> kvm_cpuid_entry2 {
        let [eax, ebx, ecx, edx] = self.registers;
        let (function, index, flags) = (self.function, self.index, self.flags);
        kvm_cpuid_entry2 { function, index, flags, eax, ebx, ecx, edx, ..Default::default() }
    }
}

impl From<&kvm_cpuid_entry2> for CpuidEntry {
    fn from(entry: &kvm_cpuid_entry2) -> Self {
        let registers = [entry.eax, entry.ebx, entry.ecx, entry.edx];
        Self { function: entry.function, index: entry.index, flags: entry.flags, registers }
    }
}

impl From<[u32; 7]> for CpuidEntry {
    fn from([function, index, flags, eax, ebx, ecx, edx]: [u32; 7]) -> Self {
        Self { function, index, flags, registers: [eax, ebx, ecx, edx] }
    }
}

impl From<CpuidEntry> for [u32; 7] {
    fn from(entry: CpuidEntry) -> Self {
        let [eax, ebx, ecx, edx] = entry.registers;
        [entry.function, entry.index, entry.flags, eax, ebx, ecx, edx]
    }
}

/// What KVM supports on this host.
pub fn supported(kvm: &Kvm) -> Result<CpuId, kvm_ioctls::Error> {
    let mut cpuid = kvm.get_supported_cpuid(KVM_MAX_CPUID_ENTRIES)?;
    if kvm.check_extension(Cap::TscDeadlineTimer) {
        /// Leaf 1, ECX: the local APIC's timer can be set to a TSC value. KVM does it but doesn't list it.
        const DEADLINE_TIMER: u32 = 1 << 24;
        for entry in cpuid.as_mut_slice().iter_mut().filter(|entry| entry.function == 1) {
            entry.ecx |= DEADLINE_TIMER;
        }
    }
    Ok(cpuid)
}

/// The table of vCPU `id` of `count`.
pub fn for_vcpu(supported: &CpuId, id: u32, count: u32) -> CpuId {
    let mut cpuid = supported.clone();
    for entry in cpuid.as_mut_slice() {
        adjust(entry, id, count);
    }
    cpuid
}

fn adjust(entry: &mut kvm_cpuid_entry2, id: u32, count: u32) {
    match (entry.function, entry.index) {
        (1, _) => {
            /// EDX: EBX holds a number of logical processors.
            const HTT: u32 = 1 << 28;
            /// ECX: there is a hypervisor.
            const HYPERVISOR: u32 = 1 << 31;
            /// ECX: Intel's virtualization.
            const VMX: u32 = 1 << 5;
            entry.ebx = (entry.ebx & 0x0000_ffff) | (count.min(255) << 16) | (id << 24);
            entry.edx = if count > 1 { entry.edx | HTT } else { entry.edx & !HTT };
            entry.ecx = (entry.ecx | HYPERVISOR) & !VMX;
        }
        // Intel's caches: bits 31:26 are cores in the package less 1, bits 25:14 sharers of the cache less 1.
        (4, _) if entry.eax & 0x1f != 0 => {
            let level = (entry.eax >> 5) & 7;
            let sharers = if level >= 3 { count - 1 } else { 0 };
            entry.eax = (entry.eax & 0x3fff) | (sharers << 14) | ((count - 1).min(63) << 26);
        }
        (0xb | 0x1f, 0) => set_topology(entry, 0, 1, 1, id),
        (0xb | 0x1f, 1) => set_topology(entry, apic_id_bits(count), count, 2, id),
        (0xb | 0x1f, index) => {
            (entry.eax, entry.ebx, entry.ecx, entry.edx) = (0, 0, index & 0xff, id);
        }
        (0x8000_0001, _) => {
            /// ECX: AMD's virtualization.
            const SVM: u32 = 1 << 2;
            entry.ecx &= !SVM;
        }
        (0x8000_000a, _) => (entry.eax, entry.ebx, entry.ecx, entry.edx) = (0, 0, 0, 0),
        // AMD: cores less 1, and the bits of an APIC id that tell them apart.
        (0x8000_0008, _) => entry.ecx = (entry.ecx & !0xf0ff) | (count - 1) | (apic_id_bits(count) << 12),
        // AMD: the APIC id; core id with one thread; one node.
        (0x8000_001e, _) => {
            (entry.eax, entry.ebx, entry.ecx) = (id, id & 0xff, 0);
        }
        _ => {}
    }
}

/// A level of the topology leaf: shift to the next level, processors on it, its kind, the x2APIC id.
fn set_topology(entry: &mut kvm_cpuid_entry2, shift: u32, processors: u32, kind: u32, id: u32) {
    (entry.eax, entry.ebx, entry.ecx, entry.edx) = (shift, processors, entry.index | (kind << 8), id);
}

fn apic_id_bits(count: u32) -> u32 {
    count.next_power_of_two().trailing_zeros()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn leaf(function: u32, index: u32, id: u32, count: u32) -> kvm_cpuid_entry2 {
        let entry = kvm_cpuid_entry2 { function, index, eax: 0x21, ..Default::default() };
        let table = CpuId::from_entries(&[entry]).unwrap();
        for_vcpu(&table, id, count).as_slice()[0]
    }

    #[test]
    fn vcpus_differ_in_their_apic_ids_alone() {
        assert_eq!(leaf(1, 0, 3, 4).ebx >> 24, 3);
        assert_eq!(leaf(0xb, 0, 3, 4).edx, 3);
        assert_eq!(leaf(0x8000_001e, 0, 3, 4).eax, 3);
    }

    #[test]
    fn virtualization_is_not_passed_on() {
        let all = |function| {
            let mut entry = kvm_cpuid_entry2 { function, ecx: u32::MAX, ..Default::default() };
            adjust(&mut entry, 0, 1);
            entry.ecx
        };
        assert_eq!((all(1) & 1 << 5, all(0x8000_0001) & 1 << 2), (0, 0));
    }

    #[test]
    fn the_topology_has_room_for_every_apic_id() {
        for count in 1..=64 {
            let bits = leaf(0xb, 1, 0, count).eax;
            assert!(1 << bits >= count, "{count}");
            assert_eq!(leaf(0xb, 1, 0, count).ebx, count);
            assert_eq!(leaf(0x8000_0008, 0, 0, count).ecx & 0xff, count - 1);
        }
    }
}
