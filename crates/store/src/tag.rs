//! Tags of all resources, in one table by resource id.

use std::collections::HashMap;

use cumulet_model::{Tag, Tags};
use sqlx::{Sqlite, SqliteConnection, Transaction};

use crate::column::Columns;
use crate::{Store, StoreResult, doing};

/// The tags of all resources, by resource id.
pub(crate) type TagsById = HashMap<String, Tags>;

impl Store {
    /// All tags, by resource and key.
    pub async fn tags(&self) -> StoreResult<Vec<Tag>> {
        let rows = sqlx::query("SELECT * FROM tags ORDER BY resource_id, key")
            .fetch_all(&self.pool)
            .await
            .map_err(doing("read the tags"))?;
        rows.iter()
            .map(|row| {
                let row = Columns::new("tags", row);
                Ok(Tag {
                    resource_id: row.text("resource_id")?,
                    key: row.text("key")?,
                    value: row.text("value")?,
                })
            })
            .collect()
    }

    pub(crate) async fn tags_by_id(&self) -> StoreResult<TagsById> {
        let mut by_id = TagsById::new();
        for tag in self.tags().await? {
            by_id.entry(tag.resource_id).or_default().insert(tag.key, tag.value);
        }
        Ok(by_id)
    }

    /// Adds tags to each of the resources, replacing values of keys that are there.
    pub async fn put_tags(&self, resource_ids: &[String], tags: &Tags) -> StoreResult<()> {
        let mut tx = self.begin().await?;
        for id in resource_ids {
            insert(&mut tx, id, tags).await?;
        }
        tx.commit().await.map_err(doing("write tags"))
    }

    /// Removes tags by key, or by key and value where one is given; all tags when `tags` is empty.
    pub async fn delete_tags(
        &self,
        resource_ids: &[String],
        tags: &[(String, Option<String>)],
    ) -> StoreResult<()> {
        let mut tx = self.begin().await?;
        for id in resource_ids {
            if tags.is_empty() {
                forget(&mut tx, id).await?;
            }
            for (key, value) in tags {
                sqlx::query(
                    "DELETE FROM tags WHERE resource_id = ? AND key = ? AND value = coalesce(?, value)",
                )
                .bind(id)
                .bind(key)
                .bind(value)
                .execute(&mut *tx)
                .await
                .map_err(doing("delete tags"))?;
            }
        }
        tx.commit().await.map_err(doing("delete tags"))
    }
}

/// The tags of these resources.
pub(crate) async fn of(connection: &mut SqliteConnection, ids: &[&str]) -> StoreResult<TagsById> {
    let mut by_id = TagsById::new();
    for id in ids {
        let rows = sqlx::query("SELECT key, value FROM tags WHERE resource_id = ?")
            .bind(*id)
            .fetch_all(&mut *connection)
            .await
            .map_err(doing("read a resource's tags"))?;
        for row in &rows {
            let row = Columns::new("tags", row);
            by_id.entry((*id).to_owned()).or_default().insert(row.text("key")?, row.text("value")?);
        }
    }
    Ok(by_id)
}

pub(crate) async fn insert(tx: &mut Transaction<'_, Sqlite>, id: &str, tags: &Tags) -> StoreResult<()> {
    for (key, value) in tags {
        sqlx::query(
            "INSERT INTO tags (resource_id, key, value) VALUES (?, ?, ?)
             ON CONFLICT (resource_id, key) DO UPDATE SET value = excluded.value",
        )
        .bind(id)
        .bind(key)
        .bind(value)
        .execute(&mut **tx)
        .await
        .map_err(doing("write tags"))?;
    }
    Ok(())
}

/// Removes the tags of a resource that goes away.
pub(crate) async fn forget(tx: &mut Transaction<'_, Sqlite>, id: &str) -> StoreResult<()> {
    sqlx::query("DELETE FROM tags WHERE resource_id = ?")
        .bind(id)
        .execute(&mut **tx)
        .await
        .map_err(doing("delete tags"))?;
    Ok(())
}
