//! The volumes of a launch: the image's root volume and what the block device mapping changes or adds.

use std::collections::HashSet;

use cumulet_model::image::Image;
use cumulet_model::snapshot::{Snapshot, SnapshotState};
use cumulet_model::volume::VolumeSource;
use cumulet_model::volume_type::Performance;
use cumulet_model::{CloudError, ErrorCode, Gib, SnapshotId};

use crate::api::instance::RunInstances;
use crate::cloud::Result;
use crate::volumes::MAX_ATTACHED;

/// EC2's limit of a general purpose volume.
const MAX_VOLUME: Gib = Gib(16384);

/// A volume that each instance of a launch gets.
pub(super) struct PlannedVolume {
    pub device: String,
    pub size: Gib,
    pub performance: Performance,
    pub source: VolumeSource,
    pub delete_on_termination: bool,
}

/// The volumes of each instance: the root volume, grown if the mapping says so, and those that the mapping adds.
pub(super) fn planned_volumes(
    request: &RunInstances,
    image: &Image,
    snapshots: &[Snapshot],
) -> Result<Vec<PlannedVolume>> {
    let image_size = image.size.ceil_gib();
    let mut root = PlannedVolume {
        device: image.root_device_name.clone(),
        size: image_size,
        performance: Performance::default(),
        source: VolumeSource::Image(image.id.clone()),
        delete_on_termination: true,
    };
    let mut more = Vec::new();
    let mut seen = HashSet::new();
    for mapping in &request.block_devices {
        let device = &mapping.device_name;
        check_device_name(device)?;
        if !seen.insert(device.clone()) {
            return Err(bad_mapping(format!("device {device} is mapped twice")));
        }
        let is_root = *device == image.root_device_name;
        let Some(ebs) = &mapping.ebs else {
            if is_root {
                return Err(bad_mapping(format!("the root device {device} can't be left out by NoDevice")));
            }
            continue;
        };
        let snapshot = ebs.snapshot_id.as_ref().map(|id| usable(snapshots, id)).transpose()?;
        if is_root && snapshot.is_some() {
            return Err(bad_mapping(format!(
                "the root device {device} is made from the image, not from a snapshot"
            )));
        }
        let least = snapshot.map_or(if is_root { image_size } else { Gib(0) }, |snapshot| snapshot.size);
        let size = ebs.size.unwrap_or(least);
        if size == Gib(0) || size > MAX_VOLUME {
            return Err(bad_mapping(format!("the size of {device} must be 1 to {} GiB", MAX_VOLUME.0)));
        }
        if size < least {
            return Err(bad_mapping(format!(
                "Volume of size {}GB is smaller than snapshot, expect size >= {}GB",
                size.0, least.0
            )));
        }
        let performance = Performance::new(ebs.kind.unwrap_or_default(), size, ebs.iops, ebs.throughput)?;
        let delete_on_termination = ebs.delete_on_termination.unwrap_or(true);
        if is_root {
            root = PlannedVolume { size, performance, delete_on_termination, ..root };
        } else {
            more.push(PlannedVolume {
                device: device.clone(),
                size,
                performance,
                source: snapshot
                    .map_or(VolumeSource::Blank, |snapshot| VolumeSource::Snapshot(snapshot.id.clone())),
                delete_on_termination,
            });
        }
    }
    more.insert(0, root);
    if more.len() > MAX_ATTACHED {
        return Err(bad_mapping(format!(
            "an instance can have at most {MAX_ATTACHED} volumes, not {}",
            more.len()
        )));
    }
    Ok(more)
}

/// A snapshot that is there and complete.
fn usable<'a>(snapshots: &'a [Snapshot], id: &SnapshotId) -> Result<&'a Snapshot> {
    let found = snapshots.iter().find(|snapshot| snapshot.id == *id);
    found.filter(|snapshot| snapshot.state == SnapshotState::Completed).ok_or_else(|| {
        CloudError::new(ErrorCode::InvalidSnapshotNotFound, format!("The snapshot '{id}' does not exist."))
    })
}

fn bad_mapping(text: String) -> CloudError {
    CloudError::new(ErrorCode::InvalidBlockDeviceMapping, text)
}

fn check_device_name(name: &str) -> Result<()> {
    if is_device_name(name) {
        return Ok(());
    }
    let name: String = name.chars().take(64).collect();
    Err(bad_mapping(format!("Invalid device name {name}: expected /dev/sd[a-z] or /dev/xvd[a-z]")))
}

/// `/dev/sd[a-z][1-15]` or `/dev/xvd[a-z][a-z]` (EC2 guide, "Device names on Linux").
pub(crate) fn is_device_name(name: &str) -> bool {
    let letters = |text: &str, most: usize| {
        (1..=most).contains(&text.len()) && text.bytes().all(|byte| byte.is_ascii_lowercase())
    };
    let sd = |text: &str| {
        let (letter, number) = text.split_at(text.len().min(1));
        letters(letter, 1) && (number.is_empty() || number.parse::<u8>().is_ok_and(|n| (1..=15).contains(&n)))
    };
    let bare = name.strip_prefix("/dev/").unwrap_or(name);
    bare.is_ascii()
        && (bare.strip_prefix("sd").is_some_and(sd)
            || bare.strip_prefix("xvd").is_some_and(|text| letters(text, 2)))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn device_names_are_those_of_the_guide() {
        for name in ["/dev/sda1", "/dev/sdf", "/dev/xvda", "/dev/xvdba", "xvdb", "sdz15"] {
            assert!(check_device_name(name).is_ok(), "{name}");
        }
        for name in ["", "/dev/", "/dev/vda", "/dev/sd", "/dev/sda16", "/dev/xvdabc", "/dev/../x", "/dev/sdä"]
        {
            assert!(check_device_name(name).is_err(), "{name}");
        }
    }
}
