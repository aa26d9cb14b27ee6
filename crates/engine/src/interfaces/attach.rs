//! Attaching interfaces to instances and detaching them: checked and written in one, made so by the instance's driver.

use cumulet_model::attachment::AttachmentState;
use cumulet_model::network::{InterfaceAttachment, NetworkInterface};
use cumulet_model::state::InstanceState;
use cumulet_model::{AttachmentId, CloudError, ErrorCode, InstanceId};
use cumulet_store::{Holder, InterfaceRecord, StoreError};
use tracing::info;

use super::secondary::check_limit;
use super::{check_own, no_interface};
use crate::api::interface::AttachInterface;
use crate::cloud::{ChangeError, Cloud, Result, internal};
use crate::devices::let_go;
use crate::hibernate::check_not_held;
use crate::volumes::{attaches_as, no_instance};

/// The greatest index of an interface.
const MAX_INDEX: u32 = 31;

impl Cloud {
    /// Attaches an interface and gives the attachment. To a stopped instance it is attached at once and there from its
    /// next start on; to a running one it is attaching until its machine has it.
    pub async fn attach_network_interface(&self, request: AttachInterface) -> Result<InterfaceAttachment> {
        let AttachInterface { interface_id, instance_id, device_index } = request;
        let now = self.inner.clock.now();
        let attachment_id = AttachmentId::random(&mut rand::rng());
        let store = &self.inner.store;
        let changed =
            store.change_interface::<ChangeError>(&interface_id, Some(&instance_id), |record, holder| {
                let holder = holder.ok_or_else(|| no_instance(&instance_id))?;
                let state = self.check_attach(&record.interface, holder, device_index)?;
                record.interface.attachment = Some(InterfaceAttachment {
                    id: attachment_id,
                    instance_id: instance_id.clone(),
                    device_index,
                    attached: now,
                    delete_on_termination: false,
                    state,
                    force: false,
                });
                Ok(())
            });
        let record = match changed.await {
            Err(ChangeError::Store(StoreError::Gone(_))) => return Err(no_interface(&interface_id)),
            changed => changed?,
        };
        info!(interface = %interface_id, instance = %instance_id, device_index, "an interface is to be attached");
        self.poke(&instance_id);
        record.interface.attachment.ok_or_else(|| CloudError::internal("the interface was not attached"))
    }

    /// Detaches an interface by its attachment; never the primary one. From a stopped instance it is detached at once.
    pub async fn detach_network_interface(&self, id: &AttachmentId, force: bool) -> Result<()> {
        let store = &self.inner.store;
        let interface = store.interface_attached_by(id).await.map_err(internal)?;
        let interface = interface.ok_or_else(|| no_attachment(id))?;
        let mut instance = None;
        let changed = store.change_interface::<ChangeError>(&interface, None, |record, holder| {
            instance = Some(detach(record, holder, id, force)?);
            Ok(())
        });
        match changed.await {
            Ok(_) => {}
            Err(ChangeError::Store(StoreError::Gone(_))) => return Err(no_attachment(id)),
            Err(error) => return Err(error.into()),
        }
        info!(interface = %interface, force, "an interface is to be detached");
        if let Some(instance) = instance {
            self.poke(&instance);
        }
        Ok(())
    }

    /// The lowest index at which the instance has no interface.
    pub async fn free_device_index(&self, id: &InstanceId) -> Result<u32> {
        self.record(id).await?;
        let held = self.inner.store.interfaces_of(id).await.map_err(internal)?;
        let taken: Vec<_> = held
            .iter()
            .filter_map(|held| held.interface.attachment.as_ref())
            .map(|attachment| attachment.device_index)
            .collect();
        (1..=MAX_INDEX).find(|index| !taken.contains(index)).ok_or_else(|| {
            let text = format!("The instance '{id}' has an interface at each index");
            CloudError::new(ErrorCode::AttachmentLimitExceeded, text)
        })
    }

    fn check_attach(
        &self,
        interface: &NetworkInterface,
        holder: &Holder,
        device_index: u32,
    ) -> Result<AttachmentState> {
        let (id, record) = (&interface.id, &holder.record);
        let state = attaches_as(record)?;
        check_own(interface)?;
        if interface.attachment.is_some() {
            let text = format!("Interface: [{id}] in use.");
            return Err(CloudError::new(ErrorCode::InvalidInterfaceInUse, text));
        }
        if interface.zone != record.zone {
            return Err(CloudError::combination(
                "You may not attach a network interface to an instance if they are not in the same availability zone",
            ));
        }
        if interface.vpc_id != record.vpc_id {
            return Err(CloudError::combination(
                "You may not attach a network interface to an instance if they are not in the same VPC",
            ));
        }
        if !(1..=MAX_INDEX).contains(&device_index) {
            return Err(CloudError::invalid_value(format!(
                "Invalid value '{device_index}' for deviceIndex: expected 1 to {MAX_INDEX}"
            )));
        }
        let indices = holder.interfaces.iter().filter_map(|held| held.interface.attachment.as_ref());
        if indices.map(|attachment| attachment.device_index).any(|index| index == device_index) {
            return Err(CloudError::invalid_value(format!(
                "Instance '{}' already has an interface attached at device index '{device_index}'.",
                record.id
            )));
        }
        let kind = self.instance_type(&record.instance_type)?;
        let count = holder.interfaces.len() + 1;
        if count > kind.max_interfaces as usize {
            let text = format!("Interface count {count} exceeds the limit for {}", kind.name);
            return Err(CloudError::new(ErrorCode::AttachmentLimitExceeded, text));
        }
        check_limit(id, 1 + interface.secondary.len(), kind.addresses_per_interface)?;
        Ok(state)
    }
}

/// Writes that an interface is to be detached, and gives the instance that has it.
fn detach(
    record: &mut InterfaceRecord,
    holder: Option<&Holder>,
    id: &AttachmentId,
    force: bool,
) -> Result<InstanceId> {
    let attachment = record.interface.attachment.as_mut().filter(|attachment| attachment.id == *id);
    let attachment = attachment.ok_or_else(|| no_attachment(id))?;
    if attachment.device_index == 0 {
        let text = "The network interface at device index 0 and networkCard index 0 cannot be detached.";
        return Err(CloudError::new(ErrorCode::OperationNotPermitted, text));
    }
    holder.map_or(Ok(()), |holder| check_not_held(&holder.record, "nothing can be detached from it"))?;
    attachment.state = AttachmentState::Detaching;
    attachment.force |= force;
    let instance = attachment.instance_id.clone();
    if holder.is_none_or(|holder| holder.record.state() == InstanceState::Stopped) {
        let_go(record);
    }
    Ok(instance)
}

fn no_attachment(id: &AttachmentId) -> CloudError {
    CloudError::not_found(ErrorCode::InvalidAttachmentIdNotFound, "attachment", id)
}
