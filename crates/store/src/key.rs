//! Key pairs.

use cumulet_model::key::KeyPair;

use crate::column::{Columns, word};
use crate::{Store, StoreResult, doing, inserting, tag};

impl Store {
    /// All key pairs, by name.
    pub async fn key_pairs(&self) -> StoreResult<Vec<KeyPair>> {
        let mut tags = self.tags_by_id().await?;
        let rows = sqlx::query("SELECT * FROM key_pairs ORDER BY name")
            .fetch_all(&self.pool)
            .await
            .map_err(doing("read the key pairs"))?;
        rows.iter()
            .map(|row| {
                let row = Columns::new("key_pairs", row);
                Ok(KeyPair {
                    id: row.parsed("id")?,
                    name: row.text("name")?,
                    key_type: row.word("key_type")?,
                    fingerprint: row.text("fingerprint")?,
                    public_key: row.text("public_key")?,
                    created: row.time("created")?,
                    tags: tags.remove(&row.text("id")?).unwrap_or_default(),
                })
            })
            .collect()
    }

    /// Adds a key pair; a name that is there is [`crate::StoreError::Duplicate`].
    pub async fn add_key_pair(&self, key: &KeyPair) -> StoreResult<()> {
        let mut tx = self.begin().await?;
        sqlx::query(
            "INSERT INTO key_pairs (id, name, key_type, fingerprint, public_key, created) VALUES (?, ?, ?, ?, ?, ?)",
        )
        .bind(key.id.as_str())
        .bind(&key.name)
        .bind(word(&key.key_type))
        .bind(&key.fingerprint)
        .bind(&key.public_key)
        .bind(key.created.as_millisecond())
        .execute(&mut *tx)
        .await
        .map_err(inserting("the key pair"))?;
        tag::insert(&mut tx, key.id.as_str(), &key.tags).await?;
        tx.commit().await.map_err(doing("add a key pair"))
    }

    /// Removes a key pair by its id; none is a success.
    pub async fn delete_key_pair(&self, key: &KeyPair) -> StoreResult<()> {
        let mut tx = self.begin().await?;
        sqlx::query("DELETE FROM key_pairs WHERE id = ?")
            .bind(key.id.as_str())
            .execute(&mut *tx)
            .await
            .map_err(doing("delete a key pair"))?;
        tag::forget(&mut tx, key.id.as_str()).await?;
        tx.commit().await.map_err(doing("delete a key pair"))
    }
}
