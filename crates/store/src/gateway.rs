//! Internet gateways and egress-only ones.

use cumulet_model::gateway::{EgressOnlyGateway, InternetGateway};
use cumulet_model::{EgressOnlyGatewayId, InternetGatewayId, VpcId};
use jiff::Timestamp;
use sqlx::{Sqlite, Transaction};

use crate::column::Columns;
use crate::token::{self, RequestToken};
use crate::{Store, StoreResult, doing, inserting, one_row, tag};

impl Store {
    /// All internet gateways, oldest first.
    pub async fn internet_gateways(&self) -> StoreResult<Vec<InternetGateway>> {
        let mut tags = self.tags_by_id().await?;
        let rows = sqlx::query("SELECT * FROM internet_gateways ORDER BY seq")
            .fetch_all(&self.pool)
            .await
            .map_err(doing("read the internet gateways"))?;
        rows.iter()
            .map(|row| {
                let row = Columns::new("internet_gateways", row);
                let tags = tags.remove(&row.text("id")?).unwrap_or_default();
                Ok(InternetGateway { id: row.parsed("id")?, vpc_id: row.parsed_if("vpc_id")?, tags })
            })
            .collect()
    }

    /// Adds an internet gateway.
    pub async fn add_internet_gateway(&self, gateway: &InternetGateway) -> StoreResult<()> {
        let mut tx = self.begin().await?;
        insert_internet(&mut tx, gateway).await?;
        tx.commit().await.map_err(doing("add an internet gateway"))
    }

    /// Attaches an internet gateway, or detaches it; a VPC that has one is [`crate::StoreError::Duplicate`].
    pub async fn attach_internet_gateway(
        &self,
        id: &InternetGatewayId,
        vpc: Option<&VpcId>,
    ) -> StoreResult<()> {
        let done = sqlx::query("UPDATE internet_gateways SET vpc_id = ? WHERE id = ?")
            .bind(vpc.map(VpcId::as_str))
            .bind(id.as_str())
            .execute(&self.writer)
            .await
            .map_err(inserting("the VPC's internet gateway"))?;
        one_row(done, "the internet gateway")
    }

    /// Removes an internet gateway that is attached to nothing.
    pub async fn delete_internet_gateway(&self, id: &InternetGatewayId) -> StoreResult<()> {
        let mut tx = self.begin().await?;
        tag::forget(&mut tx, id.as_str()).await?;
        let done = sqlx::query("DELETE FROM internet_gateways WHERE id = ? AND vpc_id IS NULL")
            .bind(id.as_str())
            .execute(&mut *tx)
            .await
            .map_err(doing("delete an internet gateway"))?;
        one_row(done, "the internet gateway")?;
        tx.commit().await.map_err(doing("delete an internet gateway"))
    }

    /// All egress-only internet gateways, oldest first.
    pub async fn egress_only_gateways(&self) -> StoreResult<Vec<EgressOnlyGateway>> {
        let mut tags = self.tags_by_id().await?;
        let rows = sqlx::query("SELECT * FROM egress_only_gateways ORDER BY seq")
            .fetch_all(&self.pool)
            .await
            .map_err(doing("read the egress-only internet gateways"))?;
        rows.iter()
            .map(|row| {
                let row = Columns::new("egress_only_gateways", row);
                let tags = tags.remove(&row.text("id")?).unwrap_or_default();
                Ok(EgressOnlyGateway { id: row.parsed("id")?, vpc_id: row.parsed("vpc_id")?, tags })
            })
            .collect()
    }

    /// Adds an egress-only internet gateway; a VPC that has one is [`crate::StoreError::Duplicate`].
    pub async fn add_egress_only_gateway(
        &self,
        gateway: &EgressOnlyGateway,
        token: Option<&RequestToken>,
        now: Timestamp,
    ) -> StoreResult<()> {
        let mut tx = self.begin().await?;
        sqlx::query("INSERT INTO egress_only_gateways (id, vpc_id) VALUES (?, ?)")
            .bind(gateway.id.as_str())
            .bind(gateway.vpc_id.as_str())
            .execute(&mut *tx)
            .await
            .map_err(inserting("the VPC's egress-only internet gateway"))?;
        tag::insert(&mut tx, gateway.id.as_str(), &gateway.tags).await?;
        if let Some(token) = token {
            token::insert(&mut tx, token, gateway.id.as_str(), now).await?;
        }
        tx.commit().await.map_err(doing("add an egress-only internet gateway"))
    }

    /// Removes an egress-only internet gateway.
    pub async fn delete_egress_only_gateway(&self, id: &EgressOnlyGatewayId) -> StoreResult<()> {
        let mut tx = self.begin().await?;
        tag::forget(&mut tx, id.as_str()).await?;
        token::forget(&mut tx, id.as_str()).await?;
        let done = sqlx::query("DELETE FROM egress_only_gateways WHERE id = ?")
            .bind(id.as_str())
            .execute(&mut *tx)
            .await
            .map_err(doing("delete an egress-only internet gateway"))?;
        one_row(done, "the egress-only internet gateway")?;
        tx.commit().await.map_err(doing("delete an egress-only internet gateway"))
    }
}

pub(crate) async fn insert_internet(
    tx: &mut Transaction<'_, Sqlite>,
    gateway: &InternetGateway,
) -> StoreResult<()> {
    sqlx::query("INSERT INTO internet_gateways (id, vpc_id) VALUES (?, ?)")
        .bind(gateway.id.as_str())
        .bind(gateway.vpc_id.as_ref().map(VpcId::as_str))
        .execute(&mut **tx)
        .await
        .map_err(inserting("the VPC's internet gateway"))?;
    tag::insert(tx, gateway.id.as_str(), &gateway.tags).await
}
