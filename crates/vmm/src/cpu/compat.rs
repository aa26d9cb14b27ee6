//! Whether this host can run a guest that was told of another host's CPU: each feature it was told of has to be here,
//! since it may be using it.

use super::cpuid::CpuidEntry;
use kvm_bindings::{CpuId, KVM_CPUID_FLAG_SIGNIFCANT_INDEX};

/// Registers of a CPUID leaf.
const NAMES: [&str; 4] = ["EAX", "EBX", "ECX", "EDX"];

/// Leaves whose bits are features: function, index, and which registers (of EAX, EBX, ECX, EDX) hold them.
const FEATURES: &[(u32, u32, [u32; 4])] = &[
    // Not the bits of ECX that mirror a setting: OSXSAVE; nor those set here: hypervisor, deadline timer.
    (0x1, 0, [0, 0, !(1 << 27 | 1 << 31 | 1 << 24), !(1 << 28)]),
    // Not OSPKE.
    (0x7, 0, [0, !0, !(1 << 4), !0]),
    (0x7, 1, [!0, !0, !0, !0]),
    (0x7, 2, [0, 0, 0, !0]),
    // Components of XSAVE's area, then its instructions.
    (0xd, 0, [!0, 0, 0, !0]),
    (0xd, 1, [!0, 0, !0, !0]),
    (0x4000_0001, 0, [!0, 0, 0, 0]),
    (0x8000_0001, 0, [0, 0, !(1 << 2), !0]),
    (0x8000_0007, 0, [0, 0, 0, !0]),
    (0x8000_0008, 0, [0, !0, 0, 0]),
    (0x8000_0021, 0, [!0, 0, 0, 0]),
];

/// Why a guest can't run here.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum CompatError {
    /// Another maker.
    #[error("the guest runs on a CPU of {saved}, this host has one of {here}")]
    Vendor {
        /// The guest's.
        saved: String,
        /// This host's.
        here: String,
    },
    /// Features that are not here.
    #[error(
        "this host's CPU or KVM lacks features of the guest's: bits {bits:#x} of CPUID {function:#x}.{index} {register}"
    )]
    Features {
        /// Leaf.
        function: u32,
        /// Subleaf.
        index: u32,
        /// Register.
        register: &'static str,
        /// What is missing.
        bits: u32,
    },
}

/// Compares what a guest was told with what this host's KVM supports.
pub fn check(saved: &[CpuidEntry], here: &CpuId) -> Result<(), CompatError> {
    let here: Vec<CpuidEntry> = here.as_slice().iter().map(CpuidEntry::from).collect();
    let (theirs, ours) = (vendor(saved), vendor(&here));
    if theirs != ours {
        return Err(CompatError::Vendor { saved: theirs, here: ours });
    }
    for &(function, index, masks) in FEATURES {
        let (told, supported) = (registers(saved, function, index), registers(&here, function, index));
        for register in 0..4 {
            let bits = told[register] & !supported[register] & masks[register];
            if bits != 0 {
                return Err(CompatError::Features { function, index, register: NAMES[register], bits });
            }
        }
    }
    Ok(())
}

fn registers(table: &[CpuidEntry], function: u32, index: u32) -> [u32; 4] {
    let fits = |entry: &&CpuidEntry| {
        entry.function == function
            && (entry.index == index || entry.flags & KVM_CPUID_FLAG_SIGNIFCANT_INDEX == 0)
    };
    let found = table.iter().find(fits);
    found.map_or([0; 4], |entry| entry.registers)
}

fn vendor(table: &[CpuidEntry]) -> String {
    let [_, b, c, d] = registers(table, 0, 0);
    [b, d, c].iter().flat_map(|word| word.to_le_bytes()).map(|byte| char::from(byte & 0x7f)).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn table(feature: u32) -> Vec<CpuidEntry> {
        let entry = |function, registers| CpuidEntry { function, index: 0, flags: 0, registers };
        vec![entry(0, [1, 0x756e_6547, 0x6c65_746e, 0x4965_6e69]), entry(7, [0, feature, 0, 0])]
    }

    fn host(feature: u32) -> CpuId {
        let entries: Vec<_> = table(feature).iter().map(|entry| entry.to_kvm()).collect();
        CpuId::from_entries(&entries).unwrap()
    }

    #[test]
    fn a_host_may_have_more_but_not_less() {
        assert_eq!(check(&table(0b0101), &host(0b1101)), Ok(()));
        let missing = CompatError::Features { function: 7, index: 0, register: "EBX", bits: 0b0100 };
        assert_eq!(check(&table(0b0101), &host(0b1001)), Err(missing));
    }

    #[test]
    fn a_cpu_of_another_maker_is_named() {
        let mut other = table(0);
        other[0].registers = [1, 0x6874_7541, 0x444d_4163, 0x6974_6e65];
        let error = check(&other, &host(0)).unwrap_err();
        assert_eq!(
            error.to_string(),
            "the guest runs on a CPU of AuthenticAMD, this host has one of GenuineIntel"
        );
    }
}
