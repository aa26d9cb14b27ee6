//! NAT gateways, with the interfaces that stand for them.

use cumulet_model::nat::{NatGateway, NatGatewayAddress, NatGatewayFailure, NatGatewayState};
use cumulet_model::network::InterfaceKind;
use jiff::Timestamp;
use sqlx::{Sqlite, Transaction};

use crate::column::{Columns, word};
use crate::interface::{self, InterfaceRecord};
use crate::tag::TagsById;
use crate::token::{self, RequestToken};
use crate::{Store, StoreResult, doing, elastic, inserting, one_row, tag};

impl Store {
    /// All NAT gateways, oldest first; those that have ended for as long as they are listed.
    pub async fn nat_gateways(&self) -> StoreResult<Vec<NatGateway>> {
        let mut tags = self.tags_by_id().await?;
        let rows = sqlx::query("SELECT * FROM nat_gateways ORDER BY seq")
            .fetch_all(&self.pool)
            .await
            .map_err(doing("read the NAT gateways"))?;
        rows.iter().map(|row| read(&Columns::new("nat_gateways", row), &mut tags)).collect()
    }

    /// Adds a NAT gateway with its interface, which its elastic address then leads to. One that failed at once has none.
    pub async fn add_nat_gateway(
        &self,
        gateway: &NatGateway,
        interface: Option<&InterfaceRecord>,
        token: Option<&RequestToken>,
    ) -> StoreResult<()> {
        let mut tx = self.begin().await?;
        insert(&mut tx, gateway).await?;
        if let (Some(record), Some(address)) = (interface, &gateway.address) {
            interface::insert(&mut tx, record).await?;
            let id = &gateway.allocation_id;
            let (association, interface) = (&address.association_id, &address.interface_id);
            elastic::associate(&mut tx, id, association, interface, address.private_ip).await?;
        }
        tag::insert(&mut tx, gateway.id.as_str(), &gateway.tags).await?;
        if let Some(token) = token {
            token::insert(&mut tx, token, gateway.id.as_str(), gateway.created).await?;
        }
        tx.commit().await.map_err(doing("add a NAT gateway"))
    }

    /// Writes the state of a NAT gateway that is still in the state `from`; [`crate::StoreError::Gone`] if it is not.
    pub async fn move_nat_gateway(&self, gateway: &NatGateway, from: NatGatewayState) -> StoreResult<()> {
        let mut tx = self.begin().await?;
        write(&mut tx, gateway, from).await?;
        tx.commit().await.map_err(doing("write a NAT gateway's state"))
    }

    /// Ends a NAT gateway that is still in the state `from`: its interface goes, its elastic address is idle.
    pub async fn end_nat_gateway(&self, gateway: &NatGateway, from: NatGatewayState) -> StoreResult<()> {
        let mut tx = self.begin().await?;
        write(&mut tx, gateway, from).await?;
        if let Some(address) = &gateway.address {
            interface::delete(&mut tx, &address.interface_id, InterfaceKind::NatGateway).await?;
        }
        token::forget(&mut tx, gateway.id.as_str()).await?;
        tx.commit().await.map_err(doing("end a NAT gateway"))
    }

    /// Forgets NAT gateways that ended before `before`.
    pub async fn forget_nat_gateways(&self, before: Timestamp) -> StoreResult<()> {
        let mut tx = self.begin().await?;
        for statement in [
            "DELETE FROM tags WHERE resource_id IN (SELECT id FROM nat_gateways WHERE ended < ?)",
            "DELETE FROM nat_gateways WHERE ended < ?",
        ] {
            sqlx::query(statement)
                .bind(before.as_millisecond())
                .execute(&mut *tx)
                .await
                .map_err(doing("forget ended NAT gateways"))?;
        }
        tx.commit().await.map_err(doing("forget ended NAT gateways"))
    }
}

async fn insert(tx: &mut Transaction<'_, Sqlite>, gateway: &NatGateway) -> StoreResult<()> {
    let (address, failure) = (gateway.address.as_ref(), gateway.failure.as_ref());
    sqlx::query(
        "INSERT INTO nat_gateways (id, vpc_id, subnet_id, state, created, ended, failure_code, failure_message,
                                   allocation_id, interface_id, private_ip, public_ip, association_id)
         VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)",
    )
    .bind(gateway.id.as_str())
    .bind(gateway.vpc_id.as_str())
    .bind(gateway.subnet_id.as_str())
    .bind(word(&gateway.state))
    .bind(gateway.created.as_millisecond())
    .bind(gateway.ended.map(Timestamp::as_millisecond))
    .bind(failure.map(|failure| failure.code.as_str()))
    .bind(failure.map(|failure| failure.message.as_str()))
    .bind(gateway.allocation_id.as_str())
    .bind(address.map(|address| address.interface_id.as_str()))
    .bind(address.map(|address| address.private_ip.to_string()))
    .bind(address.map(|address| address.public_ip.to_string()))
    .bind(address.map(|address| address.association_id.as_str()))
    .execute(&mut **tx)
    .await
    .map_err(inserting("the NAT gateway"))?;
    Ok(())
}

async fn write(
    tx: &mut Transaction<'_, Sqlite>,
    gateway: &NatGateway,
    from: NatGatewayState,
) -> StoreResult<()> {
    let failure = gateway.failure.as_ref();
    let done = sqlx::query(
        "UPDATE nat_gateways SET state = ?, ended = ?, failure_code = ?, failure_message = ?
         WHERE id = ? AND state = ?",
    )
    .bind(word(&gateway.state))
    .bind(gateway.ended.map(Timestamp::as_millisecond))
    .bind(failure.map(|failure| failure.code.as_str()))
    .bind(failure.map(|failure| failure.message.as_str()))
    .bind(gateway.id.as_str())
    .bind(word(&from))
    .execute(&mut **tx)
    .await
    .map_err(doing("write a NAT gateway's state"))?;
    one_row(done, "the NAT gateway")
}

fn read(row: &Columns<'_>, tags: &mut TagsById) -> StoreResult<NatGateway> {
    let address = match row.parsed_if("interface_id")? {
        None => None,
        Some(interface_id) => Some(NatGatewayAddress {
            interface_id,
            private_ip: row.parsed("private_ip")?,
            public_ip: row.parsed("public_ip")?,
            association_id: row.parsed("association_id")?,
        }),
    };
    let failure = match row.text_if("failure_code")? {
        None => None,
        Some(code) => Some(NatGatewayFailure { code, message: row.text("failure_message")? }),
    };
    Ok(NatGateway {
        id: row.parsed("id")?,
        vpc_id: row.parsed("vpc_id")?,
        subnet_id: row.parsed("subnet_id")?,
        state: row.word("state")?,
        created: row.time("created")?,
        ended: row.time_if("ended")?,
        failure,
        allocation_id: row.parsed("allocation_id")?,
        address,
        tags: tags.remove(&row.text("id")?).unwrap_or_default(),
    })
}
