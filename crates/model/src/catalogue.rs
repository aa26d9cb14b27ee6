//! The instance-type catalogue: t, m, c and r families with EC2's figures of vCPUs and memory.

use serde::{Deserialize, Serialize};

use crate::Mib;
use crate::credits::{CreditMode, CreditTerms};
use crate::volume_type::VolumeLimits;

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
    /// What its disks may do together, if the type limits that.
    #[serde(default)]
    pub disks: Option<DiskBandwidth>,
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

/// What the disks of an instance may do together: EC2's figures of types that are optimized for EBS. The baseline holds for
/// ever; the maximum for half an hour at a time at least once a day, where it is more.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct DiskBandwidth {
    /// Megabits a second.
    pub baseline_mbps: u32,
    /// Megabits a second.
    pub maximum_mbps: u32,
    /// Operations a second.
    pub baseline_iops: u32,
    /// Operations a second.
    pub maximum_iops: u32,
}

impl DiskBandwidth {
    const fn new(baseline_mbps: u32, maximum_mbps: u32, baseline_iops: u32, maximum_iops: u32) -> Self {
        Self { baseline_mbps, maximum_mbps, baseline_iops, maximum_iops }
    }

    /// Those that hold at any moment.
    pub fn maximum(&self) -> VolumeLimits {
        VolumeLimits {
            iops: Some(self.maximum_iops.into()),
            bytes: Some(u64::from(self.maximum_mbps) * MEGABIT),
        }
    }

    /// Those that hold over time.
    pub fn baseline(&self) -> VolumeLimits {
        VolumeLimits {
            iops: Some(self.baseline_iops.into()),
            bytes: Some(u64::from(self.baseline_mbps) * MEGABIT),
        }
    }

    /// How many bytes and operations beyond the baseline half an hour at the maximum takes.
    pub fn burst(&self) -> VolumeLimits {
        let half_an_hour = |maximum: Option<u64>, baseline: Option<u64>| {
            maximum.zip(baseline).map(|(maximum, baseline)| maximum.saturating_sub(baseline) * 1800)
        };
        let (maximum, baseline) = (self.maximum(), self.baseline());
        VolumeLimits {
            iops: half_an_hour(maximum.iops, baseline.iops),
            bytes: half_an_hour(maximum.bytes, baseline.bytes),
        }
    }
}

/// A megabit in bytes.
const MEGABIT: u64 = 125_000;
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

/// EC2's words for the network of the fifth and later generations.
fn network(family: &str, size: &str) -> &'static str {
    match (family.ends_with('5'), size) {
        (true, "8xlarge") => "10 Gigabit",
        (true, _) => "Up to 10 Gigabit",
        (false, "8xlarge") => "12.5 Gigabit",
        (false, _) => "Up to 12.5 Gigabit",
    }
}

/// EC2's figures of disks for the families that have them and their sizes, as DescribeInstanceTypes gives them.
fn disks(family: &str, size: &str) -> Option<DiskBandwidth> {
    let of = |baseline, maximum, least, most| Some(DiskBandwidth::new(baseline, maximum, least, most));
    let by = |figures: [u32; 4]| {
        let at = ["nano", "micro", "small", "medium"].iter().position(|name| *name == size)?;
        of(figures[at], 2085, [250, 500, 1000, 2000][at], 11_800)
    };
    // The operations of the fifth generation: large and 2xlarge at least, and up to 4xlarge at most.
    let fifth = |large, double, most| match size {
        "large" => of(650, 4750, large, most),
        "xlarge" => of(1150, 4750, 6000, most),
        "2xlarge" => of(2300, 4750, double, most),
        "4xlarge" => of(4750, 4750, most, most),
        _ => of(6800, 6800, 30_000, 30_000),
    };
    match family {
        // They share the network's bandwidth at EC2, and have no limit here.
        "t2" => None,
        "t3" | "t3a" if size.ends_with("large") => of(695, 2780, 4000, 15_700),
        "t3" => by([43, 87, 174, 347]),
        "t3a" => by([45, 90, 175, 350]),
        "c5" => fifth(4000, 10_000, 20_000),
        "m5" | "r5" => fifth(3600, 12_000, 18_750),
        _ => match size {
            "large" => of(650, 10_000, 3600, 40_000),
            "xlarge" => of(1250, 10_000, 6000, 40_000),
            "2xlarge" => of(2500, 10_000, 12_000, 40_000),
            "4xlarge" => of(5000, 10_000, 20_000, 40_000),
            _ => of(10_000, 10_000, 40_000, 40_000),
        },
    }
}

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
                disks: disks(family, size),
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
                disks: disks(family, size),
                current_generation: true,
                network_performance: network(family, size).into(),
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
        assert_eq!(find("m5.large"), Some(1_250_000_000));
        assert_eq!(find("m6i.8xlarge"), Some(1_562_500_000));
        assert!(all.iter().all(|kind| kind.network_bytes_per_second().is_some()));
        let own = InstanceType { network_performance: "as the host".into(), ..all[0].clone() };
        assert_eq!(own.network_bytes_per_second(), None);
    }

    #[test]
    fn disks_have_the_figures_of_types_optimized_for_ebs() {
        let all = standard();
        let find = |name: &str| all.iter().find(|t| t.name == name).unwrap().disks;
        let of = |baseline, maximum, least, most| Some(DiskBandwidth::new(baseline, maximum, least, most));
        assert_eq!(find("t2.micro"), None);
        assert_eq!(find("t3.nano"), of(43, 2085, 250, 11_800));
        assert_eq!(find("t3a.medium"), of(350, 2085, 2000, 11_800));
        assert_eq!(find("t3.2xlarge"), of(695, 2780, 4000, 15_700));
        assert_eq!(find("m5.2xlarge"), of(2300, 4750, 12_000, 18_750));
        assert_eq!(find("c5.2xlarge"), of(2300, 4750, 10_000, 20_000));
        assert_eq!(find("r5.8xlarge"), of(6800, 6800, 30_000, 30_000));
        assert_eq!(find("c7i.4xlarge"), of(5000, 10_000, 20_000, 40_000));
        let micro = find("t3.micro").unwrap();
        assert_eq!(micro.baseline().bytes, Some(10_875_000));
        assert_eq!(micro.burst().iops, Some(11_300 * 1800));
        for kind in all.iter().filter_map(|kind| kind.disks) {
            assert!(kind.baseline_mbps <= kind.maximum_mbps && kind.baseline_iops <= kind.maximum_iops);
        }
    }

    #[test]
    fn names_are_unique() {
        let all = standard();
        assert!(all.windows(2).all(|pair| pair[0].name < pair[1].name));
    }
}
