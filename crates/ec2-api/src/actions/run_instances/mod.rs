//! RunInstances: launches instances.
//!
//! What EC2 knows and this cloud does not have is refused by name; what only asks for a figure that is the same for all
//! here is taken with a warning.

mod extras;
mod network;

use cumulet_engine::api::instance::RunInstances;
use cumulet_model::instance::MetadataOptions;
use cumulet_model::state::ShutdownBehavior;
use cumulet_model::{CloudError, ErrorCode};

use super::shared::encoding::user_data;
use super::shared::{block_devices, credits, metadata_options};
use crate::call::{Answer, Call};
use crate::query::Params;
use crate::resources::instance::reservation_xml;
use crate::tags::tag_specifications;

/// Handles the call.
pub async fn handle(call: &Call) -> Answer {
    let request = read(call)?;
    let launched = call.cloud.run_instances(request).await?;
    for warning in launched.warnings {
        tracing::warn!(reservation = %launched.reservation.id, warning, "user data that can't work was launched");
        call.warn(warning);
    }
    let reservation = &launched.reservation;
    Ok(reservation_xml(&reservation.id, &reservation.owner_id, &reservation.instances, &call.facts()))
}

fn read(call: &Call) -> Result<RunInstances, CloudError> {
    let params = call.params();
    extras::check(call)?;
    let (min_count, max_count) = counts(&params)?;
    let network = network::read(&params)?;
    let mut tags = tag_specifications(&params, &["instance", "volume", "network-interface"])?;
    let behaviors = [("stop", ShutdownBehavior::Stop), ("terminate", ShutdownBehavior::Terminate)];
    Ok(RunInstances {
        image_id: params.required_id("ImageId")?,
        min_count,
        max_count,
        instance_type: owned(params.text("InstanceType")),
        kernel_id: params.id("KernelId")?,
        ramdisk_id: params.id("RamdiskId")?,
        key_name: owned(params.text("KeyName")),
        subnet_id: network.subnet_id,
        zone: zone(call)?,
        group_ids: network.group_ids,
        group_names: network.group_names,
        private_ip: network.private_ip,
        associate_public_ip: network.associate_public_ip,
        interface_description: network.description,
        user_data: params.text("UserData").map(user_data).transpose()?,
        block_devices: block_devices::read(call)?,
        metadata_options: metadata_options::read(&params.structure("MetadataOptions"), MetadataOptions::default())?,
        shutdown_behavior: params.word("InstanceInitiatedShutdownBehavior", &behaviors)?.unwrap_or_default(),
        disable_api_termination: params.flag("DisableApiTermination")?.unwrap_or(false),
        hibernation: params.structure("HibernationOptions").flag("Configured")?.unwrap_or(false),
        disable_api_stop: params.flag("DisableApiStop")?.unwrap_or(false),
        credit_mode: credits::mode(&params.structure("CreditSpecification"))?,
        monitoring: params.structure("Monitoring").flag("Enabled")?.unwrap_or(false),
        instance_tags: tags.remove("instance").unwrap_or_default(),
        volume_tags: tags.remove("volume").unwrap_or_default(),
        interface_tags: tags.remove("network-interface").unwrap_or_default(),
        client_token: owned(params.text("ClientToken")),
        dry_run: params.flag("DryRun")?.unwrap_or(false),
    })
}

fn owned(text: Option<&str>) -> Option<String> {
    text.map(str::to_owned)
}

fn counts(params: &Params<'_>) -> Result<(u32, u32), CloudError> {
    let count = |name: &str| {
        let value = params.number::<u32>(name)?.ok_or_else(|| CloudError::missing(name))?;
        if value == 0 { Err(params.invalid(name, "0", "expected at least 1")) } else { Ok(value) }
    };
    let (min, max) = (count("MinCount")?, count("MaxCount")?);
    if min > max {
        return Err(params.invalid("MinCount", &min.to_string(), "it is above MaxCount"));
    }
    Ok((min, max))
}

/// The zone that `Placement` names, by name or by id.
fn zone(call: &Call) -> Result<Option<String>, CloudError> {
    let placement = call.params().structure("Placement");
    let region = call.cloud.region();
    if let Some(name) = placement.text("AvailabilityZone") {
        return Ok(Some(name.to_owned()));
    }
    let Some(id) = placement.text("AvailabilityZoneId") else { return Ok(None) };
    let zone = region.zones.iter().find(|zone| zone.id == id).ok_or_else(|| {
        let text = format!("Invalid availability zone id: [{}]", crate::query::shorten(id));
        CloudError::new(ErrorCode::InvalidZone, text)
    })?;
    Ok(Some(zone.name.clone()))
}
