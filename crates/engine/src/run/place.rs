//! What a launch names, looked up: images, key pair, subnet, security groups.

use cumulet_model::image::{Image, ImageKind, ImageState};
use cumulet_model::network::GroupRef;
use cumulet_model::security::SecurityGroup;
use cumulet_model::{CloudError, ErrorCode, GroupId, ImageId, VpcId};
use cumulet_store::SubnetRecord;

use crate::api::instance::RunInstances;
use crate::cloud::{Cloud, Result, internal};

/// EC2's limit of groups on an interface.
const MAX_GROUPS: usize = 5;

impl Cloud {
    /// An image that is there, available, and of the wanted kind.
    pub(crate) async fn usable_image(&self, id: &ImageId, kind: ImageKind) -> Result<Image> {
        let not_found = || {
            CloudError::new(ErrorCode::InvalidAmiIdNotFound, format!("The image id '[{id}]' does not exist"))
        };
        let image = self.images().await?.into_iter().find(|image| image.id == *id).ok_or_else(not_found)?;
        if image.kind() != kind {
            return Err(CloudError::invalid_value(format!(
                "The image '{id}' is not a {} image",
                kind.as_str()
            )));
        }
        if image.state != ImageState::Available {
            return Err(CloudError::new(
                ErrorCode::InvalidAmiIdUnavailable,
                format!("The image ID '{id}' is {} and cannot be used", image.state.as_str()),
            ));
        }
        Ok(image)
    }

    pub(super) async fn boot_images(
        &self,
        request: &RunInstances,
        image: &Image,
    ) -> Result<(ImageId, Option<ImageId>)> {
        let Some(kernel_id) = request.kernel_id.clone().or_else(|| image.kernel_id.clone()) else {
            return Err(CloudError::combination(format!(
                "The image '{}' names no kernel; the launch must give KernelId",
                image.id
            )));
        };
        self.usable_image(&kernel_id, ImageKind::Kernel).await?;
        // A ramdisk belongs to the kernel that it was made with, so another kernel does not get the image's.
        let ramdisk_id = match (&request.ramdisk_id, &request.kernel_id) {
            (Some(id), _) => Some(id.clone()),
            (None, None) => image.ramdisk_id.clone(),
            (None, Some(kernel)) => {
                image.ramdisk_id.clone().filter(|_| image.kernel_id.as_ref() == Some(kernel))
            }
        };
        if let Some(id) = &ramdisk_id {
            self.usable_image(id, ImageKind::Ramdisk).await?;
        }
        Ok((kernel_id, ramdisk_id))
    }

    pub(super) async fn public_key_line(&self, name: Option<&str>) -> Result<Option<String>> {
        let Some(name) = name else { return Ok(None) };
        let key = self.key_pairs().await?.into_iter().find(|key| key.name == name).ok_or_else(|| {
            CloudError::new(
                ErrorCode::InvalidKeyPairNotFound,
                format!("The key pair '{name}' does not exist"),
            )
        })?;
        Ok(Some(key.public_key))
    }

    pub(super) async fn launch_subnet(&self, request: &RunInstances) -> Result<SubnetRecord> {
        let subnets = self.inner.store.subnets().await.map_err(internal)?;
        if let Some(zone) = &request.zone
            && self.region().zone(zone).is_none()
        {
            return Err(CloudError::invalid_value(format!("Invalid availability zone: [{zone}]")));
        }
        let Some(id) = &request.subnet_id else {
            if !self.vpcs().await?.iter().any(|vpc| vpc.is_default) {
                let text = "No default VPC for this user. Please specify a subnet.";
                return Err(CloudError::new(ErrorCode::VpcIdNotSpecified, text));
            }
            let mut default = subnets.into_iter().filter(|record| record.subnet.default_for_zone);
            return default
                .find(|record| request.zone.as_ref().is_none_or(|zone| record.subnet.zone == *zone))
                .ok_or_else(|| {
                    let zone = request.zone.as_deref().unwrap_or("the region");
                    let text = format!("No default subnet for availability zone: '{zone}'.");
                    CloudError::new(ErrorCode::MissingInput, text)
                });
        };
        let record = subnets
            .into_iter()
            .find(|record| record.subnet.id == *id)
            .ok_or_else(|| CloudError::not_found(ErrorCode::InvalidSubnetIdNotFound, "subnet ID", id))?;
        if request.zone.as_ref().is_some_and(|zone| record.subnet.zone != *zone) {
            return Err(CloudError::invalid_value(format!(
                "The subnet '{id}' is in zone {}, not in the zone that Placement.AvailabilityZone names",
                record.subnet.zone
            )));
        }
        Ok(record)
    }

    pub(super) async fn launch_groups(
        &self,
        request: &RunInstances,
        subnet: &SubnetRecord,
    ) -> Result<Vec<GroupRef>> {
        let known = self.security_groups().await?;
        chosen_groups(&known, &subnet.subnet.vpc_id, &request.group_ids, &request.group_names)
    }
}

/// The groups of a VPC that a request names by id or by name, each once; its default group when it names none.
pub(crate) fn chosen_groups(
    known: &[SecurityGroup],
    vpc: &VpcId,
    ids: &[GroupId],
    names: &[String],
) -> Result<Vec<GroupRef>> {
    let groups: Vec<_> = known.iter().filter(|group| group.vpc_id == *vpc).collect();
    let reference = |group: &SecurityGroup| GroupRef { id: group.id.clone(), name: group.name.clone() };
    if ids.is_empty() && names.is_empty() {
        let default = groups.iter().find(|group| group.name == SecurityGroup::DEFAULT_NAME);
        return Ok(default.map(|group| reference(group)).into_iter().collect());
    }
    let not_found = |what: &str| {
        let text = format!("The security group '{what}' does not exist in VPC '{vpc}'");
        CloudError::new(ErrorCode::InvalidGroupNotFound, text)
    };
    let by_id = ids
        .iter()
        .map(|id| groups.iter().find(|group| group.id == *id).ok_or_else(|| not_found(id.as_str())));
    let by_name = names
        .iter()
        .map(|name| groups.iter().find(|group| group.name == *name).ok_or_else(|| not_found(name)));
    let mut chosen: Vec<GroupRef> = Vec::new();
    for group in by_id.chain(by_name) {
        let group = reference(group?);
        if !chosen.contains(&group) {
            chosen.push(group);
        }
    }
    check_group_count(chosen.len())?;
    Ok(chosen)
}

/// EC2's limit of groups on an interface.
pub(crate) fn check_group_count(count: usize) -> Result<()> {
    if count <= MAX_GROUPS {
        return Ok(());
    }
    Err(CloudError::new(
        ErrorCode::SecurityGroupsPerInstanceLimitExceeded,
        format!("an interface can have at most {MAX_GROUPS} security groups, not {count}"),
    ))
}
