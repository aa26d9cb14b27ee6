//! The instance-type catalogue: t, m, c and r families with EC2's figures of vCPUs and memory.

use serde::{Deserialize, Serialize};

use crate::Mib;
use crate::credits::{CreditMode, CreditTerms};

/// An instance type.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct InstanceType {
    /// Name, such as `t3.micro`.
    pub name: String,
    /// vCPUs.
    pub vcpus: u32,
    /// Memory.
    pub memory: Mib,
    /// How it earns CPU credits, if it bursts by them (the t families).
    #[serde(default)]
    pub credits: Option<CreditTerms>,
    /// Whether it is of the current generation.
    pub current_generation: bool,
    /// Network performance as EC2 words it.
    pub network_performance: String,
    /// How many interfaces it may have.
    pub max_interfaces: u32,
    /// How many private addresses each interface may have.
    pub addresses_per_interface: u32,
}

impl InstanceType {
    /// How many pairs of queues each interface has: one for each vCPU, up to four. Each but the first has a thread of its
    /// own on the host.
    pub fn queue_pairs(&self) -> u32 {
        self.vcpus.clamp(1, 4)
    }

    /// Bytes a second that the type's interfaces may carry each, as its network performance says: `Up to 5 Gigabit`.
    /// `Low to Moderate` is a gigabit here. None is no limit.
    pub fn network_bytes_per_second(&self) -> Option<u64> {
        let text = self.network_performance.as_str();
        if text == "Low to Moderate" {
            return Some(GIGABIT);
        }
        let number = text.strip_suffix(" Gigabit")?.trim_start_matches("Up to ");
        number
            .parse::<f64>()
            .ok()
            .filter(|gigabits| *gigabits >= 0.1)
            .map(|gigabits| (gigabits * GIGABIT as f64) as u64)
    }
}

/// A gigabit in bytes.
const GIGABIT: u64 = 125_000_000;

/// A burstable family's sizes: name of the size, vCPUs, memory in MiB, interfaces, addresses for each, baseline in
/// thousandths of each vCPU.
type Size = (&'static str, u32, u64, u32, u32, u32);

const T3: &[Size] = &[
    ("nano", 2, 512, 2, 2, 50),
    ("micro", 2, 1024, 2, 2, 100),
    ("small", 2, 2048, 3, 4, 200),
    ("medium", 2, 4096, 3, 6, 200),
    ("large", 2, 8192, 3, 12, 300),
    ("xlarge", 4, 16384, 4, 15, 400),
    ("2xlarge", 8, 32768, 4, 15, 400),
];

const T2: &[Size] = &[
    ("nano", 1, 512, 2, 2, 50),
    ("micro", 1, 1024, 2, 2, 100),
    ("small", 1, 2048, 3, 4, 200),
    ("medium", 2, 4096, 3, 6, 200),
    ("large", 2, 8192, 3, 12, 300),
    ("xlarge", 4, 16384, 3, 15, 225),
    ("2xlarge", 8, 32768, 3, 15, 170),
];

/// The sizes that the m, c and r families of the fifth and later generations share: vCPUs, interfaces, addresses.
const LARGE_SIZES: &[(&str, u32, u32, u32)] = &[
    ("large", 2, 3, 10),
    ("xlarge", 4, 4, 15),
    ("2xlarge", 8, 4, 15),
    ("4xlarge", 16, 8, 30),
    ("8xlarge", 32, 8, 30),
];

/// Families of such sizes with their memory for each vCPU in MiB.
const LARGE_FAMILIES: &[(&str, u64)] = &[
    ("m5", 4096),
    ("m6i", 4096),
    ("m7i", 4096),
    ("c5", 2048),
    ("c6i", 2048),
    ("c7i", 2048),
    ("r5", 8192),
    ("r6i", 8192),
    ("r7i", 8192),
];

/// The types that EC2 knows and this cloud offers, in the order of their names.
pub fn standard() -> Vec<InstanceType> {
    let mut types = Vec::new();
    for (family, sizes, current) in [("t2", T2, true), ("t3", T3, true), ("t3a", T3, true)] {
        for &(size, vcpus, memory, max_interfaces, addresses_per_interface, baseline) in sizes {
            let t2 = family == "t2";
            types.push(InstanceType {
                name: format!("{family}.{size}"),
                vcpus,
                memory: Mib(memory),
                credits: Some(CreditTerms {
                    vcpus,
                    baseline,
                    launch_credits: if t2 { 30 } else { 0 },
                    kept_at_stop: !t2,
                    default_mode: if t2 { CreditMode::Standard } else { CreditMode::Unlimited },
                }),
                current_generation: current,
                network_performance: if t2 { "Low to Moderate" } else { "Up to 5 Gigabit" }.into(),
                max_interfaces,
                addresses_per_interface,
            });
        }
    }
    for &(family, memory_per_vcpu) in LARGE_FAMILIES {
        for &(size, vcpus, max_interfaces, addresses_per_interface) in LARGE_SIZES {
            if family == "c5" && size == "8xlarge" {
                continue; // EC2's c5 goes from 4xlarge to 9xlarge
            }
            types.push(InstanceType {
                name: format!("{family}.{size}"),
                vcpus,
                memory: Mib(memory_per_vcpu * u64::from(vcpus)),
                credits: None,
                current_generation: true,
                network_performance: "Up to 10 Gigabit".into(),
                max_interfaces,
                addresses_per_interface,
            });
        }
    }
    types.sort_by(|a, b| a.name.cmp(&b.name));
    types
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn figures_are_those_of_ec2() {
        let all = standard();
        let find = |name: &str| all.iter().find(|t| t.name == name).unwrap().clone();
        assert_eq!((find("t3.micro").vcpus, find("t3.micro").memory), (2, Mib(1024)));
        assert_eq!((find("t2.nano").vcpus, find("t2.nano").memory), (1, Mib(512)));
        assert_eq!((find("m5.large").vcpus, find("m5.large").memory), (2, Mib(8192)));
        assert_eq!((find("c5.xlarge").vcpus, find("c5.xlarge").memory), (4, Mib(8192)));
        assert_eq!((find("r6i.2xlarge").vcpus, find("r6i.2xlarge").memory), (8, Mib(65536)));
    }

    #[test]
    fn every_type_says_what_its_interfaces_may_carry() {
        let all = standard();
        let find = |name: &str| all.iter().find(|t| t.name == name).unwrap().network_bytes_per_second();
        assert_eq!(find("t3.micro"), Some(625_000_000));
        assert_eq!(find("t2.micro"), Some(125_000_000));
        assert!(all.iter().all(|kind| kind.network_bytes_per_second().is_some()));
        let own = InstanceType { network_performance: "as the host".into(), ..all[0].clone() };
        assert_eq!(own.network_bytes_per_second(), None);
    }

    #[test]
    fn names_are_unique() {
        let all = standard();
        assert!(all.windows(2).all(|pair| pair[0].name < pair[1].name));
    }
}
