//! Interfaces out of their rows, with what other tables hold of them.

use std::collections::HashMap;
use std::net::{IpAddr, Ipv4Addr};

use cumulet_model::elastic::ElasticRef;
use cumulet_model::network::{GroupRef, InterfaceAttachment, NetworkInterface, SecondaryAddress};
use cumulet_model::{InstanceId, InterfaceId};
use sqlx::{AssertSqlSafe, SqliteConnection};

use super::{InterfaceRecord, address};
use crate::column::Columns;
use crate::{StoreResult, doing, elastic, tag};

pub(super) async fn read_one(
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

/// Interfaces under a condition on `?1`, with their groups and addresses; their tags are read one by one if they are not
/// given.
pub(super) async fn read_where(
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
    let mut parts = Parts {
        groups: groups(connection, condition, value).await?,
        addresses: address::read_where(connection, condition, value).await?,
        elastic: elastic::read_where(connection, condition, value).await?,
    };
    let mut records = Vec::with_capacity(rows.len());
    for row in &rows {
        records.push(read(&Columns::new("interfaces", row), &mut parts)?);
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

/// What other tables hold of interfaces.
struct Parts {
    groups: HashMap<InterfaceId, Vec<GroupRef>>,
    addresses: HashMap<InterfaceId, Vec<IpAddr>>,
    elastic: HashMap<(InterfaceId, Ipv4Addr), ElasticRef>,
}

async fn groups(
    connection: &mut SqliteConnection,
    condition: &'static str,
    value: &str,
) -> StoreResult<HashMap<InterfaceId, Vec<GroupRef>>> {
    let rows = sqlx::query(AssertSqlSafe(format!(
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
    for row in &rows {
        let row = Columns::new("interface_groups", row);
        groups
            .entry(row.parsed("interface_id")?)
            .or_default()
            .push(GroupRef { id: row.parsed("id")?, name: row.text("name")? });
    }
    Ok(groups)
}

fn read(row: &Columns<'_>, parts: &mut Parts) -> StoreResult<InterfaceRecord> {
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
    let private_ip = row.parsed("private_ip")?;
    let elastic = parts.elastic.remove(&(id.clone(), private_ip));
    let (mut secondary, mut ipv6) = (Vec::new(), Vec::new());
    for address in parts.addresses.remove(&id).unwrap_or_default() {
        match address {
            IpAddr::V4(private_ip) => {
                let elastic = parts.elastic.remove(&(id.clone(), private_ip));
                secondary.push(SecondaryAddress { private_ip, elastic });
            }
            IpAddr::V6(address) => ipv6.push(address),
        }
    }
    let dynamic: Option<Ipv4Addr> = row.parsed_if("public_ip")?;
    let interface = NetworkInterface {
        vpc_id: row.parsed("vpc_id")?,
        subnet_id: row.parsed("subnet_id")?,
        zone: row.text("zone")?,
        description: row.text("description")?,
        mac: row.parsed("mac")?,
        kind: row.word("kind")?,
        private_ip,
        public_ip: elastic.as_ref().map(|elastic| elastic.public_ip).or(dynamic),
        elastic,
        secondary,
        ipv6,
        primary_ipv6: row.flag("primary_ipv6")?,
        groups: parts.groups.remove(&id).unwrap_or_default(),
        source_dest_check: row.flag("source_dest_check")?,
        attachment,
        created: row.time("created")?,
        tags: Default::default(),
        id,
    };
    Ok(InterfaceRecord { interface, auto_public_ip: row.flag("auto_public_ip")? })
}
