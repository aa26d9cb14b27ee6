//! VPCs and subnets.

use std::net::Ipv4Addr;

use cumulet_model::VpcId;
use cumulet_model::network::{Subnet, Vpc};
use cumulet_model::security::SecurityGroup;

use crate::column::Columns;
use crate::tag::TagsById;
use crate::{Store, StoreResult, doing, inserting, security};

/// A subnet with what only the address search needs.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SubnetRecord {
    /// The subnet; its count of free addresses is 0 here, the engine computes it.
    pub subnet: Subnet,
    /// The private address given out last.
    pub last_private_ip: Option<Ipv4Addr>,
}

/// The default VPC with all that belongs to it from the start.
#[derive(Debug, Clone)]
pub struct NewDefaultVpc {
    /// The VPC.
    pub vpc: Vpc,
    /// A subnet for each zone.
    pub subnets: Vec<Subnet>,
    /// Its default group.
    pub group: SecurityGroup,
}

impl Store {
    /// All VPCs, the default one first.
    pub async fn vpcs(&self) -> StoreResult<Vec<Vpc>> {
        let mut tags = self.tags_by_id().await?;
        let rows = sqlx::query("SELECT * FROM vpcs ORDER BY is_default DESC, id")
            .fetch_all(&self.pool)
            .await
            .map_err(doing("read the VPCs"))?;
        rows.iter().map(|row| read_vpc(&Columns::new("vpcs", row), &mut tags)).collect()
    }

    /// One VPC, without its tags.
    pub async fn vpc(&self, id: &VpcId) -> StoreResult<Option<Vpc>> {
        let row = sqlx::query("SELECT * FROM vpcs WHERE id = ?")
            .bind(id.as_str())
            .fetch_optional(&self.pool)
            .await
            .map_err(doing("read a VPC"))?;
        row.map(|row| read_vpc(&Columns::new("vpcs", &row), &mut Default::default())).transpose()
    }

    /// All subnets, by zone.
    pub async fn subnets(&self) -> StoreResult<Vec<SubnetRecord>> {
        let mut tags = self.tags_by_id().await?;
        let rows = sqlx::query("SELECT * FROM subnets ORDER BY zone, id")
            .fetch_all(&self.pool)
            .await
            .map_err(doing("read the subnets"))?;
        rows.iter().map(|row| read_subnet(&Columns::new("subnets", row), &mut tags)).collect()
    }

    /// The subnets of one VPC, by zone, without their tags.
    pub async fn subnets_of(&self, vpc: &VpcId) -> StoreResult<Vec<SubnetRecord>> {
        let rows = sqlx::query("SELECT * FROM subnets WHERE vpc_id = ? ORDER BY zone, id")
            .bind(vpc.as_str())
            .fetch_all(&self.pool)
            .await
            .map_err(doing("read a VPC's subnets"))?;
        rows.iter().map(|row| read_subnet(&Columns::new("subnets", row), &mut Default::default())).collect()
    }

    /// Adds the default VPC; one that is there is [`crate::StoreError::Duplicate`].
    pub async fn add_default_vpc(&self, new: &NewDefaultVpc) -> StoreResult<()> {
        let mut tx = self.begin().await?;
        sqlx::query("INSERT INTO vpcs (id, cidr, is_default, dhcp_options_id) VALUES (?, ?, ?, ?)")
            .bind(new.vpc.id.as_str())
            .bind(new.vpc.cidr.to_string())
            .bind(new.vpc.is_default)
            .bind(new.vpc.dhcp_options_id.as_str())
            .execute(&mut *tx)
            .await
            .map_err(inserting("the default VPC"))?;
        for subnet in &new.subnets {
            sqlx::query(
                "INSERT INTO subnets (id, vpc_id, cidr, zone, default_for_zone, map_public_ip) VALUES (?, ?, ?, ?, ?, ?)",
            )
            .bind(subnet.id.as_str())
            .bind(subnet.vpc_id.as_str())
            .bind(subnet.cidr.to_string())
            .bind(&subnet.zone)
            .bind(subnet.default_for_zone)
            .bind(subnet.map_public_ip_on_launch)
            .execute(&mut *tx)
            .await
            .map_err(inserting("the subnet"))?;
        }
        security::insert_group(&mut tx, &new.group).await?;
        tx.commit().await.map_err(doing("add the default VPC"))
    }
}

fn read_vpc(row: &Columns<'_>, tags: &mut TagsById) -> StoreResult<Vpc> {
    Ok(Vpc {
        id: row.parsed("id")?,
        cidr: row.parsed("cidr")?,
        is_default: row.flag("is_default")?,
        dhcp_options_id: row.parsed("dhcp_options_id")?,
        tags: tags.remove(&row.text("id")?).unwrap_or_default(),
    })
}

fn read_subnet(row: &Columns<'_>, tags: &mut TagsById) -> StoreResult<SubnetRecord> {
    let subnet = Subnet {
        id: row.parsed("id")?,
        vpc_id: row.parsed("vpc_id")?,
        cidr: row.parsed("cidr")?,
        zone: row.text("zone")?,
        default_for_zone: row.flag("default_for_zone")?,
        map_public_ip_on_launch: row.flag("map_public_ip")?,
        available_addresses: 0,
        tags: tags.remove(&row.text("id")?).unwrap_or_default(),
    };
    Ok(SubnetRecord { subnet, last_private_ip: row.parsed_if("last_private_ip")? })
}
