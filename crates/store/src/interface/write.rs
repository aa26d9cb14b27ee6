//! Interfaces into their rows, and out of them at their end.

use std::net::{IpAddr, Ipv4Addr};

use cumulet_model::network::InterfaceKind;
use cumulet_model::{GroupId, InstanceId, InterfaceId};
use sqlx::{Sqlite, SqliteConnection, Transaction};

use super::{InterfaceRecord, address};
use crate::column::word;
use crate::{StoreResult, doing, inserting, one_row, tag};

pub(crate) async fn insert(tx: &mut Transaction<'_, Sqlite>, record: &InterfaceRecord) -> StoreResult<()> {
    let interface = &record.interface;
    sqlx::query(
        "INSERT INTO interfaces (id, vpc_id, subnet_id, description, mac, private_ip, auto_public_ip,
                                 source_dest_check, created, kind, delete_on_termination)
         VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, 0)",
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
    .bind(word(&interface.kind))
    .execute(&mut **tx)
    .await
    .map_err(inserting("the interface's address"))?;
    write(tx, record).await?;
    let secondary = interface.secondary.iter().map(|address| IpAddr::V4(address.private_ip));
    for address in secondary.chain(interface.ipv6.iter().copied().map(IpAddr::V6)) {
        address::insert(tx, interface, address).await?;
    }
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

/// Writes what can change in an interface's life, but its groups, secondary and IPv6 addresses.
pub(super) async fn write(tx: &mut SqliteConnection, record: &InterfaceRecord) -> StoreResult<()> {
    let interface = &record.interface;
    let attachment = interface.attachment.as_ref();
    let done = sqlx::query(
        "UPDATE interfaces SET description = ?, public_ip = ?, auto_public_ip = ?, source_dest_check = ?,
                               primary_ipv6 = ?, instance_id = ?, attachment_id = ?, device_index = ?, attached = ?,
                               delete_on_termination = ?, attachment_state = ?, force_detach = ?
         WHERE id = ?",
    )
    .bind(&interface.description)
    .bind(interface.public_ip.filter(|_| interface.elastic.is_none()).map(|a| a.to_string()))
    .bind(record.auto_public_ip)
    .bind(interface.source_dest_check)
    .bind(interface.primary_ipv6)
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

pub(super) async fn insert_groups(
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
        "UPDATE interfaces SET public_ip = ? WHERE id = ? AND instance_id = ? AND public_ip IS NULL AND auto_public_ip = 1
         AND NOT EXISTS (SELECT 1 FROM addresses a
                         WHERE a.interface_id = interfaces.id AND a.private_ip = interfaces.private_ip)",
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

/// Removes an interface of this kind that is attached to nothing; [`crate::StoreError::Gone`] if there is none. An elastic
/// address that leads to it is idle then.
pub(crate) async fn delete(
    tx: &mut Transaction<'_, Sqlite>,
    id: &InterfaceId,
    kind: InterfaceKind,
) -> StoreResult<()> {
    let done = sqlx::query("DELETE FROM interfaces WHERE id = ? AND kind = ? AND instance_id IS NULL")
        .bind(id.as_str())
        .bind(word(&kind))
        .execute(&mut **tx)
        .await
        .map_err(doing("delete an interface"))?;
    one_row(done, "the interface")?;
    tag::forget(tx, id.as_str()).await
}
