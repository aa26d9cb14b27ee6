//! Subnets.

use std::net::Ipv4Addr;

use cumulet_model::network::{Subnet, SubnetRange};
use cumulet_model::{SubnetId, VpcId};
use sqlx::{Sqlite, Transaction};

use crate::column::Columns;
use crate::tag::TagsById;
use crate::{Store, StoreResult, doing, inserting, one_row, tag};

/// A subnet with what only the address search needs.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SubnetRecord {
    /// The subnet; its count of free addresses is 0 here, the engine computes it.
    pub subnet: Subnet,
    /// The private address given out last.
    pub last_private_ip: Option<Ipv4Addr>,
}

impl Store {
    /// All subnets, by zone.
    pub async fn subnets(&self) -> StoreResult<Vec<SubnetRecord>> {
        let mut tags = self.tags_by_id().await?;
        let rows = sqlx::query("SELECT * FROM subnets ORDER BY zone, id")
            .fetch_all(&self.pool)
            .await
            .map_err(doing("read the subnets"))?;
        rows.iter().map(|row| read(&Columns::new("subnets", row), &mut tags)).collect()
    }

    /// The subnets of one VPC, by zone, without their tags.
    pub async fn subnets_of(&self, vpc: &VpcId) -> StoreResult<Vec<SubnetRecord>> {
        let rows = sqlx::query("SELECT * FROM subnets WHERE vpc_id = ? ORDER BY zone, id")
            .bind(vpc.as_str())
            .fetch_all(&self.pool)
            .await
            .map_err(doing("read a VPC's subnets"))?;
        rows.iter().map(|row| read(&Columns::new("subnets", row), &mut Default::default())).collect()
    }

    /// Adds a subnet.
    pub async fn add_subnet(&self, subnet: &Subnet) -> StoreResult<()> {
        let mut tx = self.begin().await?;
        insert(&mut tx, subnet).await?;
        tx.commit().await.map_err(doing("add a subnet"))
    }

    /// Removes a subnet with its associations. Interfaces in it must be gone.
    pub async fn delete_subnet(&self, id: &SubnetId) -> StoreResult<()> {
        let mut tx = self.begin().await?;
        tag::forget(&mut tx, id.as_str()).await?;
        let done = sqlx::query("DELETE FROM subnets WHERE id = ?")
            .bind(id.as_str())
            .execute(&mut *tx)
            .await
            .map_err(doing("delete a subnet"))?;
        one_row(done, "the subnet")?;
        tx.commit().await.map_err(doing("delete a subnet"))
    }

    /// Writes what can change of a subnet: its attributes and its IPv6 range.
    pub async fn update_subnet(&self, subnet: &Subnet) -> StoreResult<()> {
        let done = sqlx::query(
            "UPDATE subnets SET map_public_ip = ?, assign_ipv6 = ?, ipv6_id = ?, ipv6_cidr = ? WHERE id = ?",
        )
        .bind(subnet.map_public_ip_on_launch)
        .bind(subnet.assign_ipv6_on_creation)
        .bind(subnet.ipv6.as_ref().map(|range| range.id.as_str()))
        .bind(subnet.ipv6.as_ref().map(|range| range.cidr.to_string()))
        .bind(subnet.id.as_str())
        .execute(&self.writer)
        .await
        .map_err(inserting("the subnet's range"))?;
        one_row(done, "the subnet")
    }
}

pub(super) async fn insert(tx: &mut Transaction<'_, Sqlite>, subnet: &Subnet) -> StoreResult<()> {
    sqlx::query(
        "INSERT INTO subnets (id, vpc_id, cidr, zone, default_for_zone, map_public_ip, assign_ipv6, ipv6_id, ipv6_cidr)
         VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?)",
    )
    .bind(subnet.id.as_str())
    .bind(subnet.vpc_id.as_str())
    .bind(subnet.cidr.to_string())
    .bind(&subnet.zone)
    .bind(subnet.default_for_zone)
    .bind(subnet.map_public_ip_on_launch)
    .bind(subnet.assign_ipv6_on_creation)
    .bind(subnet.ipv6.as_ref().map(|range| range.id.as_str()))
    .bind(subnet.ipv6.as_ref().map(|range| range.cidr.to_string()))
    .execute(&mut **tx)
    .await
    .map_err(inserting("the subnet"))?;
    tag::insert(tx, subnet.id.as_str(), &subnet.tags).await
}

fn read(row: &Columns<'_>, tags: &mut TagsById) -> StoreResult<SubnetRecord> {
    let ipv6 = match row.parsed_if("ipv6_id")? {
        None => None,
        Some(id) => Some(SubnetRange { id, cidr: row.parsed("ipv6_cidr")? }),
    };
    let subnet = Subnet {
        id: row.parsed("id")?,
        vpc_id: row.parsed("vpc_id")?,
        cidr: row.parsed("cidr")?,
        ipv6,
        zone: row.text("zone")?,
        default_for_zone: row.flag("default_for_zone")?,
        map_public_ip_on_launch: row.flag("map_public_ip")?,
        assign_ipv6_on_creation: row.flag("assign_ipv6")?,
        available_addresses: 0,
        tags: tags.remove(&row.text("id")?).unwrap_or_default(),
    };
    Ok(SubnetRecord { subnet, last_private_ip: row.parsed_if("last_private_ip")? })
}
