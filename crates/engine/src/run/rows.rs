//! The rows of a launch: instances, interfaces with their addresses, volumes.

use std::collections::HashSet;
use std::net::Ipv4Addr;

use cumulet_model::attachment::AttachmentState;
use cumulet_model::network::{InterfaceAttachment, InterfaceKind, NetworkInterface};
use cumulet_model::state::{Intent, Machine};
use cumulet_model::volume::{Volume, VolumeAttachment, VolumeState};
use cumulet_model::{
    AttachmentId, CloudError, ErrorCode, InstanceId, InterfaceId, MacAddr, ReservationId, VolumeId, address,
};
use cumulet_store::{InstanceRecord, InterfaceRecord, NewLaunch};
use rand::RngExt;

use super::Checked;
use crate::api::instance::RunInstances;
use crate::cloud::{Cloud, Result, internal};
use crate::interfaces::taken_addresses;

impl Cloud {
    pub(super) async fn launch_rows(&self, request: &RunInstances, checked: &Checked) -> Result<NewLaunch> {
        let now = self.inner.clock.now();
        let (least, most) = (request.min_count as usize, checked.count as usize);
        let mut private = self.private_addresses(request, checked).await?;
        let public: Vec<_> = match checked.public_ip {
            true => {
                let free = self.free_public_addresses(least, most.min(private.len())).await?;
                private.truncate(free.len());
                free.into_iter().map(Some).collect()
            }
            false => vec![None; private.len()],
        };
        // The generator is the thread's: it must not be held over an await.
        let mut rng = rand::rng();
        let reservation_id = ReservationId::random(&mut rng);
        let mut launch = NewLaunch::new(reservation_id.clone(), now);
        for ((launch_index, private_ip), public_ip) in (0..).zip(private).zip(public) {
            let id = InstanceId::random(&mut rng);
            let interface = NetworkInterface {
                id: InterfaceId::random(&mut rng),
                vpc_id: checked.subnet.subnet.vpc_id.clone(),
                subnet_id: checked.subnet.subnet.id.clone(),
                zone: checked.subnet.subnet.zone.clone(),
                description: request.interface_description.clone().unwrap_or_default(),
                mac: MacAddr::for_private_ip(rng.random(), private_ip),
                kind: InterfaceKind::Interface,
                private_ip,
                public_ip,
                elastic: None,
                secondary: vec![],
                ipv6: vec![],
                primary_ipv6: false,
                groups: checked.groups.clone(),
                source_dest_check: true,
                attachment: Some(InterfaceAttachment {
                    id: AttachmentId::random(&mut rng),
                    instance_id: id.clone(),
                    device_index: 0,
                    attached: now,
                    delete_on_termination: true,
                    state: AttachmentState::Attaching,
                    force: false,
                }),
                created: now,
                tags: request.interface_tags.clone(),
            };
            launch.interfaces.push(InterfaceRecord { interface, auto_public_ip: checked.public_ip });
            launch.volumes.extend(checked.volumes.iter().map(|planned| Volume {
                id: VolumeId::random(&mut rng),
                size: planned.size,
                performance: planned.performance,
                state: VolumeState::Creating,
                reason: None,
                created: now,
                zone: checked.subnet.subnet.zone.clone(),
                source: planned.source.clone(),
                attachment: Some(VolumeAttachment {
                    instance_id: id.clone(),
                    device: planned.device.clone(),
                    attached: now,
                    delete_on_termination: planned.delete_on_termination,
                    state: AttachmentState::Attaching,
                    force: false,
                    of_launch: true,
                }),
                tags: request.volume_tags.clone(),
            }));
            launch.instances.push(instance_record(request, checked, id, &reservation_id, launch_index, now));
        }
        Ok(launch)
    }

    /// Private addresses for as many instances as there are, from the least to the most that are wanted.
    async fn private_addresses(&self, request: &RunInstances, checked: &Checked) -> Result<Vec<Ipv4Addr>> {
        let record = &checked.subnet;
        let (subnet, cidr) = (&record.subnet, record.subnet.cidr);
        let held = self.inner.store.interfaces().await.map_err(internal)?;
        let mut taken = taken_addresses(&held, &subnet.vpc_id);
        if let Some(wanted) = request.private_ip {
            return check_private_ip(wanted, checked, &taken).map(|()| vec![wanted]);
        }
        let mut addresses = Vec::new();
        let mut last = record.last_private_ip;
        for _ in 0..checked.count {
            let Some(address) = address::next_free(cidr, last, |address| taken.contains(&address)) else {
                break;
            };
            taken.insert(address);
            last = Some(address);
            addresses.push(address);
        }
        if addresses.len() < request.min_count as usize {
            let text = format!(
                "The subnet '{}' has not enough free addresses for {} instances",
                subnet.id, request.min_count
            );
            return Err(CloudError::new(ErrorCode::InsufficientFreeAddressesInSubnet, text));
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
        hibernation: request.hibernation,
        hibernate: false,
        saved: None,
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
        forked_from: None,
        from_saved: None,
        tags: request.instance_tags.clone(),
    }
}

/// A record of a running instance, for the tests of this crate.
#[cfg(test)]
pub(crate) fn sample_record() -> InstanceRecord {
    let mut rng = rand::rng();
    InstanceRecord {
        id: InstanceId::random(&mut rng),
        reservation_id: ReservationId::random(&mut rng),
        launch_index: 0,
        image_id: cumulet_model::ImageId::random_of(cumulet_model::image::ImageKind::Machine, &mut rng),
        kernel_id: None,
        ramdisk_id: None,
        boot_args: String::new(),
        instance_type: "t3.micro".into(),
        key_name: None,
        public_key: None,
        intent: Intent::Run,
        machine: Machine::On,
        launch_id: None,
        has_run: true,
        force: false,
        reboot: false,
        hibernation: false,
        hibernate: false,
        saved: None,
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
        forked_from: None,
        from_saved: None,
        tags: Default::default(),
    }
}
