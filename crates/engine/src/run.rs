//! RunInstances: every parameter checked against the rows and the host, then all rows of the launch in one
//! transaction; the drivers do the rest.

use std::collections::HashSet;
use std::net::Ipv4Addr;

use cumulet_model::image::{Image, ImageKind, ImageState};
use cumulet_model::instance::Reservation;
use cumulet_model::network::{GroupRef, InterfaceAttachment, NetworkInterface};
use cumulet_model::security::SecurityGroup;
use cumulet_model::state::{Intent, Machine};
use cumulet_model::tag::check_tags;
use cumulet_model::volume::{Volume, VolumeAttachment, VolumeSource, VolumeState};
use cumulet_model::{
    AttachmentId, CloudError, ErrorCode, Gib, ImageId, InstanceId, InterfaceId, MacAddr, ReservationId,
    VolumeId, address,
};
use cumulet_store::{InstanceRecord, InterfaceRecord, NewLaunch, SubnetRecord};
use rand::RngExt;
use sha2::{Digest, Sha256};
use tracing::info;

use crate::api::instance::{Launched, RunInstances};
use crate::cloud::{Cloud, Result, internal};

/// EC2's limit of user data before its base64.
pub(crate) const MAX_USER_DATA: usize = 16 * 1024;
/// The most instances of one call; more are `InstanceLimitExceeded`.
const MAX_COUNT: u32 = 1000;
/// EC2's limit of groups on an interface.
const MAX_GROUPS: usize = 5;
const DEFAULT_TYPE: &str = "t3.micro";
/// Disks of a machine; the VMM takes no more.
const MAX_VOLUMES: usize = 24;
/// EC2's limit of a general purpose volume.
const MAX_VOLUME: Gib = Gib(16384);

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

struct PlannedVolume {
    device: String,
    size: Gib,
    source: VolumeSource,
    delete_on_termination: bool,
}

impl Cloud {
    /// RunInstances. The same client token with the same parameters gives the same reservation.
    pub async fn run_instances(&self, request: RunInstances) -> Result<Launched> {
        let _allocation = self.inner.allocation.lock().await;
        let token = request.client_token.clone().map(|token| (token, digest(&request)));
        if let Some((token, digest)) = &token
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
        self.inner.store.add_launch(&launch).await.map_err(internal)?;
        info!(reservation = %launch.reservation_id, count = checked.count, image = %request.image_id, "launching");
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
            return Err(CloudError::new(
                ErrorCode::IdempotentParameterMismatch,
                "Arguments on this idempotent request are inconsistent with arguments used in previous request(s).",
            ));
        }
        Ok(Some(Launched { reservation: self.reservation(&reservation_id).await?, warnings: Vec::new() }))
    }

    async fn reservation(&self, id: &ReservationId) -> Result<Reservation> {
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
        self.instance_type(&instance_type)?;
        let public_key = self.public_key_line(request.key_name.as_deref()).await?;
        let subnet = self.launch_subnet(request).await?;
        let groups = self.launch_groups(request, &subnet).await?;
        let volumes = planned_volumes(request, &image)?;
        let count = self.affordable(request, &instance_type).await?;
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

    /// The largest count between the request's bounds that the host can carry.
    async fn affordable(&self, request: &RunInstances, instance_type: &str) -> Result<u32> {
        let mut count = request.max_count;
        loop {
            match self.check_capacity(std::iter::once((instance_type, count))).await {
                Ok(()) => return Ok(count),
                Err(_) if count > request.min_count => count -= 1,
                Err(error) => return Err(error),
            }
        }
    }

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

    async fn boot_images(&self, request: &RunInstances, image: &Image) -> Result<(ImageId, Option<ImageId>)> {
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

    async fn public_key_line(&self, name: Option<&str>) -> Result<Option<String>> {
        let Some(name) = name else { return Ok(None) };
        let key = self.key_pairs().await?.into_iter().find(|key| key.name == name).ok_or_else(|| {
            CloudError::new(
                ErrorCode::InvalidKeyPairNotFound,
                format!("The key pair '{name}' does not exist"),
            )
        })?;
        Ok(Some(key.public_key))
    }

    async fn launch_subnet(&self, request: &RunInstances) -> Result<SubnetRecord> {
        let subnets = self.inner.store.subnets().await.map_err(internal)?;
        if let Some(zone) = &request.zone
            && self.region().zone(zone).is_none()
        {
            return Err(CloudError::invalid_value(format!("Invalid availability zone: [{zone}]")));
        }
        let Some(id) = &request.subnet_id else {
            let mut default = subnets.into_iter().filter(|record| record.subnet.default_for_zone);
            return default
                .find(|record| request.zone.as_ref().is_none_or(|zone| record.subnet.zone == *zone))
                .ok_or_else(|| {
                    CloudError::new(
                        ErrorCode::InvalidSubnetIdNotFound,
                        "there is no default subnet in the zone",
                    )
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

    async fn launch_groups(&self, request: &RunInstances, subnet: &SubnetRecord) -> Result<Vec<GroupRef>> {
        let vpc = &subnet.subnet.vpc_id;
        let groups: Vec<_> =
            self.security_groups().await?.into_iter().filter(|group| group.vpc_id == *vpc).collect();
        let reference = |group: &SecurityGroup| GroupRef { id: group.id.clone(), name: group.name.clone() };
        if request.group_ids.is_empty() && request.group_names.is_empty() {
            let default = groups.iter().find(|group| group.name == SecurityGroup::DEFAULT_NAME);
            return Ok(default.map(reference).into_iter().collect());
        }
        let mut chosen: Vec<GroupRef> = Vec::new();
        let by_id = request.group_ids.iter().map(|id| {
            groups.iter().find(|group| group.id == *id).ok_or_else(|| {
                let text = format!("The security group '{id}' does not exist in VPC '{vpc}'");
                CloudError::new(ErrorCode::InvalidGroupNotFound, text)
            })
        });
        let by_name = request.group_names.iter().map(|name| {
            groups.iter().find(|group| group.name == *name).ok_or_else(|| {
                let text = format!("The security group '{name}' does not exist in default VPC '{vpc}'");
                CloudError::new(ErrorCode::InvalidGroupNotFound, text)
            })
        });
        for group in by_id.chain(by_name) {
            let group = reference(group?);
            if !chosen.contains(&group) {
                chosen.push(group);
            }
        }
        if chosen.len() > MAX_GROUPS {
            return Err(CloudError::new(
                ErrorCode::SecurityGroupsPerInstanceLimitExceeded,
                format!("an interface can have at most {MAX_GROUPS} security groups, not {}", chosen.len()),
            ));
        }
        Ok(chosen)
    }

    async fn launch_rows(&self, request: &RunInstances, checked: &Checked) -> Result<NewLaunch> {
        let now = self.inner.clock.now();
        let private = self.private_addresses(request, checked).await?;
        let mut public = match checked.public_ip {
            true => self.free_public_addresses(checked.count as usize).await?,
            false => Vec::new(),
        };
        public.reverse();
        // The generator is the thread's: it must not be held over an await.
        let mut rng = rand::rng();
        let reservation_id = ReservationId::random(&mut rng);
        let mut launch = NewLaunch {
            token: None,
            reservation_id: reservation_id.clone(),
            now,
            instances: Vec::new(),
            interfaces: Vec::new(),
            volumes: Vec::new(),
        };
        for (launch_index, private_ip) in (0..checked.count).zip(private) {
            let id = InstanceId::random(&mut rng);
            let interface = NetworkInterface {
                id: InterfaceId::random(&mut rng),
                vpc_id: checked.subnet.subnet.vpc_id.clone(),
                subnet_id: checked.subnet.subnet.id.clone(),
                zone: checked.subnet.subnet.zone.clone(),
                description: request.interface_description.clone().unwrap_or_default(),
                mac: MacAddr::for_private_ip(rng.random(), private_ip),
                private_ip,
                public_ip: public.pop(),
                groups: checked.groups.clone(),
                source_dest_check: true,
                attachment: Some(InterfaceAttachment {
                    id: AttachmentId::random(&mut rng),
                    instance_id: id.clone(),
                    device_index: 0,
                    attached: now,
                    delete_on_termination: true,
                }),
                created: now,
                tags: request.interface_tags.clone(),
            };
            launch.interfaces.push(InterfaceRecord { interface, auto_public_ip: checked.public_ip });
            launch.volumes.extend(checked.volumes.iter().map(|planned| Volume {
                id: VolumeId::random(&mut rng),
                size: planned.size,
                state: VolumeState::Creating,
                created: now,
                zone: checked.subnet.subnet.zone.clone(),
                source: planned.source.clone(),
                attachment: Some(VolumeAttachment {
                    instance_id: id.clone(),
                    device: planned.device.clone(),
                    attached: now,
                    delete_on_termination: planned.delete_on_termination,
                }),
                tags: request.volume_tags.clone(),
            }));
            launch.instances.push(instance_record(request, checked, id, &reservation_id, launch_index, now));
        }
        Ok(launch)
    }

    async fn private_addresses(&self, request: &RunInstances, checked: &Checked) -> Result<Vec<Ipv4Addr>> {
        let record = &checked.subnet;
        let (subnet, cidr) = (&record.subnet, record.subnet.cidr);
        let held = self.inner.store.interfaces().await.map_err(internal)?;
        let mut taken: HashSet<_> = held
            .iter()
            .filter(|held| held.interface.vpc_id == subnet.vpc_id)
            .map(|held| held.interface.private_ip)
            .collect();
        if let Some(wanted) = request.private_ip {
            return check_private_ip(wanted, checked, &taken).map(|()| vec![wanted]);
        }
        let mut addresses = Vec::new();
        let mut last = record.last_private_ip;
        for _ in 0..checked.count {
            let address =
                address::next_free(cidr, last, |address| taken.contains(&address)).ok_or_else(|| {
                    CloudError::new(
                        ErrorCode::InsufficientFreeAddressesInSubnet,
                        format!(
                            "The subnet '{}' has not enough free addresses for {} instances",
                            subnet.id, checked.count
                        ),
                    )
                })?;
            taken.insert(address);
            last = Some(address);
            addresses.push(address);
        }
        Ok(addresses)
    }
}

fn check_private_ip(wanted: Ipv4Addr, checked: &Checked, taken: &HashSet<Ipv4Addr>) -> Result<()> {
    let subnet = &checked.subnet.subnet;
    if checked.count > 1 {
        let text = "PrivateIpAddress can be given for a launch of one instance only";
        return Err(CloudError::combination(text));
    }
    if !address::is_assignable(subnet.cidr, wanted) {
        return Err(CloudError::invalid_value(format!(
            "Address {wanted} is not an address of subnet '{}' ({}) that an instance can have",
            subnet.id, subnet.cidr
        )));
    }
    if taken.contains(&wanted) {
        return Err(CloudError::new(
            ErrorCode::InvalidIpAddressInUse,
            format!("Address {wanted} is in use."),
        ));
    }
    Ok(())
}

fn instance_record(
    request: &RunInstances,
    checked: &Checked,
    id: InstanceId,
    reservation_id: &ReservationId,
    launch_index: u32,
    now: jiff::Timestamp,
) -> InstanceRecord {
    InstanceRecord {
        id,
        reservation_id: reservation_id.clone(),
        launch_index,
        image_id: request.image_id.clone(),
        kernel_id: Some(checked.kernel_id.clone()),
        ramdisk_id: checked.ramdisk_id.clone(),
        boot_args: checked.image.boot_args.clone(),
        instance_type: checked.instance_type.clone(),
        key_name: request.key_name.clone(),
        public_key: checked.public_key.clone(),
        intent: Intent::Run,
        machine: Machine::Off,
        launch_id: None,
        has_run: false,
        force: false,
        reboot: false,
        reason: None,
        transition_reason: String::new(),
        launch_time: now,
        terminated: None,
        zone: checked.subnet.subnet.zone.clone(),
        vpc_id: checked.subnet.subnet.vpc_id.clone(),
        subnet_id: checked.subnet.subnet.id.clone(),
        root_device_name: checked.image.root_device_name.clone(),
        user_data: request.user_data.clone().filter(|data| !data.is_empty()),
        metadata_options: request.metadata_options.clone(),
        shutdown_behavior: request.shutdown_behavior,
        disable_api_termination: request.disable_api_termination,
        disable_api_stop: request.disable_api_stop,
        client_token: request.client_token.clone(),
        monitoring: request.monitoring,
        tags: request.instance_tags.clone(),
    }
}

/// The volumes of each instance: the root volume, grown if the mapping says so, and those that the mapping adds.
fn planned_volumes(request: &RunInstances, image: &Image) -> Result<Vec<PlannedVolume>> {
    let image_size = image.size.ceil_gib();
    let mut root = PlannedVolume {
        device: image.root_device_name.clone(),
        size: image_size,
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
        let size = ebs.size.unwrap_or(if is_root { image_size } else { Gib(0) });
        if size == Gib(0) || size > MAX_VOLUME {
            return Err(bad_mapping(format!("the size of {device} must be 1 to {} GiB", MAX_VOLUME.0)));
        }
        let delete_on_termination = ebs.delete_on_termination.unwrap_or(true);
        if is_root {
            if size < image_size {
                return Err(bad_mapping(format!(
                    "Volume of size {}GB is smaller than snapshot of the image, expect size >= {}GB",
                    size.0, image_size.0
                )));
            }
            root = PlannedVolume { size, delete_on_termination, ..root };
        } else {
            more.push(PlannedVolume {
                device: device.clone(),
                size,
                source: VolumeSource::Blank,
                delete_on_termination,
            });
        }
    }
    more.insert(0, root);
    if more.len() > MAX_VOLUMES {
        return Err(bad_mapping(format!(
            "an instance can have at most {MAX_VOLUMES} volumes, not {}",
            more.len()
        )));
    }
    Ok(more)
}

fn bad_mapping(text: String) -> CloudError {
    CloudError::new(ErrorCode::InvalidBlockDeviceMapping, text)
}

/// `/dev/sd[a-z][1-15]` or `/dev/xvd[a-z][a-z]` (EC2 guide, "Device names on Linux").
fn check_device_name(name: &str) -> Result<()> {
    let letters = |text: &str, most: usize| {
        (1..=most).contains(&text.len()) && text.bytes().all(|byte| byte.is_ascii_lowercase())
    };
    let sd = |text: &str| {
        let (letter, number) = text.split_at(text.len().min(1));
        letters(letter, 1) && (number.is_empty() || number.parse::<u8>().is_ok_and(|n| (1..=15).contains(&n)))
    };
    let bare = name.strip_prefix("/dev/").unwrap_or(name);
    let fits = bare.is_ascii()
        && (bare.strip_prefix("sd").is_some_and(sd)
            || bare.strip_prefix("xvd").is_some_and(|text| letters(text, 2)));
    if fits {
        Ok(())
    } else {
        let name: String = name.chars().take(64).collect();
        Err(bad_mapping(format!("Invalid device name {name}: expected /dev/sd[a-z] or /dev/xvd[a-z]")))
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
    Err(CloudError::new(
        ErrorCode::InvalidUserDataMalformed,
        format!("User data is limited to {MAX_USER_DATA} bytes; it has {}", data.len()),
    ))
}

fn digest(request: &RunInstances) -> String {
    let text =
        serde_json::to_vec(request).unwrap_or_else(|error| unreachable!("requests serialize: {error}"));
    Sha256::digest(text).iter().map(|byte| format!("{byte:02x}")).collect()
}

/// A record of a running instance, for the tests of this crate.
#[cfg(test)]
pub(crate) fn sample_record() -> InstanceRecord {
    let mut rng = rand::rng();
    InstanceRecord {
        id: InstanceId::random(&mut rng),
        reservation_id: ReservationId::random(&mut rng),
        launch_index: 0,
        image_id: ImageId::random_of(ImageKind::Machine, &mut rng),
        kernel_id: None,
        ramdisk_id: None,
        boot_args: String::new(),
        instance_type: DEFAULT_TYPE.into(),
        key_name: None,
        public_key: None,
        intent: Intent::Run,
        machine: Machine::On,
        launch_id: None,
        has_run: true,
        force: false,
        reboot: false,
        reason: None,
        transition_reason: String::new(),
        launch_time: jiff::Timestamp::UNIX_EPOCH,
        terminated: None,
        zone: "us-east-1a".into(),
        vpc_id: cumulet_model::VpcId::random(&mut rng),
        subnet_id: cumulet_model::SubnetId::random(&mut rng),
        root_device_name: "/dev/xvda".into(),
        user_data: None,
        metadata_options: Default::default(),
        shutdown_behavior: Default::default(),
        disable_api_termination: false,
        disable_api_stop: false,
        client_token: None,
        monitoring: false,
        tags: Default::default(),
    }
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
