//! An instance type as DescribeInstanceTypes shows it.

use cumulet_model::catalogue::{DiskBandwidth, InstanceType};
use cumulet_model::{CloudError, ErrorCode};

use super::ARCHITECTURE;
use crate::describe::{Ids, Kind};
use crate::filter::{FilterTable, one, opt};
use crate::paging::Bounds;
use crate::xml::Xml;

/// How types are described.
pub const KIND: Kind<InstanceType> = Kind {
    ids: Some(Ids {
        parameter: "InstanceType",
        of: |kind| kind.name.clone(),
        check: type_form,
        not_found: ErrorCode::InvalidInstanceType,
        noun: "instance type",
    }),
    filters: &FILTERS,
    page: Some((Bounds { min: 5, max: 100 }, |kind| kind.name.clone())),
};

const FILTERS: FilterTable<InstanceType> = FilterTable {
    names: &[
        ("auto-recovery-supported", |_, _| one(false)),
        ("bare-metal", |_, _| one(false)),
        ("burstable-performance-supported", |t, _| one(t.credits.is_some())),
        ("current-generation", |t, _| one(t.current_generation)),
        ("dedicated-hosts-supported", |_, _| one(false)),
        ("ebs-info.ebs-optimized-info.baseline-bandwidth-in-mbps", |t, _| {
            opt(t.disks.map(|d| d.baseline_mbps))
        }),
        ("ebs-info.ebs-optimized-info.baseline-iops", |t, _| opt(t.disks.map(|d| d.baseline_iops))),
        ("ebs-info.ebs-optimized-info.baseline-throughput-in-mbps", |t, _| {
            opt(t.disks.map(|d| megabytes(d.baseline_mbps)))
        }),
        ("ebs-info.ebs-optimized-info.maximum-bandwidth-in-mbps", |t, _| {
            opt(t.disks.map(|d| d.maximum_mbps))
        }),
        ("ebs-info.ebs-optimized-info.maximum-iops", |t, _| opt(t.disks.map(|d| d.maximum_iops))),
        ("ebs-info.ebs-optimized-info.maximum-throughput-in-mbps", |t, _| {
            opt(t.disks.map(|d| megabytes(d.maximum_mbps)))
        }),
        ("ebs-info.ebs-optimized-support", |t, _| one(optimized(t))),
        ("ebs-info.encryption-support", |_, _| one("unsupported")),
        ("ebs-info.nvme-support", |_, _| one("unsupported")),
        ("free-tier-eligible", |_, _| one(false)),
        ("hibernation-supported", |_, _| one(true)),
        ("hypervisor", |_, _| one("nitro")),
        ("instance-storage-supported", |_, _| one(false)),
        ("instance-type", |t, _| one(&t.name)),
        ("memory-info.size-in-mib", |t, _| one(t.memory.0)),
        ("network-info.efa-supported", |_, _| one(false)),
        ("network-info.ena-support", |_, _| one("unsupported")),
        ("network-info.encryption-in-transit-supported", |_, _| one(false)),
        ("network-info.ipv4-addresses-per-interface", |t, _| one(t.addresses_per_interface)),
        ("network-info.ipv6-addresses-per-interface", |_, _| one(0)),
        ("network-info.ipv6-supported", |_, _| one(false)),
        ("network-info.maximum-network-cards", |_, _| one(1)),
        ("network-info.maximum-network-interfaces", |t, _| one(t.max_interfaces)),
        ("network-info.network-performance", |t, _| one(&t.network_performance)),
        ("nitro-enclaves-support", |_, _| one("unsupported")),
        ("nitro-tpm-support", |_, _| one("unsupported")),
        ("processor-info.supported-architecture", |_, _| one(ARCHITECTURE)),
        ("supported-boot-mode", |_, _| one("legacy-bios")),
        ("supported-root-device-type", |_, _| one("ebs")),
        ("supported-usage-class", |_, _| one("on-demand")),
        ("supported-virtualization-type", |_, _| one("hvm")),
        ("vcpu-info.default-cores", |t, _| one(t.vcpus)),
        ("vcpu-info.default-threads-per-core", |_, _| one(1)),
        ("vcpu-info.default-vcpus", |t, _| one(t.vcpus)),
        ("vcpu-info.valid-cores", |t, _| one(t.vcpus)),
        ("vcpu-info.valid-threads-per-core", |_, _| one(1)),
    ],
    absent: &[
        "ebs-info.attachment-limit-type",
        "ebs-info.maximum-ebs-attachments",
        "instance-storage-info.disk.count",
        "instance-storage-info.disk.size-in-gb",
        "instance-storage-info.disk.type",
        "instance-storage-info.encryption-support",
        "instance-storage-info.nvme-support",
        "instance-storage-info.total-size-in-gb",
        "network-info.bandwidth-weightings",
        "network-info.efa-info.maximum-efa-interfaces",
        "network-info.flexible-ena-queues-support",
        "nitro-tpm-info.supported-versions",
        "processor-info.supported-features",
        "processor-info.sustained-clock-speed-in-ghz",
        "reboot-migration-support",
    ],
    tags: None,
};

/// A type's name is `family.size`.
fn type_form(text: &str) -> Result<(), CloudError> {
    let plain = |part: &str| !part.is_empty() && part.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'-');
    match text.split_once('.') {
        Some((family, size)) if plain(family) && plain(size) => Ok(()),
        _ => {
            let text =
                format!("The instance type '{}' is not of the form family.size", crate::query::shorten(text));
            Err(CloudError::new(ErrorCode::InvalidInstanceType, text))
        }
    }
}

/// A type's fields.
pub fn xml(kind: &InstanceType) -> Xml {
    let processor = Xml::new().texts("supportedArchitectures", [ARCHITECTURE]);
    let vcpus = Xml::new()
        .text("defaultVCpus", kind.vcpus)
        .text("defaultCores", kind.vcpus)
        .text("defaultThreadsPerCore", 1)
        .texts("validCores", [kind.vcpus])
        .texts("validThreadsPerCore", [1]);
    let mut ebs =
        Xml::new().text("ebsOptimizedSupport", optimized(kind)).text("encryptionSupport", "unsupported");
    if let Some(disks) = &kind.disks {
        ebs = ebs.node("ebsOptimizedInfo", disks_xml(disks));
    }
    let ebs = ebs.text("nvmeSupport", "unsupported");
    Xml::new()
        .text("instanceType", &kind.name)
        .text("currentGeneration", kind.current_generation)
        .text("freeTierEligible", false)
        .texts("supportedUsageClasses", ["on-demand"])
        .texts("supportedRootDeviceTypes", ["ebs"])
        .texts("supportedVirtualizationTypes", ["hvm"])
        .text("bareMetal", false)
        .text("hypervisor", "nitro")
        .node("processorInfo", processor)
        .node("vCpuInfo", vcpus)
        .node("memoryInfo", Xml::new().text("sizeInMiB", kind.memory.0))
        .text("instanceStorageSupported", false)
        .node("ebsInfo", ebs)
        .node("networkInfo", network(kind))
        .text("hibernationSupported", true)
        .text("burstablePerformanceSupported", kind.credits.is_some())
        .text("dedicatedHostsSupported", false)
        .text("autoRecoverySupported", false)
        .texts("supportedBootModes", ["legacy-bios"])
        .text("nitroEnclavesSupport", "unsupported")
        .text("nitroTpmSupport", "unsupported")
}

/// Whether the type limits what its disks do together: always, or not at all.
fn optimized(kind: &InstanceType) -> &'static str {
    if kind.disks.is_some() { "default" } else { "unsupported" }
}

/// Megabytes in megabits, which come in eighths.
fn megabytes(megabits: u32) -> f64 {
    f64::from(megabits) / 8.0
}

fn disks_xml(disks: &DiskBandwidth) -> Xml {
    Xml::new()
        .text("baselineBandwidthInMbps", disks.baseline_mbps)
        .text("baselineThroughputInMBps", megabytes(disks.baseline_mbps))
        .text("baselineIops", disks.baseline_iops)
        .text("maximumBandwidthInMbps", disks.maximum_mbps)
        .text("maximumThroughputInMBps", megabytes(disks.maximum_mbps))
        .text("maximumIops", disks.maximum_iops)
}

fn network(kind: &InstanceType) -> Xml {
    let card = Xml::new()
        .text("networkCardIndex", 0)
        .text("networkPerformance", &kind.network_performance)
        .text("maximumNetworkInterfaces", kind.max_interfaces);
    Xml::new()
        .text("networkPerformance", &kind.network_performance)
        .text("maximumNetworkInterfaces", kind.max_interfaces)
        .text("maximumNetworkCards", 1)
        .text("defaultNetworkCardIndex", 0)
        .list("networkCards", [card])
        .text("ipv4AddressesPerInterface", kind.addresses_per_interface)
        .text("ipv6AddressesPerInterface", 0)
        .text("ipv6Supported", false)
        .text("enaSupport", "unsupported")
        .text("efaSupported", false)
        .text("encryptionInTransitSupported", false)
}
