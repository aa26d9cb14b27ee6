//! The ranges of addresses that VPCs have beyond their first one.

use std::collections::HashMap;

use cumulet_model::network::VpcRange;
use cumulet_model::{VpcCidrAssociationId, VpcId};
use ipnet::{IpNet, Ipv4Net, Ipv6Net};
use sqlx::{Sqlite, Transaction};

use crate::column::Columns;
use crate::{Store, StoreResult, doing, inserting, one_row};

/// The IPv4 and IPv6 ranges of each VPC that has any.
pub(crate) type Ranges = HashMap<VpcId, (Vec<VpcRange<Ipv4Net>>, Vec<VpcRange<Ipv6Net>>)>;

impl Store {
    /// Gives a VPC a range; an IPv6 one that another has is [`crate::StoreError::Duplicate`].
    pub async fn add_vpc_range(
        &self,
        vpc: &VpcId,
        id: &VpcCidrAssociationId,
        cidr: IpNet,
    ) -> StoreResult<()> {
        let mut tx = self.begin().await?;
        insert(&mut tx, vpc, id, cidr).await?;
        tx.commit().await.map_err(doing("add a VPC's range"))
    }

    /// Takes a range from a VPC.
    pub async fn delete_vpc_range(&self, id: &VpcCidrAssociationId) -> StoreResult<()> {
        let done = sqlx::query("DELETE FROM vpc_ranges WHERE id = ?")
            .bind(id.as_str())
            .execute(&self.writer)
            .await
            .map_err(doing("delete a VPC's range"))?;
        one_row(done, "the VPC's range")
    }
}

/// All ranges.
pub(super) async fn read(store: &Store) -> StoreResult<Ranges> {
    let rows = sqlx::query("SELECT * FROM vpc_ranges ORDER BY seq")
        .fetch_all(&store.pool)
        .await
        .map_err(doing("read the VPCs' ranges"))?;
    let mut ranges = Ranges::new();
    for row in &rows {
        let row = Columns::new("vpc_ranges", row);
        let (id, held) = (row.parsed("id")?, ranges.entry(row.parsed("vpc_id")?).or_default());
        match row.count::<u8>("family")? {
            6 => held.1.push(VpcRange { id, cidr: row.parsed("cidr")? }),
            _ => held.0.push(VpcRange { id, cidr: row.parsed("cidr")? }),
        }
    }
    Ok(ranges)
}

pub(super) async fn insert(
    tx: &mut Transaction<'_, Sqlite>,
    vpc: &VpcId,
    id: &VpcCidrAssociationId,
    cidr: IpNet,
) -> StoreResult<()> {
    sqlx::query("INSERT INTO vpc_ranges (id, vpc_id, family, cidr) VALUES (?, ?, ?, ?)")
        .bind(id.as_str())
        .bind(vpc.as_str())
        .bind(if cidr.addr().is_ipv6() { 6 } else { 4 })
        .bind(cidr.to_string())
        .execute(&mut **tx)
        .await
        .map_err(inserting("the VPC's range"))?;
    Ok(())
}
