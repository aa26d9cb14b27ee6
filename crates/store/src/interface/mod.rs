//! Network interfaces with their groups and addresses.

mod address;
mod read;
mod write;

use std::net::IpAddr;

use cumulet_model::network::{InterfaceKind, NetworkInterface};
use cumulet_model::{AttachmentId, GroupId, InstanceId, InterfaceId};
use serde::{Deserialize, Serialize};

use crate::column::Columns;
use crate::holder::{self, Holder};
use crate::token::{self, RequestToken};
use crate::{Store, StoreError, StoreResult, doing, one_row};

pub(crate) use read::read_of;
use read::{read_one, read_where};
pub(crate) use write::{delete, give_public_ip, insert, release_of, take_public_ips};
use write::{insert_groups, write};

/// An interface with what only the engine needs.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct InterfaceRecord {
    /// The interface.
    pub interface: NetworkInterface,
    /// Whether each start of its instance gives it a public address.
    pub auto_public_ip: bool,
}

impl Store {
    /// All interfaces, oldest first.
    pub async fn interfaces(&self) -> StoreResult<Vec<InterfaceRecord>> {
        let tags = self.tags_by_id().await?;
        let mut connection = self.connection().await?;
        read_where(&mut connection, "?1 = ''", "", Some(tags)).await
    }

    /// One interface.
    pub async fn interface(&self, id: &InterfaceId) -> StoreResult<Option<InterfaceRecord>> {
        let mut connection = self.connection().await?;
        read_one(&mut connection, id).await
    }

    /// The interfaces of one instance, by device index.
    pub async fn interfaces_of(&self, instance: &InstanceId) -> StoreResult<Vec<InterfaceRecord>> {
        let mut connection = self.connection().await?;
        read_of(&mut connection, instance).await
    }

    /// The id of the interface that has this attachment.
    pub async fn interface_attached_by(&self, id: &AttachmentId) -> StoreResult<Option<InterfaceId>> {
        let row = sqlx::query("SELECT id FROM interfaces WHERE attachment_id = ?")
            .bind(id.as_str())
            .fetch_optional(&self.pool)
            .await
            .map_err(doing("find an interface by its attachment"))?;
        row.map(|row| Columns::new("interfaces", &row).parsed("id")).transpose()
    }

    /// Adds an interface by itself.
    pub async fn add_interface(
        &self,
        record: &InterfaceRecord,
        token: Option<&RequestToken>,
    ) -> StoreResult<()> {
        let mut tx = self.begin().await?;
        if let Some(token) = token {
            let interface = &record.interface;
            token::insert(&mut tx, token, interface.id.as_str(), interface.created).await?;
        }
        insert(&mut tx, record).await?;
        tx.commit().await.map_err(doing("add an interface"))
    }

    /// Reads an interface, and the instance named (if none, the one that it is attached to) with its devices; lets
    /// `change` decide and alter the interface (its groups, secondary and IPv6 addresses excepted); writes it, with nothing in between.
    /// An error of `change` writes nothing. An interface that is not there is [`StoreError::Gone`].
    pub async fn change_interface<E: From<StoreError>>(
        &self,
        id: &InterfaceId,
        instance: Option<&InstanceId>,
        change: impl FnOnce(&mut InterfaceRecord, Option<&Holder>) -> Result<(), E> + Send,
    ) -> Result<InterfaceRecord, E> {
        let mut tx = self.begin().await?;
        let mut record = read_one(&mut tx, id).await?.ok_or(StoreError::Gone("the interface"))?;
        let attached_to =
            record.interface.attachment.as_ref().map(|attachment| attachment.instance_id.clone());
        let holder = match instance.cloned().or(attached_to) {
            Some(instance) => holder::read(&mut tx, &instance).await?,
            None => None,
        };
        let before = record.clone();
        change(&mut record, holder.as_ref())?;
        if record != before {
            write(&mut tx, &record).await?;
        }
        tx.commit().await.map_err(doing("change an interface"))?;
        Ok(record)
    }

    /// Removes an interface that is attached to nothing; [`StoreError::Gone`] if it is, or is not there, or is not one for
    /// instances. An elastic address that leads to it is idle then.
    pub async fn delete_interface(&self, id: &InterfaceId) -> StoreResult<()> {
        let mut tx = self.begin().await?;
        delete(&mut tx, id, InterfaceKind::Interface).await?;
        tx.commit().await.map_err(doing("delete an interface"))
    }

    /// Says whether an interface is held to its own address.
    pub async fn set_source_dest_check(&self, id: &InterfaceId, check: bool) -> StoreResult<()> {
        let done = sqlx::query("UPDATE interfaces SET source_dest_check = ? WHERE id = ?")
            .bind(check)
            .bind(id.as_str())
            .execute(&self.writer)
            .await
            .map_err(doing("write an interface's source/destination check"))?;
        one_row(done, "the interface")
    }

    /// Replaces an interface's security groups.
    pub async fn set_interface_groups(&self, id: &InterfaceId, groups: &[GroupId]) -> StoreResult<()> {
        let mut tx = self.begin().await?;
        sqlx::query("DELETE FROM interface_groups WHERE interface_id = ?")
            .bind(id.as_str())
            .execute(&mut *tx)
            .await
            .map_err(doing("replace an interface's groups"))?;
        insert_groups(&mut tx, id, groups).await?;
        tx.commit().await.map_err(doing("replace an interface's groups"))
    }

    /// The instance whose interface has this private or IPv6 address in this VPC.
    pub async fn instance_at(
        &self,
        vpc: &cumulet_model::VpcId,
        address: IpAddr,
    ) -> StoreResult<Option<InstanceId>> {
        let row = sqlx::query(
            "SELECT instance_id FROM interfaces WHERE vpc_id = ?1 AND instance_id IS NOT NULL AND
             (private_ip = ?2 OR id IN (SELECT interface_id FROM interface_addresses WHERE vpc_id = ?1 AND address = ?2))",
        )
        .bind(vpc.as_str())
        .bind(address.to_string())
        .fetch_optional(&self.pool)
        .await
        .map_err(doing("find an instance by its address"))?;
        row.map(|row| Columns::new("interfaces", &row).parsed("instance_id")).transpose()
    }
}
