//! ModifyInstanceAttribute and ModifyInstanceMetadataOptions under EC2's rules.

use cumulet_model::image::ImageKind;
use cumulet_model::instance::MetadataOptions;
use cumulet_model::state::InstanceState;
use cumulet_model::{CloudError, ErrorCode, GroupId, InstanceId};
use cumulet_store::InstanceRecord;

use crate::api::instance::AttributeChange;
use crate::cloud::{ChangeError, Cloud, Result, internal, port_failed};
use crate::hibernate::check_not_held;
use crate::run::{check_group_count, check_hop_limit, check_user_data};

impl Cloud {
    /// Changes one attribute of an instance.
    pub async fn modify_instance_attribute(&self, id: &InstanceId, change: AttributeChange) -> Result<()> {
        let record = self.record(id).await?;
        match change {
            AttributeChange::InstanceType(name) => {
                self.instance_type(&name)?;
                self.while_stopped(id, "instanceType", |record| record.instance_type = name).await
            }
            AttributeChange::UserData(data) => {
                check_user_data(&data)?;
                let data = Some(data).filter(|data| !data.is_empty());
                self.while_stopped(id, "userData", |record| record.user_data = data).await
            }
            AttributeChange::Kernel(kernel) => {
                self.usable_image(&kernel, ImageKind::Kernel).await?;
                self.while_stopped(id, "kernel", |record| record.kernel_id = Some(kernel)).await
            }
            AttributeChange::Ramdisk(ramdisk) => {
                self.usable_image(&ramdisk, ImageKind::Ramdisk).await?;
                self.while_stopped(id, "ramdisk", |record| record.ramdisk_id = Some(ramdisk)).await
            }
            AttributeChange::ShutdownBehavior(behavior) => {
                self.change(id, |record| record.shutdown_behavior = behavior).await
            }
            AttributeChange::DisableApiTermination(yes) => {
                self.change(id, |record| record.disable_api_termination = yes).await
            }
            AttributeChange::DisableApiStop(yes) => {
                self.change(id, |record| record.disable_api_stop = yes).await
            }
            AttributeChange::SourceDestCheck(check) => {
                let interface = self.primary_interface(id).await?;
                self.inner.store.set_source_dest_check(&interface, check).await.map_err(internal)?;
                self.inner.keeper.sync().await.map_err(port_failed)
            }
            AttributeChange::Groups(groups) => self.replace_groups(&record, groups).await,
            AttributeChange::BlockDevices(deletions) => self.change_deletions(id, deletions).await,
        }
    }

    /// Replaces the metadata options and gives them as they are now.
    pub async fn modify_metadata_options(
        &self,
        id: &InstanceId,
        options: MetadataOptions,
    ) -> Result<MetadataOptions> {
        check_hop_limit(options.hop_limit)?;
        self.record(id).await?;
        self.change(id, |record| record.metadata_options = options).await?;
        Ok(self.record(id).await?.metadata_options)
    }

    async fn change(&self, id: &InstanceId, change: impl FnOnce(&mut InstanceRecord) + Send) -> Result<()> {
        let done = self.inner.store.change_instance::<ChangeError>(id, |record| {
            if record.state() == InstanceState::Terminated {
                let text = format!("The instance '{id}' is terminated and can't be changed");
                return Err(CloudError::new(ErrorCode::IncorrectInstanceState, text).into());
            }
            change(record);
            Ok(())
        });
        done.await?;
        Ok(())
    }

    async fn while_stopped(
        &self,
        id: &InstanceId,
        attribute: &str,
        change: impl FnOnce(&mut InstanceRecord) + Send,
    ) -> Result<()> {
        let done = self.inner.store.change_instance::<ChangeError>(id, |record| {
            if record.state() != InstanceState::Stopped {
                let text = format!(
                    "The instance '{id}' is not in the 'stopped' state, which a change of '{attribute}' needs"
                );
                return Err(CloudError::new(ErrorCode::IncorrectInstanceState, text).into());
            }
            check_not_held(record, &format!("its '{attribute}' can't be changed"))?;
            change(record);
            Ok(())
        });
        done.await?;
        Ok(())
    }

    async fn primary_interface(&self, id: &InstanceId) -> Result<cumulet_model::InterfaceId> {
        let held = self.inner.store.interfaces_of(id).await.map_err(internal)?;
        held.into_iter().next().map(|held| held.interface.id).ok_or_else(|| {
            CloudError::new(
                ErrorCode::IncorrectInstanceState,
                format!("The instance '{id}' has no network interface"),
            )
        })
    }

    async fn replace_groups(&self, record: &InstanceRecord, groups: Vec<GroupId>) -> Result<()> {
        let allocation = self.inner.allocation.lock().await;
        let interface = self.primary_interface(&record.id).await?;
        let mut seen = std::collections::HashSet::new();
        let groups: Vec<_> = groups.into_iter().filter(|id| seen.insert(id.clone())).collect();
        if groups.is_empty() {
            return Err(CloudError::missing("GroupId"));
        }
        check_group_count(groups.len())?;
        let known = self.security_groups().await?;
        for id in &groups {
            if !known.iter().any(|group| group.id == *id && group.vpc_id == record.vpc_id) {
                let text = format!("The security group '{id}' does not exist in VPC '{}'", record.vpc_id);
                return Err(CloudError::new(ErrorCode::InvalidGroupNotFound, text));
            }
        }
        self.inner.store.set_interface_groups(&interface, &groups).await.map_err(internal)?;
        drop(allocation);
        self.inner.keeper.sync().await.map_err(port_failed)
    }

    async fn change_deletions(
        &self,
        id: &InstanceId,
        deletions: std::collections::BTreeMap<String, bool>,
    ) -> Result<()> {
        let volumes = self.inner.store.volumes_of(id).await.map_err(internal)?;
        let find = |device: &String| {
            volumes
                .iter()
                .find(|volume| volume.attachment.as_ref().is_some_and(|a| a.device == *device))
                .ok_or_else(|| {
                    CloudError::invalid_value(format!("The instance '{id}' has no volume at device {device}"))
                })
        };
        let changes =
            deletions.iter().map(|(device, yes)| Ok((find(device)?, *yes))).collect::<Result<Vec<_>>>()?;
        for (volume, yes) in changes {
            self.inner.store.set_volume_deletion(&volume.id, yes).await.map_err(internal)?;
        }
        Ok(())
    }
}
