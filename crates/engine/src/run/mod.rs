//! RunInstances: every parameter checked against the rows and the host, then all rows of the launch in one
//! transaction; the drivers do the rest.

mod place;
mod rows;
mod volumes;

use cumulet_model::image::{Image, ImageKind};
use cumulet_model::instance::Reservation;
use cumulet_model::network::GroupRef;
use cumulet_model::tag::check_tags;
use cumulet_model::{CloudError, ErrorCode, ImageId, ReservationId};
use cumulet_store::SubnetRecord;
use tracing::info;

pub(crate) use place::{check_group_count, chosen_groups};
#[cfg(test)]
pub(crate) use rows::sample_record;
pub(crate) use volumes::is_device_name;
use volumes::{PlannedVolume, planned_volumes};

use crate::api::instance::{Launched, RunInstances};
use crate::cloud::{Cloud, Result, internal};
use crate::idempotent::{digest, mismatch};

/// EC2's limit of user data before its base64.
pub(crate) const MAX_USER_DATA: usize = 16 * 1024;
/// The most instances of one call; more are `InstanceLimitExceeded`.
const MAX_COUNT: u32 = 1000;
const DEFAULT_TYPE: &str = "t3.micro";

/// A launch whose parameters have been checked.
struct Checked {
    image: Image,
    kernel_id: ImageId,
    ramdisk_id: Option<ImageId>,
    instance_type: String,
    count: u32,
    public_key: Option<String>,
    subnet: SubnetRecord,
    groups: Vec<GroupRef>,
    public_ip: bool,
    volumes: Vec<PlannedVolume>,
}

impl Cloud {
    /// RunInstances. The same client token with the same parameters gives the same reservation.
    pub async fn run_instances(&self, request: RunInstances) -> Result<Launched> {
        let _allocation = self.inner.allocation.lock().await;
        let token = request.client_token.clone().map(|token| (token, digest(&request)));
        if let Some((token, digest)) = &token
            && !request.dry_run
            && let Some(launched) = self.same_launch(token, digest).await?
        {
            return Ok(launched);
        }
        let warnings = user_data_warnings(&request)?;
        let checked = self.check_launch(&request).await?;
        if request.dry_run {
            let text = "Request would have succeeded, but DryRun flag is set.";
            return Err(CloudError::new(ErrorCode::DryRunOperation, text));
        }
        let mut launch = self.launch_rows(&request, &checked).await?;
        launch.token = token;
        launch.credits = self.launch_credits(&checked.instance_type, request.credit_mode)?;
        self.inner.store.add_launch(&launch).await.map_err(internal)?;
        info!(reservation = %launch.reservation_id, count = launch.instances.len(), image = %request.image_id, "launching");
        for record in &launch.instances {
            self.poke(&record.id);
        }
        Ok(Launched { reservation: self.reservation(&launch.reservation_id).await?, warnings })
    }

    async fn same_launch(&self, token: &str, digest: &str) -> Result<Option<Launched>> {
        let Some((known, reservation_id)) = self.inner.store.client_token(token).await.map_err(internal)?
        else {
            return Ok(None);
        };
        if known != *digest {
            return Err(mismatch());
        }
        Ok(Some(Launched { reservation: self.reservation(&reservation_id).await?, warnings: Vec::new() }))
    }

    pub(crate) async fn reservation(&self, id: &ReservationId) -> Result<Reservation> {
        let mut instances = self.instances().await?;
        instances.retain(|instance| instance.reservation_id == *id);
        Ok(Reservation { id: id.clone(), owner_id: self.account_id().to_owned(), instances })
    }

    async fn check_launch(&self, request: &RunInstances) -> Result<Checked> {
        let count = request.max_count;
        if request.min_count == 0 || request.min_count > count {
            return Err(CloudError::invalid_value(format!(
                "MinCount must be at least 1 and at most MaxCount; they are {} and {count}",
                request.min_count
            )));
        }
        if count > MAX_COUNT {
            let text = format!("a launch can have at most {MAX_COUNT} instances, not {count}");
            return Err(CloudError::new(ErrorCode::InstanceLimitExceeded, text));
        }
        for tags in [&request.instance_tags, &request.volume_tags, &request.interface_tags] {
            check_tags(tags)?;
        }
        check_hop_limit(request.metadata_options.hop_limit)?;
        let image = self.usable_image(&request.image_id, ImageKind::Machine).await?;
        let (kernel_id, ramdisk_id) = self.boot_images(request, &image).await?;
        let instance_type = request.instance_type.clone().unwrap_or_else(|| DEFAULT_TYPE.into());
        self.launch_credits(&instance_type, request.credit_mode)?;
        let public_key = self.public_key_line(request.key_name.as_deref()).await?;
        let subnet = self.launch_subnet(request).await?;
        let groups = self.launch_groups(request, &subnet).await?;
        let volumes = planned_volumes(request, &image, &self.snapshots().await?)?;
        let count = self.affordable(&instance_type, request.min_count, count).await?;
        let public_ip = request.associate_public_ip.unwrap_or(subnet.subnet.map_public_ip_on_launch);
        Ok(Checked {
            image,
            kernel_id,
            ramdisk_id,
            instance_type,
            count,
            public_key,
            subnet,
            groups,
            public_ip,
            volumes,
        })
    }
}

/// The hop limit's bounds (EC2 API reference, `InstanceMetadataOptionsRequest`).
pub(crate) fn check_hop_limit(hop_limit: u8) -> Result<()> {
    if (1..=64).contains(&hop_limit) {
        Ok(())
    } else {
        Err(CloudError::invalid_value(format!("HttpPutResponseHopLimit must be 1 to 64, not {hop_limit}")))
    }
}

/// Refuses user data beyond EC2's limit; tells what in the rest can't work.
fn user_data_warnings(request: &RunInstances) -> Result<Vec<String>> {
    let Some(data) = &request.user_data else { return Ok(Vec::new()) };
    check_user_data(data)?;
    Ok(cumulet_cloud_init_config::validate(data).iter().map(ToString::to_string).collect())
}

/// Refuses user data beyond EC2's limit.
pub(crate) fn check_user_data(data: &[u8]) -> Result<()> {
    if data.len() <= MAX_USER_DATA {
        return Ok(());
    }
    let text = format!("User data is limited to {MAX_USER_DATA} bytes; it has {}", data.len());
    Err(CloudError::invalid_value(text))
}
