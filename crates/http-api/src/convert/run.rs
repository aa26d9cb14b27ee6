//! A launch from the wire.

use cumulet_api_types::instance::ShutdownBehavior as WireShutdown;
use cumulet_api_types::run as wire;
use cumulet_engine::api::instance::{Launched, RunInstances};
use cumulet_model::error::parse_id;
use cumulet_model::state::ShutdownBehavior;
use cumulet_model::volume::{BlockDeviceMapping, EbsBlockDevice};
use cumulet_model::{CloudError, ErrorCode, Gib, GroupId};

use super::instance::{credit_mode_from, instance_to, metadata_from};
use super::volume::type_from;
use super::{base64_from, optional_id};

pub(crate) fn run_from(request: wire::RunInstances) -> Result<RunInstances, CloudError> {
    let max_count = request.count.unwrap_or(1);
    let (group_ids, group_names) = groups_from(request.groups)?;
    let mut run = RunInstances::new(parse_id(&request.image_id)?);
    run.max_count = max_count;
    run.min_count = request.min_count.unwrap_or(max_count);
    run.instance_type = request.instance_type;
    run.kernel_id = optional_id(request.kernel_id.as_deref())?;
    run.ramdisk_id = optional_id(request.ramdisk_id.as_deref())?;
    run.key_name = request.key_name;
    run.subnet_id = optional_id(request.subnet_id.as_deref())?;
    run.zone = request.zone;
    run.group_ids = group_ids;
    run.group_names = group_names;
    run.private_ip = request
        .private_ip
        .map(|text| text.parse().map_err(|_| CloudError::invalid_value("private_ip is not an IPv4 address")))
        .transpose()?;
    run.associate_public_ip = request.public_ip;
    run.user_data = request
        .user_data_base64
        .map(|text| base64_from("user_data_base64", &text, ErrorCode::InvalidUserDataMalformed))
        .transpose()?;
    run.block_devices = request.block_devices.into_iter().map(device_from).collect::<Result<_, _>>()?;
    run.credit_mode = request.credit_mode.map(credit_mode_from);
    run.shutdown_behavior = match request.shutdown_behavior {
        Some(WireShutdown::Terminate) => ShutdownBehavior::Terminate,
        Some(WireShutdown::Stop) | None => ShutdownBehavior::Stop,
    };
    if let Some(options) = request.metadata_options {
        run.metadata_options = metadata_from(options);
    }
    run.hibernation = request.hibernation;
    run.instance_tags = request.tags;
    run.client_token = request.client_token;
    run.dry_run = request.dry_run;
    Ok(run)
}

/// Groups by id and groups by name; EC2 reserves the prefix `sg-` for ids.
fn groups_from(groups: Vec<String>) -> Result<(Vec<GroupId>, Vec<String>), CloudError> {
    let (ids, names): (Vec<_>, Vec<_>) = groups.into_iter().partition(|group| group.starts_with("sg-"));
    Ok((ids.iter().map(|id| parse_id(id)).collect::<Result<_, _>>()?, names))
}

fn device_from(device: wire::BlockDevice) -> Result<BlockDeviceMapping, CloudError> {
    let ebs = EbsBlockDevice {
        size: device.size_gib.map(Gib),
        delete_on_termination: device.delete_on_termination,
        kind: type_from(device.volume_type.as_deref())?,
        iops: device.iops,
        throughput: device.throughput_mib,
        snapshot_id: None,
    };
    Ok(BlockDeviceMapping { device_name: device.device_name, ebs: Some(ebs) })
}

pub(crate) fn launched_to(launched: Launched) -> wire::Launched {
    wire::Launched {
        reservation_id: launched.reservation.id.into(),
        instances: launched.reservation.instances.into_iter().map(instance_to).collect(),
        warnings: launched.warnings,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const IMAGE: &str = "ami-0123456789abcdef0";

    #[test]
    fn a_launch_that_says_little_is_one_instance_with_the_defaults() {
        let run = run_from(wire::RunInstances::new(IMAGE)).unwrap();
        assert_eq!(run, RunInstances::new(IMAGE.parse().unwrap()));
    }

    #[test]
    fn a_count_is_all_or_none_unless_it_says_less() {
        let mut request = wire::RunInstances::new(IMAGE);
        request.count = Some(3);
        let run = run_from(request.clone()).unwrap();
        assert_eq!((run.min_count, run.max_count), (3, 3));
        request.min_count = Some(1);
        assert_eq!(run_from(request).unwrap().min_count, 1);
    }

    #[test]
    fn groups_are_told_apart_by_the_prefix_that_ec2_reserves() {
        let mut request = wire::RunInstances::new(IMAGE);
        request.groups = vec!["web".into(), "sg-0123456789abcdef0".into(), "sgx".into()];
        let run = run_from(request.clone()).unwrap();
        assert_eq!(run.group_names, ["web", "sgx"]);
        assert_eq!(run.group_ids.len(), 1);
        request.groups = vec!["sg-nonsense".into()];
        assert_eq!(run_from(request).unwrap_err().code, ErrorCode::InvalidGroupIdMalformed);
    }

    #[test]
    fn what_is_no_base64_or_address_is_told_with_its_field() {
        let mut request = wire::RunInstances::new(IMAGE);
        request.user_data_base64 = Some("not base64!".into());
        let error = run_from(request).unwrap_err();
        assert_eq!(error.code, ErrorCode::InvalidUserDataMalformed);
        assert!(error.message.contains("user_data_base64"), "{error}");
        let mut request = wire::RunInstances::new(IMAGE);
        request.private_ip = Some("172.31.0".into());
        assert!(run_from(request).unwrap_err().message.contains("private_ip"));
    }
}
