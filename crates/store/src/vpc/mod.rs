//! VPCs: each with what belongs to it from its first moment on, and what goes with it.

pub(crate) mod range;
pub(crate) mod subnet;

use cumulet_model::network::{Subnet, Vpc};
use cumulet_model::route::RouteTable;
use cumulet_model::security::SecurityGroup;
use cumulet_model::{DhcpOptionsId, VpcId};
use sqlx::{Sqlite, Transaction};

use crate::column::Columns;
use crate::tag::TagsById;
use crate::{Store, StoreResult, doing, gateway, inserting, one_row, route, security, tag};
use range::Ranges;

/// How the column says that a VPC has no DHCP options set.
const NO_OPTIONS: &str = "default";

/// A VPC with all that belongs to it from the start.
#[derive(Debug, Clone)]
pub struct NewVpc {
    /// The VPC.
    pub vpc: Vpc,
    /// Its subnets; the default VPC has one for each zone.
    pub subnets: Vec<Subnet>,
    /// Its default group.
    pub group: SecurityGroup,
    /// Its main route table.
    pub routes: RouteTable,
    /// Its internet gateway; the default VPC has one.
    pub internet_gateway: Option<cumulet_model::gateway::InternetGateway>,
}

impl Store {
    /// All VPCs, the default one first.
    pub async fn vpcs(&self) -> StoreResult<Vec<Vpc>> {
        let mut tags = self.tags_by_id().await?;
        let mut ranges = range::read(self).await?;
        let rows = sqlx::query("SELECT * FROM vpcs ORDER BY is_default DESC, id")
            .fetch_all(&self.pool)
            .await
            .map_err(doing("read the VPCs"))?;
        rows.iter().map(|row| read_vpc(&Columns::new("vpcs", row), &mut ranges, &mut tags)).collect()
    }

    /// One VPC, without its tags.
    pub async fn vpc(&self, id: &VpcId) -> StoreResult<Option<Vpc>> {
        let mut ranges = range::read(self).await?;
        let row = sqlx::query("SELECT * FROM vpcs WHERE id = ?")
            .bind(id.as_str())
            .fetch_optional(&self.pool)
            .await
            .map_err(doing("read a VPC"))?;
        row.map(|row| read_vpc(&Columns::new("vpcs", &row), &mut ranges, &mut Default::default())).transpose()
    }

    /// Adds a VPC; a second default one is [`crate::StoreError::Duplicate`].
    pub async fn add_vpc(&self, new: &NewVpc) -> StoreResult<()> {
        let mut tx = self.begin().await?;
        insert_vpc(&mut tx, &new.vpc).await?;
        security::insert_group(&mut tx, &new.group).await?;
        if let Some(gateway) = &new.internet_gateway {
            gateway::insert_internet(&mut tx, gateway).await?;
        }
        route::insert_table(&mut tx, &new.routes).await?;
        for subnet in &new.subnets {
            subnet::insert(&mut tx, subnet).await?;
        }
        tx.commit().await.map_err(doing("add a VPC"))
    }

    /// Removes a VPC with its ranges, its default group and its main route table. All else that is in it must be gone.
    pub async fn delete_vpc(&self, vpc: &Vpc, group: &SecurityGroup, routes: &RouteTable) -> StoreResult<()> {
        let mut tx = self.begin().await?;
        let rules = group.rules.iter().map(|rule| rule.id.as_str());
        for id in rules.chain([group.id.as_str(), routes.id.as_str(), vpc.id.as_str()]) {
            tag::forget(&mut tx, id).await?;
        }
        sqlx::query("DELETE FROM security_groups WHERE id = ?")
            .bind(group.id.as_str())
            .execute(&mut *tx)
            .await
            .map_err(doing("delete a VPC's default group"))?;
        let done = sqlx::query("DELETE FROM vpcs WHERE id = ?")
            .bind(vpc.id.as_str())
            .execute(&mut *tx)
            .await
            .map_err(doing("delete a VPC"))?;
        one_row(done, "the VPC")?;
        tx.commit().await.map_err(doing("delete a VPC"))
    }

    /// Writes a VPC's attributes and the DHCP options set that it uses.
    pub async fn update_vpc(&self, vpc: &Vpc) -> StoreResult<()> {
        let done = sqlx::query(
            "UPDATE vpcs SET dhcp_options_id = ?, dns_support = ?, dns_hostnames = ?, address_metrics = ? WHERE id = ?",
        )
        .bind(options_column(vpc))
        .bind(vpc.dns_support)
        .bind(vpc.dns_hostnames)
        .bind(vpc.address_metrics)
        .bind(vpc.id.as_str())
        .execute(&self.writer)
        .await
        .map_err(doing("write a VPC's attributes"))?;
        one_row(done, "the VPC")
    }
}

async fn insert_vpc(tx: &mut Transaction<'_, Sqlite>, vpc: &Vpc) -> StoreResult<()> {
    sqlx::query(
        "INSERT INTO vpcs (id, cidr, is_default, dhcp_options_id, dns_support, dns_hostnames, address_metrics)
         VALUES (?, ?, ?, ?, ?, ?, ?)",
    )
    .bind(vpc.id.as_str())
    .bind(vpc.cidr.to_string())
    .bind(vpc.is_default)
    .bind(options_column(vpc))
    .bind(vpc.dns_support)
    .bind(vpc.dns_hostnames)
    .bind(vpc.address_metrics)
    .execute(&mut **tx)
    .await
    .map_err(inserting("the VPC"))?;
    for held in &vpc.more_cidrs {
        range::insert(tx, &vpc.id, &held.id, held.cidr.into()).await?;
    }
    for held in &vpc.ipv6_cidrs {
        range::insert(tx, &vpc.id, &held.id, held.cidr.into()).await?;
    }
    tag::insert(tx, vpc.id.as_str(), &vpc.tags).await
}

fn options_column(vpc: &Vpc) -> &str {
    vpc.dhcp_options_id.as_ref().map_or(NO_OPTIONS, DhcpOptionsId::as_str)
}

fn read_vpc(row: &Columns<'_>, ranges: &mut Ranges, tags: &mut TagsById) -> StoreResult<Vpc> {
    let id: VpcId = row.parsed("id")?;
    let (more_cidrs, ipv6_cidrs) = ranges.remove(&id).unwrap_or_default();
    Ok(Vpc {
        cidr: row.parsed("cidr")?,
        more_cidrs,
        ipv6_cidrs,
        is_default: row.flag("is_default")?,
        dhcp_options_id: match row.text("dhcp_options_id")?.as_str() {
            NO_OPTIONS => None,
            _ => Some(row.parsed("dhcp_options_id")?),
        },
        dns_support: row.flag("dns_support")?,
        dns_hostnames: row.flag("dns_hostnames")?,
        address_metrics: row.flag("address_metrics")?,
        tags: tags.remove(id.as_str()).unwrap_or_default(),
        id,
    })
}
