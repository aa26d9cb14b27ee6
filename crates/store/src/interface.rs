//! Network interfaces.

use std::net::Ipv4Addr;

use cumulet_model::network::{GroupRef, InterfaceAttachment, NetworkInterface};
use cumulet_model::{GroupId, InstanceId, InterfaceId};
use sqlx::{Sqlite, Transaction};

use crate::column::Columns;
use crate::{Store, StoreResult, doing, inserting, one_row, tag};

/// An interface with what only the engine needs.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct InterfaceRecord {
    /// The interface.
    pub interface: NetworkInterface,
    /// Whether each start of its instance gives it a public address.
    pub auto_public_ip: bool,
}

impl Store {
    /// All interfaces, oldest first.
    pub async fn interfaces(&self) -> StoreResult<Vec<InterfaceRecord>> {
        self.read_interfaces(None).await
    }

    /// The interfaces of one instance, by device index.
    pub async fn interfaces_of(&self, instance: &InstanceId) -> StoreResult<Vec<InterfaceRecord>> {
        self.read_interfaces(Some(instance)).await
    }

    async fn read_interfaces(&self, instance: Option<&InstanceId>) -> StoreResult<Vec<InterfaceRecord>> {
        let mut tags = self.tags_by_id().await?;
        let instance = instance.map(InstanceId::as_str);
        let rows = sqlx::query(
            "SELECT i.*, s.zone FROM interfaces i JOIN subnets s ON s.id = i.subnet_id
             WHERE ?1 IS NULL OR i.instance_id = ?1 ORDER BY i.device_index, i.created, i.id",
        )
        .bind(instance)
        .fetch_all(&self.pool)
        .await
        .map_err(doing("read the interfaces"))?;
        let group_rows = sqlx::query(
            "SELECT ig.interface_id, g.id, g.name FROM interface_groups ig
             JOIN security_groups g ON g.id = ig.group_id
             JOIN interfaces i ON i.id = ig.interface_id
             WHERE ?1 IS NULL OR i.instance_id = ?1 ORDER BY ig.interface_id, ig.position",
        )
        .bind(instance)
        .fetch_all(&self.pool)
        .await
        .map_err(doing("read the interfaces' groups"))?;
        let mut groups: std::collections::HashMap<InterfaceId, Vec<GroupRef>> = Default::default();
        for row in &group_rows {
            let row = Columns::new("interface_groups", row);
            groups
                .entry(row.parsed("interface_id")?)
                .or_default()
                .push(GroupRef { id: row.parsed("id")?, name: row.text("name")? });
        }
        rows.iter()
            .map(|row| {
                let row = Columns::new("interfaces", row);
                let id: InterfaceId = row.parsed("id")?;
                let attachment = match row.parsed_if("instance_id")? {
                    None => None,
                    Some(instance_id) => Some(InterfaceAttachment {
                        id: row.parsed("attachment_id")?,
                        instance_id,
                        device_index: row.count("device_index")?,
                        attached: row.time("attached")?,
                        delete_on_termination: row.flag("delete_on_termination")?,
                    }),
                };
                let interface = NetworkInterface {
                    vpc_id: row.parsed("vpc_id")?,
                    subnet_id: row.parsed("subnet_id")?,
                    zone: row.text("zone")?,
                    description: row.text("description")?,
                    mac: row.parsed("mac")?,
                    private_ip: row.parsed("private_ip")?,
                    public_ip: row.parsed_if("public_ip")?,
                    groups: groups.remove(&id).unwrap_or_default(),
                    source_dest_check: row.flag("source_dest_check")?,
                    attachment,
                    created: row.time("created")?,
                    tags: tags.remove(id.as_str()).unwrap_or_default(),
                    id,
                };
                Ok(InterfaceRecord { interface, auto_public_ip: row.flag("auto_public_ip")? })
            })
            .collect()
    }

    /// Gives an interface a public address or takes it away.
    pub async fn set_public_ip(&self, id: &InterfaceId, address: Option<Ipv4Addr>) -> StoreResult<()> {
        let done = sqlx::query("UPDATE interfaces SET public_ip = ? WHERE id = ?")
            .bind(address.map(|a| a.to_string()))
            .bind(id.as_str())
            .execute(&self.pool)
            .await
            .map_err(inserting("the public address"))?;
        one_row(done, "the interface")
    }

    /// Says whether an interface is held to its own address.
    pub async fn set_source_dest_check(&self, id: &InterfaceId, check: bool) -> StoreResult<()> {
        let done = sqlx::query("UPDATE interfaces SET source_dest_check = ? WHERE id = ?")
            .bind(check)
            .bind(id.as_str())
            .execute(&self.pool)
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

    /// The instance whose interface has this private address in this VPC.
    pub async fn instance_at(
        &self,
        vpc: &cumulet_model::VpcId,
        address: Ipv4Addr,
    ) -> StoreResult<Option<InstanceId>> {
        let row = sqlx::query(
            "SELECT instance_id FROM interfaces WHERE vpc_id = ? AND private_ip = ? AND instance_id IS NOT NULL",
        )
        .bind(vpc.as_str())
        .bind(address.to_string())
        .fetch_optional(&self.pool)
        .await
        .map_err(doing("find an instance by its address"))?;
        row.map(|row| Columns::new("interfaces", &row).parsed("instance_id")).transpose()
    }
}

pub(crate) async fn insert(tx: &mut Transaction<'_, Sqlite>, record: &InterfaceRecord) -> StoreResult<()> {
    let interface = &record.interface;
    let attachment = interface.attachment.as_ref();
    sqlx::query(
        "INSERT INTO interfaces (id, vpc_id, subnet_id, description, mac, private_ip, public_ip, auto_public_ip,
                                 source_dest_check, created, instance_id, attachment_id, device_index, attached,
                                 delete_on_termination)
         VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)",
    )
    .bind(interface.id.as_str())
    .bind(interface.vpc_id.as_str())
    .bind(interface.subnet_id.as_str())
    .bind(&interface.description)
    .bind(interface.mac.to_string())
    .bind(interface.private_ip.to_string())
    .bind(interface.public_ip.map(|a| a.to_string()))
    .bind(record.auto_public_ip)
    .bind(interface.source_dest_check)
    .bind(interface.created.as_millisecond())
    .bind(attachment.map(|a| a.instance_id.as_str()))
    .bind(attachment.map(|a| a.id.as_str()))
    .bind(attachment.map(|a| a.device_index))
    .bind(attachment.map(|a| a.attached.as_millisecond()))
    .bind(attachment.is_some_and(|a| a.delete_on_termination))
    .execute(&mut **tx)
    .await
    .map_err(inserting("the interface's address"))?;
    let groups: Vec<_> = interface.groups.iter().map(|g| g.id.clone()).collect();
    insert_groups(tx, &interface.id, &groups).await?;
    sqlx::query("UPDATE subnets SET last_private_ip = ? WHERE id = ?")
        .bind(interface.private_ip.to_string())
        .bind(interface.subnet_id.as_str())
        .execute(&mut **tx)
        .await
        .map_err(doing("remember the address given out last"))?;
    tag::insert(tx, interface.id.as_str(), &interface.tags).await
}

async fn insert_groups(
    tx: &mut Transaction<'_, Sqlite>,
    id: &InterfaceId,
    groups: &[GroupId],
) -> StoreResult<()> {
    for (position, group) in groups.iter().enumerate() {
        sqlx::query("INSERT INTO interface_groups (interface_id, position, group_id) VALUES (?, ?, ?)")
            .bind(id.as_str())
            .bind(position as i64)
            .bind(group.as_str())
            .execute(&mut **tx)
            .await
            .map_err(inserting("the interface's group"))?;
    }
    Ok(())
}

/// Takes the dynamic public addresses of an instance's interfaces away.
pub(crate) async fn take_public_ips(
    tx: &mut Transaction<'_, Sqlite>,
    instance: &InstanceId,
) -> StoreResult<()> {
    sqlx::query("UPDATE interfaces SET public_ip = NULL WHERE instance_id = ? AND auto_public_ip = 1")
        .bind(instance.as_str())
        .execute(&mut **tx)
        .await
        .map_err(doing("release an instance's public addresses"))?;
    Ok(())
}

/// Removes the interfaces of an instance.
pub(crate) async fn delete_of(tx: &mut Transaction<'_, Sqlite>, instance: &InstanceId) -> StoreResult<()> {
    sqlx::query("DELETE FROM tags WHERE resource_id IN (SELECT id FROM interfaces WHERE instance_id = ?)")
        .bind(instance.as_str())
        .execute(&mut **tx)
        .await
        .map_err(doing("delete an instance's interfaces"))?;
    sqlx::query("DELETE FROM interfaces WHERE instance_id = ?")
        .bind(instance.as_str())
        .execute(&mut **tx)
        .await
        .map_err(doing("delete an instance's interfaces"))?;
    Ok(())
}
