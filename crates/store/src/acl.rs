//! Network ACLs. That a VPC has a default one and that a subnet is associated with one is the schema's own doing
//! (migration 0011): whoever adds a VPC or a subnet need not think of it.

use std::collections::HashMap;

use cumulet_model::acl::{AclAssociation, NetworkAcl, NumberedEntry};
use cumulet_model::security::Direction;
use cumulet_model::{AclAssociationId, NetworkAclId};
use sqlx::{Sqlite, Transaction};

use crate::column::{Columns, json, word};
use crate::token::{self, RequestToken};
use crate::{Store, StoreResult, doing, inserting, one_row, tag};

impl Store {
    /// All network ACLs, oldest first.
    pub async fn network_acls(&self) -> StoreResult<Vec<NetworkAcl>> {
        let mut tags = self.tags_by_id().await?;
        let mut entries = self.acl_entries().await?;
        let mut associations = self.acl_associations().await?;
        let rows = sqlx::query("SELECT * FROM network_acls ORDER BY seq")
            .fetch_all(&self.pool)
            .await
            .map_err(doing("read the network ACLs"))?;
        rows.iter()
            .map(|row| {
                let row = Columns::new("network_acls", row);
                let id: NetworkAclId = row.parsed("id")?;
                Ok(NetworkAcl {
                    vpc_id: row.parsed("vpc_id")?,
                    is_default: row.flag("is_default")?,
                    entries: entries.remove(&id).unwrap_or_default(),
                    associations: associations.remove(&id).unwrap_or_default(),
                    tags: tags.remove(id.as_str()).unwrap_or_default(),
                    id,
                })
            })
            .collect()
    }

    async fn acl_entries(&self) -> StoreResult<HashMap<NetworkAclId, Vec<NumberedEntry>>> {
        let rows = sqlx::query("SELECT * FROM network_acl_entries ORDER BY direction DESC, number")
            .fetch_all(&self.pool)
            .await
            .map_err(doing("read the network ACLs' entries"))?;
        let mut entries: HashMap<NetworkAclId, Vec<NumberedEntry>> = HashMap::new();
        for row in &rows {
            let row = Columns::new("network_acl_entries", row);
            entries.entry(row.parsed("acl_id")?).or_default().push(NumberedEntry {
                direction: row.word("direction")?,
                number: row.count("number")?,
                allow: row.flag("allow")?,
                traffic: row.json("traffic")?,
                cidr: row.parsed("cidr")?,
            });
        }
        Ok(entries)
    }

    async fn acl_associations(&self) -> StoreResult<HashMap<NetworkAclId, Vec<AclAssociation>>> {
        let rows = sqlx::query("SELECT * FROM network_acl_associations ORDER BY subnet_id")
            .fetch_all(&self.pool)
            .await
            .map_err(doing("read the network ACLs' associations"))?;
        let mut associations: HashMap<NetworkAclId, Vec<AclAssociation>> = HashMap::new();
        for row in &rows {
            let row = Columns::new("network_acl_associations", row);
            let association = AclAssociation { id: row.parsed("id")?, subnet_id: row.parsed("subnet_id")? };
            associations.entry(row.parsed("acl_id")?).or_default().push(association);
        }
        Ok(associations)
    }

    /// Adds an ACL of somebody's own, with its entries and without associations.
    pub async fn add_network_acl(
        &self,
        acl: &NetworkAcl,
        token: Option<&RequestToken>,
        now: jiff::Timestamp,
    ) -> StoreResult<()> {
        let mut tx = self.begin().await?;
        if let Some(token) = token {
            token::insert(&mut tx, token, acl.id.as_str(), now).await?;
        }
        sqlx::query("INSERT INTO network_acls (id, vpc_id, is_default) VALUES (?, ?, 0)")
            .bind(acl.id.as_str())
            .bind(acl.vpc_id.as_str())
            .execute(&mut *tx)
            .await
            .map_err(inserting("the network ACL"))?;
        for entry in &acl.entries {
            put_entry(&mut tx, &acl.id, entry).await?;
        }
        tag::insert(&mut tx, acl.id.as_str(), &acl.tags).await?;
        tx.commit().await.map_err(doing("add a network ACL"))
    }

    /// Removes an ACL that guards no subnet; [`crate::StoreError::Gone`] if it does, is a default one, or is not there.
    pub async fn delete_network_acl(&self, id: &NetworkAclId) -> StoreResult<()> {
        let done = sqlx::query(
            "DELETE FROM network_acls WHERE id = ?1 AND is_default = 0
             AND NOT EXISTS (SELECT 1 FROM network_acl_associations WHERE acl_id = ?1)",
        )
        .bind(id.as_str())
        .execute(&self.pool)
        .await
        .map_err(doing("delete a network ACL"))?;
        one_row(done, "the network ACL")
    }

    /// Writes an entry, in place of one that has its number.
    pub async fn put_acl_entry(&self, id: &NetworkAclId, entry: &NumberedEntry) -> StoreResult<()> {
        let mut tx = self.begin().await?;
        put_entry(&mut tx, id, entry).await?;
        tx.commit().await.map_err(doing("write a network ACL's entry"))
    }

    /// Removes an entry; [`crate::StoreError::Gone`] if there is none of that number.
    pub async fn delete_acl_entry(
        &self,
        id: &NetworkAclId,
        direction: Direction,
        number: u16,
    ) -> StoreResult<()> {
        let done =
            sqlx::query("DELETE FROM network_acl_entries WHERE acl_id = ? AND direction = ? AND number = ?")
                .bind(id.as_str())
                .bind(word(&direction))
                .bind(number)
                .execute(&self.pool)
                .await
                .map_err(doing("delete a network ACL's entry"))?;
        one_row(done, "the network ACL's entry")
    }

    /// Associates the subnet of an association with another ACL, by a new association;
    /// [`crate::StoreError::Gone`] if the association is not there.
    pub async fn replace_acl_association(
        &self,
        old: &AclAssociationId,
        new: &AclAssociationId,
        acl: &NetworkAclId,
    ) -> StoreResult<()> {
        let done = sqlx::query("UPDATE network_acl_associations SET id = ?, acl_id = ? WHERE id = ?")
            .bind(new.as_str())
            .bind(acl.as_str())
            .bind(old.as_str())
            .execute(&self.pool)
            .await
            .map_err(doing("replace a network ACL's association"))?;
        one_row(done, "the association")
    }
}

async fn put_entry(
    tx: &mut Transaction<'_, Sqlite>,
    id: &NetworkAclId,
    entry: &NumberedEntry,
) -> StoreResult<()> {
    sqlx::query(
        "INSERT INTO network_acl_entries (acl_id, direction, number, allow, traffic, cidr) VALUES (?, ?, ?, ?, ?, ?)
         ON CONFLICT (acl_id, direction, number)
         DO UPDATE SET allow = excluded.allow, traffic = excluded.traffic, cidr = excluded.cidr",
    )
    .bind(id.as_str())
    .bind(word(&entry.direction))
    .bind(entry.number)
    .bind(entry.allow)
    .bind(json(&entry.traffic))
    .bind(entry.cidr.to_string())
    .execute(&mut **tx)
    .await
    .map_err(doing("write a network ACL's entry"))?;
    Ok(())
}
