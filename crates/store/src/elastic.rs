//! Elastic addresses and where they lead.

use std::collections::HashMap;
use std::net::Ipv4Addr;

use cumulet_model::elastic::{AddressAssociation, ElasticAddress, ElasticRef};
use cumulet_model::{AddressAssociationId, AllocationId, InterfaceId};
use sqlx::{AssertSqlSafe, Sqlite, SqliteConnection, Transaction};

use crate::column::Columns;
use crate::{Store, StoreResult, doing, inserting, one_row, tag};

impl Store {
    /// All elastic addresses, oldest first.
    pub async fn addresses(&self) -> StoreResult<Vec<ElasticAddress>> {
        let mut tags = self.tags_by_id().await?;
        let rows = sqlx::query(
            "SELECT a.*, i.instance_id FROM addresses a LEFT JOIN interfaces i ON i.id = a.interface_id
             ORDER BY a.allocated, a.allocation_id",
        )
        .fetch_all(&self.pool)
        .await
        .map_err(doing("read the elastic addresses"))?;
        rows.iter()
            .map(|row| {
                let mut address = read(&Columns::new("addresses", row))?;
                address.tags = tags.remove(address.id.as_str()).unwrap_or_default();
                Ok(address)
            })
            .collect()
    }

    /// Adds an elastic address that leads nowhere; one that is allocated is [`crate::StoreError::Duplicate`].
    pub async fn add_address(&self, address: &ElasticAddress) -> StoreResult<()> {
        let mut tx = self.begin().await?;
        sqlx::query("INSERT INTO addresses (allocation_id, public_ip, allocated) VALUES (?, ?, ?)")
            .bind(address.id.as_str())
            .bind(address.public_ip.to_string())
            .bind(address.allocated.as_millisecond())
            .execute(&mut *tx)
            .await
            .map_err(inserting("the elastic address"))?;
        tag::insert(&mut tx, address.id.as_str(), &address.tags).await?;
        tx.commit().await.map_err(doing("allocate an elastic address"))
    }

    /// Removes an elastic address that leads nowhere; [`crate::StoreError::Gone`] if it does, or is not there.
    pub async fn delete_address(&self, id: &AllocationId) -> StoreResult<()> {
        let mut tx = self.begin().await?;
        let done = sqlx::query("DELETE FROM addresses WHERE allocation_id = ? AND association_id IS NULL")
            .bind(id.as_str())
            .execute(&mut *tx)
            .await
            .map_err(doing("release an elastic address"))?;
        one_row(done, "the elastic address")?;
        tag::forget(&mut tx, id.as_str()).await?;
        tx.commit().await.map_err(doing("release an elastic address"))
    }

    /// Leads an elastic address to an interface's private address, in one step away from where it led, and in place of
    /// another one that led there. The dynamic address of that private address is released.
    pub async fn associate_address(
        &self,
        id: &AllocationId,
        association: &AddressAssociationId,
        interface: &InterfaceId,
        private_ip: Ipv4Addr,
    ) -> StoreResult<()> {
        let mut tx = self.begin().await?;
        associate(&mut tx, id, association, interface, private_ip).await?;
        tx.commit().await.map_err(doing("associate an elastic address"))
    }

    /// Ends an association; [`crate::StoreError::Gone`] if there is none by that id.
    pub async fn disassociate_address(&self, association: &AddressAssociationId) -> StoreResult<()> {
        let done = sqlx::query(
            "UPDATE addresses SET association_id = NULL, interface_id = NULL, private_ip = NULL WHERE association_id = ?",
        )
        .bind(association.as_str())
        .execute(&self.writer)
        .await
        .map_err(doing("disassociate an elastic address"))?;
        one_row(done, "the association")
    }
}

/// Leads an elastic address to an interface's private address ([`Store::associate_address`]) within a transaction.
pub(crate) async fn associate(
    tx: &mut Transaction<'_, Sqlite>,
    id: &AllocationId,
    association: &AddressAssociationId,
    interface: &InterfaceId,
    private_ip: Ipv4Addr,
) -> StoreResult<()> {
    let private_ip = private_ip.to_string();
    for statement in [
        "UPDATE addresses SET association_id = NULL, interface_id = NULL, private_ip = NULL
         WHERE interface_id = ? AND private_ip = ?",
        "UPDATE interfaces SET public_ip = NULL WHERE id = ? AND private_ip = ?",
    ] {
        sqlx::query(statement)
            .bind(interface.as_str())
            .bind(&private_ip)
            .execute(&mut **tx)
            .await
            .map_err(doing("free a private address of its public one"))?;
    }
    let done = sqlx::query(
        "UPDATE addresses SET association_id = ?, interface_id = ?, private_ip = ? WHERE allocation_id = ?",
    )
    .bind(association.as_str())
    .bind(interface.as_str())
    .bind(&private_ip)
    .bind(id.as_str())
    .execute(&mut **tx)
    .await
    .map_err(doing("associate an elastic address"))?;
    one_row(done, "the elastic address")
}

/// The elastic addresses of interfaces under a condition on `?1`, by interface and private address.
pub(crate) async fn read_where(
    connection: &mut SqliteConnection,
    condition: &'static str,
    value: &str,
) -> StoreResult<HashMap<(InterfaceId, Ipv4Addr), ElasticRef>> {
    let rows = sqlx::query(AssertSqlSafe(format!(
        "SELECT a.* FROM addresses a JOIN interfaces i ON i.id = a.interface_id WHERE {condition}"
    )))
    .bind(value)
    .fetch_all(connection)
    .await
    .map_err(doing("read the interfaces' elastic addresses"))?;
    rows.iter()
        .map(|row| {
            let row = Columns::new("addresses", row);
            let elastic = ElasticRef {
                allocation_id: row.parsed("allocation_id")?,
                association_id: row.parsed("association_id")?,
                public_ip: row.parsed("public_ip")?,
            };
            Ok(((row.parsed("interface_id")?, row.parsed("private_ip")?), elastic))
        })
        .collect()
}

fn read(row: &Columns<'_>) -> StoreResult<ElasticAddress> {
    let association = match row.parsed_if("association_id")? {
        None => None,
        Some(id) => Some(AddressAssociation {
            id,
            interface_id: row.parsed("interface_id")?,
            private_ip: row.parsed("private_ip")?,
            instance_id: row.parsed_if("instance_id")?,
        }),
    };
    Ok(ElasticAddress {
        id: row.parsed("allocation_id")?,
        public_ip: row.parsed("public_ip")?,
        allocated: row.time("allocated")?,
        association,
        tags: Default::default(),
    })
}
