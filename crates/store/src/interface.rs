//! Network interfaces.

use std::collections::HashMap;
use std::net::Ipv4Addr;

use cumulet_model::network::{GroupRef, InterfaceAttachment, NetworkInterface};
use cumulet_model::{AttachmentId, GroupId, InstanceId, InterfaceId};
use serde::{Deserialize, Serialize};
use sqlx::{AssertSqlSafe, Sqlite, SqliteConnection, Transaction};

use crate::column::{Columns, word};
use crate::holder::{self, Holder};
use crate::token::{self, RequestToken};
use crate::{Store, StoreError, StoreResult, doing, inserting, one_row, tag};

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
    /// `change` decide and alter the interface (its groups and addresses excepted); writes it, with nothing in between.
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

    /// Removes an interface that is attached to nothing; [`StoreError::Gone`] if it is, or is not there.
    pub async fn delete_interface(&self, id: &InterfaceId) -> StoreResult<()> {
        let mut tx = self.begin().await?;
        let done = sqlx::query("DELETE FROM interfaces WHERE id = ? AND instance_id IS NULL")
            .bind(id.as_str())
            .execute(&mut *tx)
            .await
            .map_err(doing("delete an interface"))?;
        one_row(done, "the interface")?;
        tag::forget(&mut tx, id.as_str()).await?;
        tx.commit().await.map_err(doing("delete an interface"))
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

async fn read_one(
    connection: &mut SqliteConnection,
    id: &InterfaceId,
) -> StoreResult<Option<InterfaceRecord>> {
    Ok(read_where(connection, "i.id = ?1", id.as_str(), None).await?.pop())
}

/// The interfaces of one instance, by device index.
pub(crate) async fn read_of(
    connection: &mut SqliteConnection,
    instance: &InstanceId,
) -> StoreResult<Vec<InterfaceRecord>> {
    read_where(connection, "i.instance_id = ?1", instance.as_str(), None).await
}

/// Interfaces under a condition on `?1`, with their groups; their tags are read one by one if they are not given.
async fn read_where(
    connection: &mut SqliteConnection,
    condition: &'static str,
    value: &str,
    tags: Option<tag::TagsById>,
) -> StoreResult<Vec<InterfaceRecord>> {
    let rows = sqlx::query(AssertSqlSafe(format!(
        "SELECT i.*, s.zone FROM interfaces i JOIN subnets s ON s.id = i.subnet_id
         WHERE {condition} ORDER BY i.device_index, i.created, i.id"
    )))
    .bind(value)
    .fetch_all(&mut *connection)
    .await
    .map_err(doing("read the interfaces"))?;
    let group_rows = sqlx::query(AssertSqlSafe(format!(
        "SELECT ig.interface_id, g.id, g.name FROM interface_groups ig
         JOIN security_groups g ON g.id = ig.group_id
         JOIN interfaces i ON i.id = ig.interface_id
         WHERE {condition} ORDER BY ig.interface_id, ig.position"
    )))
    .bind(value)
    .fetch_all(&mut *connection)
    .await
    .map_err(doing("read the interfaces' groups"))?;
    let mut groups: HashMap<InterfaceId, Vec<GroupRef>> = HashMap::new();
    for row in &group_rows {
        let row = Columns::new("interface_groups", row);
        groups
            .entry(row.parsed("interface_id")?)
            .or_default()
            .push(GroupRef { id: row.parsed("id")?, name: row.text("name")? });
    }
    let mut records = Vec::with_capacity(rows.len());
    for row in &rows {
        records.push(read(&Columns::new("interfaces", row), &mut groups)?);
    }
    let mut tags = match tags {
        Some(tags) => tags,
        None => {
            let ids: Vec<_> = records.iter().map(|record| record.interface.id.as_str()).collect();
            tag::of(connection, &ids).await?
        }
    };
    for record in &mut records {
        record.interface.tags = tags.remove(record.interface.id.as_str()).unwrap_or_default();
    }
    Ok(records)
}

fn read(row: &Columns<'_>, groups: &mut HashMap<InterfaceId, Vec<GroupRef>>) -> StoreResult<InterfaceRecord> {
    let id: InterfaceId = row.parsed("id")?;
    let attachment = match row.parsed_if("instance_id")? {
        None => None,
        Some(instance_id) => Some(InterfaceAttachment {
            id: row.parsed("attachment_id")?,
            instance_id,
            device_index: row.count("device_index")?,
            attached: row.time("attached")?,
            delete_on_termination: row.flag("delete_on_termination")?,
            state: row.word("attachment_state")?,
            force: row.flag("force_detach")?,
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
        tags: Default::default(),
        id,
    };
    Ok(InterfaceRecord { interface, auto_public_ip: row.flag("auto_public_ip")? })
}

pub(crate) async fn insert(tx: &mut Transaction<'_, Sqlite>, record: &InterfaceRecord) -> StoreResult<()> {
    let interface = &record.interface;
    sqlx::query(
        "INSERT INTO interfaces (id, vpc_id, subnet_id, description, mac, private_ip, auto_public_ip,
                                 source_dest_check, created, delete_on_termination)
         VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, 0)",
    )
    .bind(interface.id.as_str())
    .bind(interface.vpc_id.as_str())
    .bind(interface.subnet_id.as_str())
    .bind(&interface.description)
    .bind(interface.mac.to_string())
    .bind(interface.private_ip.to_string())
    .bind(record.auto_public_ip)
    .bind(interface.source_dest_check)
    .bind(interface.created.as_millisecond())
    .execute(&mut **tx)
    .await
    .map_err(inserting("the interface's address"))?;
    write(tx, record).await?;
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

/// Writes what can change in an interface's life, but its groups.
async fn write(tx: &mut SqliteConnection, record: &InterfaceRecord) -> StoreResult<()> {
    let interface = &record.interface;
    let attachment = interface.attachment.as_ref();
    let done = sqlx::query(
        "UPDATE interfaces SET description = ?, public_ip = ?, auto_public_ip = ?, source_dest_check = ?,
                               instance_id = ?, attachment_id = ?, device_index = ?, attached = ?,
                               delete_on_termination = ?, attachment_state = ?, force_detach = ?
         WHERE id = ?",
    )
    .bind(&interface.description)
    .bind(interface.public_ip.map(|a| a.to_string()))
    .bind(record.auto_public_ip)
    .bind(interface.source_dest_check)
    .bind(attachment.map(|a| a.instance_id.as_str()))
    .bind(attachment.map(|a| a.id.as_str()))
    .bind(attachment.map(|a| a.device_index))
    .bind(attachment.map(|a| a.attached.as_millisecond()))
    .bind(attachment.is_some_and(|a| a.delete_on_termination))
    .bind(attachment.map(|a| word(&a.state)))
    .bind(attachment.is_some_and(|a| a.force))
    .bind(interface.id.as_str())
    .execute(tx)
    .await
    .map_err(inserting("the interface's address or place"))?;
    one_row(done, "the interface")
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

/// Gives a public address to an interface of this instance that has none.
pub(crate) async fn give_public_ip(
    tx: &mut SqliteConnection,
    instance: &InstanceId,
    interface: &InterfaceId,
    address: Ipv4Addr,
) -> StoreResult<()> {
    sqlx::query(
        "UPDATE interfaces SET public_ip = ? WHERE id = ? AND instance_id = ? AND public_ip IS NULL AND auto_public_ip = 1",
    )
    .bind(address.to_string())
    .bind(interface.as_str())
    .bind(instance.as_str())
    .execute(tx)
    .await
    .map_err(inserting("the public address"))?;
    Ok(())
}

/// Removes those interfaces of an instance that go with it, and detaches the others.
pub(crate) async fn release_of(tx: &mut SqliteConnection, instance: &InstanceId) -> StoreResult<()> {
    for statement in [
        "DELETE FROM tags WHERE resource_id IN
         (SELECT id FROM interfaces WHERE instance_id = ? AND delete_on_termination = 1)",
        "DELETE FROM interfaces WHERE instance_id = ? AND delete_on_termination = 1",
        "UPDATE interfaces SET instance_id = NULL, attachment_id = NULL, device_index = NULL, attached = NULL,
                               attachment_state = NULL, force_detach = 0,
                               public_ip = CASE auto_public_ip WHEN 1 THEN NULL ELSE public_ip END, auto_public_ip = 0
         WHERE instance_id = ?",
    ] {
        sqlx::query(statement)
            .bind(instance.as_str())
            .execute(&mut *tx)
            .await
            .map_err(doing("release an instance's interfaces"))?;
    }
    Ok(())
}
