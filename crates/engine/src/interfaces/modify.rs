//! ModifyNetworkInterfaceAttribute: one attribute at a time; what the firewall has to know it knows before the answer.

use cumulet_model::{CloudError, ErrorCode, GroupId, InterfaceId};
use cumulet_store::{InterfaceRecord, StoreError};

use super::create::check_description;
use super::{check_own, no_interface};
use crate::api::interface::InterfaceChange;
use crate::cloud::{ChangeError, Cloud, Result, internal, port_failed};
use crate::run::chosen_groups;

impl Cloud {
    /// Changes one attribute of an interface.
    pub async fn modify_network_interface(&self, id: &InterfaceId, change: InterfaceChange) -> Result<()> {
        check_own(&self.network_interface(id).await?)?;
        match change {
            InterfaceChange::Groups(groups) => self.replace_interface_groups(id, &groups).await?,
            InterfaceChange::Description(text) => {
                check_description(&text)?;
                self.change_interface(id, |record| {
                    record.interface.description = text;
                    Ok(())
                })
                .await?;
                return Ok(());
            }
            InterfaceChange::SourceDestCheck(check) => {
                self.change_interface(id, |record| {
                    record.interface.source_dest_check = check;
                    Ok(())
                })
                .await?;
            }
            InterfaceChange::DeleteOnTermination(attachment_id, yes) => {
                let change = |record: &mut InterfaceRecord| {
                    let attachment = record.interface.attachment.as_mut();
                    let attachment = attachment.filter(|held| held.id == attachment_id).ok_or_else(|| {
                        let code = ErrorCode::InvalidAttachmentIdNotFound;
                        CloudError::not_found(code, "attachment", &attachment_id)
                    })?;
                    attachment.delete_on_termination = yes;
                    Ok(())
                };
                return self.change_interface(id, change).await;
            }
        }
        self.inner.keeper.sync().await.map_err(port_failed)
    }

    async fn change_interface(
        &self,
        id: &InterfaceId,
        change: impl FnOnce(&mut InterfaceRecord) -> Result<()> + Send,
    ) -> Result<()> {
        let changed =
            self.inner.store.change_interface::<ChangeError>(id, None, |record, _| Ok(change(record)?));
        match changed.await {
            Ok(_) => Ok(()),
            Err(ChangeError::Store(StoreError::Gone(_))) => Err(no_interface(id)),
            Err(error) => Err(error.into()),
        }
    }

    async fn replace_interface_groups(&self, id: &InterfaceId, groups: &[GroupId]) -> Result<()> {
        let _allocation = self.inner.allocation.lock().await;
        if groups.is_empty() {
            return Err(CloudError::missing("SecurityGroupId"));
        }
        let interface = self.network_interface(id).await?;
        let known = self.security_groups().await?;
        let groups = chosen_groups(&known, &interface.vpc_id, groups, &[])?;
        let ids: Vec<_> = groups.into_iter().map(|group| group.id).collect();
        self.inner.store.set_interface_groups(id, &ids).await.map_err(internal)
    }
}
