//! Instances on the wire.

use cumulet_api_types::instance as wire;
use cumulet_engine::api::instance::{AttributeChange, Reachability};
use cumulet_engine::credits::Credits;
use cumulet_model::credits::CreditMode;
use cumulet_model::error::parse_id;
use cumulet_model::instance::{Instance, InstanceBlockDevice, MetadataOptions, StateChange};
use cumulet_model::state::{InstanceState, ShutdownBehavior};
use cumulet_model::{CloudError, ErrorCode};

use super::network::{group_to, interface_to};
use super::{base64_from, optional_id};

pub(crate) fn instance_to(instance: Instance) -> wire::Instance {
    let primary = instance.primary_interface();
    wire::Instance {
        private_ip: primary.map(|interface| interface.private_ip.to_string()),
        public_ip: primary.and_then(|interface| interface.public_ip).map(|ip| ip.to_string()),
        id: instance.id.into(),
        reservation_id: instance.reservation_id.into(),
        launch_index: instance.launch_index,
        state: state_to(instance.state),
        state_reason: instance
            .state_reason
            .map(|reason| wire::StateReason { code: reason.code, message: reason.message }),
        image_id: instance.image_id.into(),
        kernel_id: instance.kernel_id.map(Into::into),
        ramdisk_id: instance.ramdisk_id.map(Into::into),
        instance_type: instance.instance_type,
        key_name: instance.key_name,
        launch_time: instance.launch_time,
        terminated: instance.terminated,
        zone: instance.zone,
        vpc_id: instance.vpc_id.into(),
        subnet_id: instance.subnet_id.into(),
        interfaces: instance.interfaces.into_iter().map(interface_to).collect(),
        groups: instance.groups.into_iter().map(group_to).collect(),
        root_device_name: instance.root_device_name,
        forked_from: instance.forked_from.map(Into::into),
        block_devices: instance.block_devices.into_iter().map(device_to).collect(),
        metadata_options: metadata_to(instance.metadata_options),
        shutdown_behavior: match instance.shutdown_behavior {
            ShutdownBehavior::Stop => wire::ShutdownBehavior::Stop,
            ShutdownBehavior::Terminate => wire::ShutdownBehavior::Terminate,
        },
        disable_api_termination: instance.disable_api_termination,
        disable_api_stop: instance.disable_api_stop,
        hibernation: instance.hibernation,
        hibernated: instance.hibernated,
        tags: instance.tags,
    }
}

pub(crate) fn credit_mode_from(mode: wire::CreditMode) -> CreditMode {
    match mode {
        wire::CreditMode::Standard => CreditMode::Standard,
        wire::CreditMode::Unlimited => CreditMode::Unlimited,
    }
}

pub(crate) fn credits_to(credits: Credits) -> wire::CpuCredits {
    wire::CpuCredits {
        mode: match credits.mode {
            CreditMode::Standard => wire::CreditMode::Standard,
            CreditMode::Unlimited => wire::CreditMode::Unlimited,
        },
        balance: credits.balance.credits(),
        surplus: credits.balance.surplus_credits(),
        earned_per_hour: credits.terms.earned_per_hour(),
    }
}

pub(crate) fn state_to(state: InstanceState) -> wire::InstanceState {
    match state {
        InstanceState::Pending => wire::InstanceState::Pending,
        InstanceState::Running => wire::InstanceState::Running,
        InstanceState::ShuttingDown => wire::InstanceState::ShuttingDown,
        InstanceState::Terminated => wire::InstanceState::Terminated,
        InstanceState::Stopping => wire::InstanceState::Stopping,
        InstanceState::Stopped => wire::InstanceState::Stopped,
    }
}

pub(crate) fn change_to(change: StateChange) -> wire::StateChange {
    wire::StateChange {
        instance_id: change.instance_id.into(),
        previous_state: state_to(change.previous),
        current_state: state_to(change.current),
    }
}

pub(crate) fn reachability_to(reachability: Reachability) -> wire::Reachability {
    match reachability {
        Reachability::Passed => wire::Reachability::Passed,
        Reachability::Initializing => wire::Reachability::Initializing,
        Reachability::NotApplicable => wire::Reachability::NotApplicable,
    }
}

/// The changes that a request asks for, each by itself.
pub(crate) fn changes_from(request: wire::ModifyInstance) -> Result<Vec<AttributeChange>, CloudError> {
    let mut changes = Vec::new();
    changes.extend(request.instance_type.map(AttributeChange::InstanceType));
    if let Some(text) = request.user_data_base64 {
        let data = base64_from("user_data_base64", &text, ErrorCode::InvalidUserDataMalformed)?;
        changes.push(AttributeChange::UserData(data));
    }
    changes.extend(optional_id(request.kernel_id.as_deref())?.map(AttributeChange::Kernel));
    changes.extend(optional_id(request.ramdisk_id.as_deref())?.map(AttributeChange::Ramdisk));
    changes.extend(request.shutdown_behavior.map(|behavior| {
        AttributeChange::ShutdownBehavior(match behavior {
            wire::ShutdownBehavior::Stop => ShutdownBehavior::Stop,
            wire::ShutdownBehavior::Terminate => ShutdownBehavior::Terminate,
        })
    }));
    changes.extend(request.disable_api_termination.map(AttributeChange::DisableApiTermination));
    changes.extend(request.disable_api_stop.map(AttributeChange::DisableApiStop));
    changes.extend(request.source_dest_check.map(AttributeChange::SourceDestCheck));
    if let Some(groups) = request.group_ids {
        let groups = groups.iter().map(|id| parse_id(id)).collect::<Result<_, _>>()?;
        changes.push(AttributeChange::Groups(groups));
    }
    if !request.delete_on_termination.is_empty() {
        changes.push(AttributeChange::BlockDevices(request.delete_on_termination));
    }
    Ok(changes)
}

pub(crate) fn metadata_from(options: wire::MetadataOptions) -> MetadataOptions {
    MetadataOptions {
        tokens_required: options.tokens_required,
        endpoint_enabled: options.endpoint_enabled,
        hop_limit: options.hop_limit,
        tags_enabled: options.tags_enabled,
        ipv6_enabled: options.ipv6_enabled,
    }
}

fn metadata_to(options: MetadataOptions) -> wire::MetadataOptions {
    wire::MetadataOptions {
        tokens_required: options.tokens_required,
        endpoint_enabled: options.endpoint_enabled,
        hop_limit: options.hop_limit,
        tags_enabled: options.tags_enabled,
        ipv6_enabled: options.ipv6_enabled,
    }
}

fn device_to(device: InstanceBlockDevice) -> wire::InstanceBlockDevice {
    wire::InstanceBlockDevice {
        device_name: device.device_name,
        volume_id: device.volume_id.into(),
        attached: device.attached,
        delete_on_termination: device.delete_on_termination,
    }
}
