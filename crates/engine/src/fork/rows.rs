//! The rows of forks: the source's, with ids, addresses and volumes of their own.

use std::collections::HashSet;
use std::net::Ipv4Addr;

use cumulet_model::address;
use cumulet_model::attachment::AttachmentState;
use cumulet_model::network::NetworkInterface;
use cumulet_model::state::{Intent, Machine};
use cumulet_model::volume::{Volume, VolumeState};
use cumulet_model::{
    AttachmentId, CloudError, ErrorCode, InstanceId, InterfaceId, LaunchId, MacAddr, ReservationId, Tags,
    VolumeId, VpcId,
};
use cumulet_store::{InstanceRecord, InterfaceRecord, NewLaunch};
use jiff::Timestamp;
use rand::RngExt;

use super::Pattern;
use crate::cloud::{Cloud, Result, internal};

impl Cloud {
    /// All rows of `count` forks with these tags. Their volumes are there, with these ids: those of one fork after those
    /// of the other, in the pattern's order.
    pub(super) async fn fork_rows(
        &self,
        pattern: &Pattern<'_>,
        volume_ids: &[VolumeId],
        count: u32,
        tags: &Tags,
    ) -> Result<NewLaunch> {
        let Pattern { instance: source, volumes, interfaces: held, .. } = *pattern;
        let now = self.inner.clock.now();
        let publics = held.iter().filter(|held| held.auto_public_ip).count() * count as usize;
        let public = self.free_public_addresses(publics, publics).await?;
        let mut public = public.into_iter();
        let all = self.inner.store.interfaces().await.map_err(internal)?;
        let mut taken: HashSet<_> = all.iter().flat_map(vpc_addresses).collect();
        let subnets = self.inner.store.subnets().await.map_err(internal)?;
        // The generator is the thread's: it must not be held over an await.
        let mut rng = rand::rng();
        let reservation_id = ReservationId::random(&mut rng);
        let mut volume_ids = volume_ids.iter();
        let mut launch = NewLaunch::new(reservation_id.clone(), now);
        for launch_index in 0..count {
            let id = InstanceId::random(&mut rng);
            for InterfaceRecord { interface, auto_public_ip } in held {
                // The machine was saved, and its subnet deleted since.
                let record = subnets.iter().find(|record| record.subnet.id == interface.subnet_id);
                let record = record.ok_or_else(|| {
                    let code = ErrorCode::InvalidSubnetIdNotFound;
                    CloudError::not_found(code, "subnet ID", &interface.subnet_id)
                })?;
                let free = address::next_free(record.subnet.cidr, record.last_private_ip, |address| {
                    taken.contains(&(interface.vpc_id.clone(), address))
                });
                let private_ip = free.ok_or_else(|| {
                    let text = format!(
                        "The subnet '{}' has not enough free addresses for {count} forks",
                        interface.subnet_id
                    );
                    CloudError::new(ErrorCode::InsufficientFreeAddressesInSubnet, text)
                })?;
                taken.insert((interface.vpc_id.clone(), private_ip));
                let attachment = interface.attachment.clone().map(|mut attachment| {
                    attachment.id = AttachmentId::random(&mut rng);
                    attachment.instance_id = id.clone();
                    attachment.attached = now;
                    attachment.state = AttachmentState::Attaching;
                    attachment
                });
                let interface = NetworkInterface {
                    id: InterfaceId::random(&mut rng),
                    mac: MacAddr::for_private_ip(rng.random(), private_ip),
                    private_ip,
                    public_ip: if *auto_public_ip { public.next() } else { None },
                    // These are told to the guest by its owner, and the fork's owner may want others or none.
                    elastic: None,
                    secondary: vec![],
                    ipv6: vec![],
                    primary_ipv6: false,
                    attachment,
                    created: now,
                    ..interface.clone()
                };
                launch.interfaces.push(InterfaceRecord { interface, auto_public_ip: *auto_public_ip });
            }
            launch.volumes.extend(volumes.iter().zip(volume_ids.by_ref()).map(|(volume, volume_id)| {
                let attachment = volume.attachment.clone().map(|mut attachment| {
                    attachment.instance_id = id.clone();
                    attachment.attached = now;
                    attachment.state = AttachmentState::Attaching;
                    attachment.of_launch = true;
                    attachment
                });
                // Its file is there before its row is.
                let state = VolumeState::InUse;
                Volume { id: volume_id.clone(), created: now, state, attachment, ..volume.clone() }
            }));
            let launch_id = LaunchId::random(&mut rng);
            let instance = instance(source, tags, id, launch_id, &reservation_id, launch_index, now);
            launch.instances.push(instance);
        }
        Ok(launch)
    }
}

fn instance(
    source: &InstanceRecord,
    tags: &Tags,
    id: InstanceId,
    launch_id: LaunchId,
    reservation_id: &ReservationId,
    launch_index: u32,
    now: Timestamp,
) -> InstanceRecord {
    InstanceRecord {
        id,
        reservation_id: reservation_id.clone(),
        launch_index,
        intent: Intent::Run,
        // Its first start is under way from the first: that saves a write before it.
        machine: Machine::Starting,
        launch_id: Some(launch_id),
        has_run: false,
        hibernate: false,
        saved: None,
        reason: None,
        transition_reason: String::new(),
        launch_time: now,
        client_token: None,
        forked_from: Some(source.id.clone()),
        from_saved: None,
        tags: tags.clone(),
        ..source.clone()
    }
}

fn vpc_addresses(held: &InterfaceRecord) -> impl Iterator<Item = (VpcId, Ipv4Addr)> {
    let vpc = &held.interface.vpc_id;
    held.interface.addresses().map(move |address| (vpc.clone(), address.private_ip))
}
