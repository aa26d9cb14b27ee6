//! Secondary private addresses and IPv6 addresses of interfaces.

use std::collections::HashMap;
use std::net::IpAddr;

use cumulet_model::InterfaceId;
use cumulet_model::network::NetworkInterface;
use sqlx::{AssertSqlSafe, Sqlite, SqliteConnection, Transaction};

use crate::column::Columns;
use crate::{Store, StoreError, StoreResult, doing, inserting, one_row};

impl Store {
    /// Gives an interface further addresses, all or none. One that another interface of the VPC has as its secondary one
    /// is moved with its elastic address if `reassign`, and else [`StoreError::Duplicate`].
    pub async fn assign_addresses(
        &self,
        interface: &NetworkInterface,
        addresses: &[IpAddr],
        reassign: bool,
    ) -> StoreResult<()> {
        let mut tx = self.begin().await?;
        for address in addresses {
            match insert(&mut tx, interface, *address).await {
                Err(StoreError::Duplicate(_)) if reassign => take_over(&mut tx, interface, *address).await?,
                done => done?,
            }
        }
        if let Some(IpAddr::V4(last)) = addresses.iter().rfind(|address| address.is_ipv4()) {
            sqlx::query("UPDATE subnets SET last_private_ip = ? WHERE id = ?")
                .bind(last.to_string())
                .bind(interface.subnet_id.as_str())
                .execute(&mut *tx)
                .await
                .map_err(doing("remember the address given out last"))?;
        }
        tx.commit().await.map_err(doing("assign addresses"))
    }

    /// Takes addresses of an interface away, all or none; one that it has not is [`StoreError::Gone`]. Elastic addresses
    /// that lead to them are idle then.
    pub async fn unassign_addresses(&self, id: &InterfaceId, addresses: &[IpAddr]) -> StoreResult<()> {
        let mut tx = self.begin().await?;
        for address in addresses {
            let done = sqlx::query("DELETE FROM interface_addresses WHERE interface_id = ? AND address = ?")
                .bind(id.as_str())
                .bind(address.to_string())
                .execute(&mut *tx)
                .await
                .map_err(doing("unassign an address"))?;
            one_row(done, "the interface's address")?;
        }
        tx.commit().await.map_err(doing("unassign addresses"))
    }
}

pub(super) async fn insert(
    tx: &mut Transaction<'_, Sqlite>,
    interface: &NetworkInterface,
    address: IpAddr,
) -> StoreResult<()> {
    sqlx::query("INSERT INTO interface_addresses (interface_id, vpc_id, address) VALUES (?, ?, ?)")
        .bind(interface.id.as_str())
        .bind(interface.vpc_id.as_str())
        .bind(address.to_string())
        .execute(&mut **tx)
        .await
        .map_err(inserting("the interface's further address"))?;
    Ok(())
}

/// Moves an address of another interface here, with its elastic address.
async fn take_over(
    tx: &mut Transaction<'_, Sqlite>,
    interface: &NetworkInterface,
    address: IpAddr,
) -> StoreResult<()> {
    let text = address.to_string();
    for statement in [
        "UPDATE addresses SET interface_id = ?1 WHERE private_ip = ?3 AND interface_id =
         (SELECT interface_id FROM interface_addresses WHERE vpc_id = ?2 AND address = ?3)",
        "UPDATE interface_addresses SET interface_id = ?1, seq = (SELECT max(seq) + 1 FROM interface_addresses)
         WHERE vpc_id = ?2 AND address = ?3",
    ] {
        sqlx::query(statement)
            .bind(interface.id.as_str())
            .bind(interface.vpc_id.as_str())
            .bind(&text)
            .execute(&mut **tx)
            .await
            .map_err(doing("move an address to another interface"))?;
    }
    Ok(())
}

/// The addresses of interfaces under a condition on `?1`, in the order of their assignment.
pub(super) async fn read_where(
    connection: &mut SqliteConnection,
    condition: &'static str,
    value: &str,
) -> StoreResult<HashMap<InterfaceId, Vec<IpAddr>>> {
    let rows = sqlx::query(AssertSqlSafe(format!(
        "SELECT a.interface_id, a.address FROM interface_addresses a JOIN interfaces i ON i.id = a.interface_id
         WHERE {condition} ORDER BY a.seq"
    )))
    .bind(value)
    .fetch_all(connection)
    .await
    .map_err(doing("read the interfaces' further addresses"))?;
    let mut addresses: HashMap<InterfaceId, Vec<IpAddr>> = HashMap::new();
    for row in &rows {
        let row = Columns::new("interface_addresses", row);
        addresses.entry(row.parsed("interface_id")?).or_default().push(row.parsed("address")?);
    }
    Ok(addresses)
}
