//! Describing: everything of a kind, put together from the rows.

use std::collections::HashMap;

use cumulet_model::address::assignable_count;
use cumulet_model::image::Image;
use cumulet_model::instance::{Instance, InstanceBlockDevice};
use cumulet_model::key::KeyPair;
use cumulet_model::network::{NetworkInterface, Subnet, Vpc};
use cumulet_model::security::SecurityGroup;
use cumulet_model::volume::Volume;
use cumulet_model::{CloudError, ErrorCode, InstanceId, Tag};
use cumulet_store::InstanceRecord;

use crate::cloud::{Cloud, Result, internal};

impl Cloud {
    /// All instances, oldest launch first; terminated ones for as long as they stay listed.
    pub async fn instances(&self) -> Result<Vec<Instance>> {
        let store = &self.inner.store;
        let records = store.instances().await.map_err(internal)?;
        let mut interfaces: HashMap<InstanceId, Vec<NetworkInterface>> = HashMap::new();
        for held in store.interfaces().await.map_err(internal)? {
            if let Some(attachment) = &held.interface.attachment {
                interfaces.entry(attachment.instance_id.clone()).or_default().push(held.interface);
            }
        }
        let mut volumes: HashMap<InstanceId, Vec<Volume>> = HashMap::new();
        for volume in store.volumes().await.map_err(internal)? {
            if let Some(attachment) = &volume.attachment {
                volumes.entry(attachment.instance_id.clone()).or_default().push(volume);
            }
        }
        Ok(records
            .into_iter()
            .map(|record| {
                let interfaces = interfaces.remove(&record.id).unwrap_or_default();
                let volumes = volumes.remove(&record.id).unwrap_or_default();
                assemble(record, interfaces, &volumes)
            })
            .collect())
    }

    /// One instance.
    pub async fn instance(&self, id: &InstanceId) -> Result<Instance> {
        let record = self.record(id).await?;
        self.with_devices(record).await
    }

    /// An instance's row with its interfaces and volumes.
    pub(crate) async fn with_devices(&self, record: InstanceRecord) -> Result<Instance> {
        let id = &record.id;
        let interfaces = self.inner.store.interfaces_of(id).await.map_err(internal)?;
        let volumes = self.inner.store.volumes_of(id).await.map_err(internal)?;
        Ok(assemble(record, interfaces.into_iter().map(|held| held.interface).collect(), &volumes))
    }

    pub(crate) async fn record(&self, id: &InstanceId) -> Result<InstanceRecord> {
        self.inner
            .store
            .instance(id)
            .await
            .map_err(internal)?
            .ok_or_else(|| CloudError::not_found(ErrorCode::InvalidInstanceIdNotFound, "instance ID", id))
    }

    /// All images, oldest first.
    pub async fn images(&self) -> Result<Vec<Image>> {
        self.inner.store.images().await.map_err(internal)
    }

    /// All key pairs, by name.
    pub async fn key_pairs(&self) -> Result<Vec<KeyPair>> {
        self.inner.store.key_pairs().await.map_err(internal)
    }

    /// All security groups with their rules.
    pub async fn security_groups(&self) -> Result<Vec<SecurityGroup>> {
        self.inner.store.security_groups().await.map_err(internal)
    }

    /// All VPCs.
    pub async fn vpcs(&self) -> Result<Vec<Vpc>> {
        self.inner.store.vpcs().await.map_err(internal)
    }

    /// All subnets with their counts of free addresses.
    pub async fn subnets(&self) -> Result<Vec<Subnet>> {
        let interfaces = self.inner.store.interfaces().await.map_err(internal)?;
        let records = self.inner.store.subnets().await.map_err(internal)?;
        Ok(records
            .into_iter()
            .map(|record| {
                let mut subnet = record.subnet;
                let inside = interfaces.iter().filter(|held| held.interface.subnet_id == subnet.id);
                let used: usize = inside.map(|held| held.interface.addresses().count()).sum();
                subnet.available_addresses =
                    assignable_count(subnet.cidr).saturating_sub(u32::try_from(used).unwrap_or(u32::MAX));
                subnet
            })
            .collect())
    }

    /// All network interfaces.
    pub async fn network_interfaces(&self) -> Result<Vec<NetworkInterface>> {
        let held = self.inner.store.interfaces().await.map_err(internal)?;
        Ok(held.into_iter().map(|held| held.interface).collect())
    }

    /// All volumes, oldest first.
    pub async fn volumes(&self) -> Result<Vec<Volume>> {
        self.inner.store.volumes().await.map_err(internal)
    }

    /// All tags.
    pub async fn tags(&self) -> Result<Vec<Tag>> {
        self.inner.store.tags().await.map_err(internal)
    }

    /// An instance's user data as given.
    pub async fn user_data(&self, id: &InstanceId) -> Result<Option<Vec<u8>>> {
        Ok(self.record(id).await?.user_data)
    }
}

fn assemble(record: InstanceRecord, interfaces: Vec<NetworkInterface>, volumes: &[Volume]) -> Instance {
    let state = record.state();
    let mut block_devices: Vec<_> = volumes
        .iter()
        .filter_map(|volume| {
            let attachment = volume.attachment.as_ref()?;
            Some(InstanceBlockDevice {
                device_name: attachment.device.clone(),
                volume_id: volume.id.clone(),
                attached: attachment.attached,
                delete_on_termination: attachment.delete_on_termination,
                state: attachment.state,
            })
        })
        .collect();
    block_devices.sort_by(|a, b| a.device_name.cmp(&b.device_name));
    Instance {
        state,
        groups: interfaces.first().map(|interface| interface.groups.clone()).unwrap_or_default(),
        interfaces,
        block_devices,
        id: record.id,
        reservation_id: record.reservation_id,
        launch_index: record.launch_index,
        image_id: record.image_id,
        kernel_id: record.kernel_id,
        ramdisk_id: record.ramdisk_id,
        instance_type: record.instance_type,
        key_name: record.key_name,
        state_reason: record.reason,
        state_transition_reason: record.transition_reason,
        launch_time: record.launch_time,
        terminated: record.terminated,
        zone: record.zone,
        vpc_id: record.vpc_id,
        subnet_id: record.subnet_id,
        root_device_name: record.root_device_name,
        metadata_options: record.metadata_options,
        shutdown_behavior: record.shutdown_behavior,
        disable_api_termination: record.disable_api_termination,
        disable_api_stop: record.disable_api_stop,
        client_token: record.client_token,
        monitoring: record.monitoring,
        hibernation: record.hibernation,
        hibernated: record.saved.is_some(),
        forked_from: record.forked_from,
        tags: record.tags,
    }
}
