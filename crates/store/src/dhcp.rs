//! DHCP options sets.

use cumulet_model::DhcpOptionsId;
use cumulet_model::dhcp::DhcpOptionsSet;

use crate::column::{Columns, json};
use crate::{Store, StoreResult, doing, inserting, one_row, tag};

impl Store {
    /// All sets, oldest first. The default one's options are empty here, the engine knows the region.
    pub async fn dhcp_options(&self) -> StoreResult<Vec<DhcpOptionsSet>> {
        let mut tags = self.tags_by_id().await?;
        let rows = sqlx::query("SELECT * FROM dhcp_options ORDER BY seq")
            .fetch_all(&self.pool)
            .await
            .map_err(doing("read the DHCP options sets"))?;
        rows.iter()
            .map(|row| {
                let row = Columns::new("dhcp_options", row);
                Ok(DhcpOptionsSet {
                    id: row.parsed("id")?,
                    is_default: row.flag("is_default")?,
                    options: row.json("options")?,
                    tags: tags.remove(&row.text("id")?).unwrap_or_default(),
                })
            })
            .collect()
    }

    /// Adds a set; a second default one is [`crate::StoreError::Duplicate`].
    pub async fn add_dhcp_options(&self, set: &DhcpOptionsSet) -> StoreResult<()> {
        let mut tx = self.begin().await?;
        sqlx::query("INSERT INTO dhcp_options (id, is_default, options) VALUES (?, ?, ?)")
            .bind(set.id.as_str())
            .bind(set.is_default)
            .bind(json(&set.options))
            .execute(&mut *tx)
            .await
            .map_err(inserting("the DHCP options set"))?;
        tag::insert(&mut tx, set.id.as_str(), &set.tags).await?;
        tx.commit().await.map_err(doing("add a DHCP options set"))
    }

    /// Removes a set that no VPC uses.
    pub async fn delete_dhcp_options(&self, id: &DhcpOptionsId) -> StoreResult<()> {
        let mut tx = self.begin().await?;
        tag::forget(&mut tx, id.as_str()).await?;
        let done = sqlx::query("DELETE FROM dhcp_options WHERE id = ?")
            .bind(id.as_str())
            .execute(&mut *tx)
            .await
            .map_err(doing("delete a DHCP options set"))?;
        one_row(done, "the DHCP options set")?;
        tx.commit().await.map_err(doing("delete a DHCP options set"))
    }
}
