//! Volume types with EC2's bounds of size, operations and throughput (EBS guide, "Amazon EBS volume types").
//!
//! `standard` is the type of a file on the host's disk as it is: no promised figures, no limit. It is what a volume is
//! whose maker named no type. The other types are what EC2 calls so, and their figures are limits here.

use serde::{Deserialize, Serialize};

use crate::{CloudError, Gib};

/// A volume's type.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum VolumeType {
    /// As fast as the host.
    #[default]
    Standard,
    /// General purpose, figures by size.
    Gp2,
    /// General purpose, figures by choice.
    Gp3,
    /// Provisioned operations.
    Io1,
    /// Provisioned operations.
    Io2,
    /// Throughput optimised.
    St1,
    /// Cold.
    Sc1,
}

/// What a volume may do each second. None is no limit.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct VolumeLimits {
    /// Operations.
    pub iops: Option<u64>,
    /// Bytes.
    pub bytes: Option<u64>,
}

impl VolumeType {
    /// All of them with EC2's words.
    pub const ALL: &[(&str, Self)] = &[
        ("standard", Self::Standard),
        ("gp2", Self::Gp2),
        ("gp3", Self::Gp3),
        ("io1", Self::Io1),
        ("io2", Self::Io2),
        ("st1", Self::St1),
        ("sc1", Self::Sc1),
    ];

    /// EC2's word.
    pub fn as_str(self) -> &'static str {
        Self::ALL.iter().find(|(_, kind)| *kind == self).map_or("standard", |(word, _)| word)
    }

    /// The least and the greatest size in GiB. EC2 bounds `standard` at 1,024; a file on the host's disk has the bounds of
    /// the general types.
    fn sizes(self) -> (u64, u64) {
        match self {
            Self::Standard | Self::Gp2 | Self::Gp3 => (1, 16_384),
            Self::Io1 => (4, 16_384),
            Self::Io2 => (4, 65_536),
            Self::St1 | Self::Sc1 => (125, 16_384),
        }
    }

    /// The least and the greatest operations a second that can be asked for, and how many for each GiB at most.
    fn iops_bounds(self) -> Option<(u32, u32, u64)> {
        match self {
            Self::Gp3 => Some((3_000, 16_000, 500)),
            Self::Io1 => Some((100, 64_000, 50)),
            Self::Io2 => Some((100, 256_000, 1_000)),
            _ => None,
        }
    }
}

/// A type with its figures, as they were asked for or are by the type's rule.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct Performance {
    /// Type.
    pub kind: VolumeType,
    /// Operations a second.
    pub iops: Option<u32>,
    /// MiB a second; of gp3 alone.
    pub throughput: Option<u32>,
}

impl Performance {
    /// Checks what was asked for against the type's rules and fills in what the type gives by itself.
    pub fn new(
        kind: VolumeType,
        size: Gib,
        iops: Option<u32>,
        throughput: Option<u32>,
    ) -> Result<Self, CloudError> {
        let word = kind.as_str();
        let (least, most) = kind.sizes();
        if size.0 > most {
            let text =
                format!("Volume of {}GiB is too large for volume type {word}; maximum is {most}GiB", size.0);
            return Err(CloudError::invalid_value(text));
        }
        if size.0 < least {
            let text =
                format!("Volume of {}GiB is too small for volume type {word}; minimum is {least}GiB", size.0);
            return Err(CloudError::invalid_value(text));
        }
        let iops = match (kind.iops_bounds(), iops) {
            (None, Some(_)) => {
                return Err(CloudError::combination(format!(
                    "The parameter iops is not supported for {word} volumes"
                )));
            }
            (None, None) if kind == VolumeType::Gp2 => {
                Some(u32::try_from((size.0 * 3).clamp(100, 16_000)).unwrap_or(16_000))
            }
            (None, None) => None,
            (Some((least, ..)), None) if kind == VolumeType::Gp3 => Some(least),
            (Some(_), None) => {
                return Err(CloudError::missing("Iops"));
            }
            (Some(bounds), Some(iops)) => Some(check_iops(kind, size, iops, bounds)?),
        };
        let throughput = match (kind, throughput) {
            (VolumeType::Gp3, None) => Some(125),
            (VolumeType::Gp3, Some(wanted)) => Some(check_throughput(wanted, iops.unwrap_or_default())?),
            (_, Some(_)) => {
                return Err(CloudError::combination(format!(
                    "The parameter throughput is not supported for {word} volumes"
                )));
            }
            (_, None) => None,
        };
        Ok(Self { kind, iops, throughput })
    }

    /// What the volume may do each second. gp2's credits are not counted: a small one may always do what EC2 lets it do
    /// in bursts. st1 and sc1 have their burst throughput, by size.
    pub fn limits(&self, size: Gib) -> VolumeLimits {
        const MIB: u64 = 1 << 20;
        let by_size = |mib_per_tib: u64, most: u64| (size.0 * mib_per_tib / 1024).clamp(1, most) * MIB;
        match self.kind {
            VolumeType::Standard => VolumeLimits::default(),
            VolumeType::Gp2 => VolumeLimits {
                iops: Some(u64::from(self.iops.unwrap_or_default().max(3_000))),
                bytes: Some(if size.0 <= 170 { 128 * MIB } else { 250 * MIB }),
            },
            VolumeType::Gp3 => VolumeLimits {
                iops: self.iops.map(u64::from),
                bytes: self.throughput.map(|mib| u64::from(mib) * MIB),
            },
            VolumeType::Io1 => VolumeLimits { iops: self.iops.map(u64::from), bytes: Some(1_000 * MIB) },
            VolumeType::Io2 => VolumeLimits { iops: self.iops.map(u64::from), bytes: Some(4_000 * MIB) },
            VolumeType::St1 => VolumeLimits { iops: Some(500), bytes: Some(by_size(250, 500)) },
            VolumeType::Sc1 => VolumeLimits { iops: Some(250), bytes: Some(by_size(80, 250)) },
        }
    }
}

fn check_iops(
    kind: VolumeType,
    size: Gib,
    iops: u32,
    (least, most, for_each_gib): (u32, u32, u64),
) -> Result<u32, CloudError> {
    let word = kind.as_str();
    if iops > most {
        let text = format!("Volume iops of {iops} is too high; maximum is {most} for {word} volumes");
        return Err(CloudError::invalid_value(text));
    }
    if iops < least {
        let text = format!("Volume iops of {iops} is too low; minimum is {least} for {word} volumes");
        return Err(CloudError::invalid_value(text));
    }
    // A gp3 volume of any size has the least without asking for it.
    if iops > least && u64::from(iops) > size.0 * for_each_gib {
        let text = format!(
            "Iops to volume size ratio of {iops} to {} is too high; maximum is {for_each_gib}",
            size.0
        );
        return Err(CloudError::invalid_value(text));
    }
    Ok(iops)
}

fn check_throughput(wanted: u32, iops: u32) -> Result<u32, CloudError> {
    if !(125..=1000).contains(&wanted) {
        let text = format!("Throughput (MiB/s) of {wanted} is out of bounds; a gp3 volume has 125 to 1000");
        return Err(CloudError::invalid_value(text));
    }
    if wanted > iops / 4 {
        let text =
            format!("Throughput (MiB/s) to iops ratio of {wanted} to {iops} is too high; maximum is 0.25");
        return Err(CloudError::invalid_value(text));
    }
    Ok(wanted)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::ErrorCode;
    use proptest::prelude::*;

    fn code(kind: VolumeType, size: u64, iops: Option<u32>, throughput: Option<u32>) -> Option<ErrorCode> {
        Performance::new(kind, Gib(size), iops, throughput).err().map(|error| error.code)
    }

    #[test]
    fn figures_are_those_of_the_guide() {
        let gp3 = Performance::new(VolumeType::Gp3, Gib(8), None, None).unwrap();
        assert_eq!((gp3.iops, gp3.throughput), (Some(3000), Some(125)));
        assert_eq!(gp3.limits(Gib(8)), VolumeLimits { iops: Some(3000), bytes: Some(125 << 20) });
        let gp2 = Performance::new(VolumeType::Gp2, Gib(8), None, None).unwrap();
        assert_eq!((gp2.iops, gp2.throughput), (Some(100), None));
        let big = Performance::new(VolumeType::Gp2, Gib(10_000), None, None).unwrap();
        assert_eq!(big.iops, Some(16_000));
        assert_eq!(Performance::default().limits(Gib(1)), VolumeLimits::default());
    }

    #[test]
    fn what_breaks_a_types_rule_is_refused() {
        use VolumeType::*;
        let value = Some(ErrorCode::InvalidParameterValue);
        let combination = Some(ErrorCode::InvalidParameterCombination);
        assert_eq!(code(Gp3, 8, Some(4001), None), value);
        assert_eq!(code(Gp3, 8, Some(4000), Some(1000)), None);
        assert_eq!(code(Gp3, 8, Some(3000), Some(751)), value);
        assert_eq!(code(Gp3, 1, Some(3000), None), None, "the least is had at any size");
        assert_eq!(code(Gp2, 8, Some(3000), None), combination);
        assert_eq!(code(Standard, 8, None, Some(125)), combination);
        assert_eq!(code(Io1, 8, None, None), Some(ErrorCode::MissingParameter));
        assert_eq!(code(Io1, 3, Some(100), None), value);
        assert_eq!(code(St1, 124, None, None), value);
        assert_eq!(code(Gp3, 16_385, None, None), value);
    }

    proptest! {
        #[test]
        fn every_volume_that_is_allowed_has_a_limit_above_zero(
            kind in prop::sample::select(VolumeType::ALL.iter().map(|(_, kind)| *kind).collect::<Vec<_>>()),
            size in 1u64..70_000, iops in prop::option::of(any::<u32>()), throughput in prop::option::of(any::<u32>()),
        ) {
            if let Ok(figures) = Performance::new(kind, Gib(size), iops, throughput) {
                let limits = figures.limits(Gib(size));
                prop_assert!(limits.iops.is_none_or(|n| n > 0) && limits.bytes.is_none_or(|n| n > 0));
            }
        }
    }
}
