//! Access keys, and the few single values of the installation.

use jiff::Timestamp;

use crate::column::Columns;
use crate::{Store, StoreResult, doing, inserting};

/// An access key.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct AccessKeyRecord {
    /// Access key id.
    pub id: String,
    /// Secret access key.
    pub secret: String,
    /// Whether it is the installation's root key.
    pub is_root: bool,
    /// When it was made.
    pub created: Timestamp,
}

impl Store {
    /// The value of `key`.
    pub async fn meta(&self, key: &str) -> StoreResult<Option<String>> {
        sqlx::query_scalar("SELECT value FROM meta WHERE key = ?")
            .bind(key)
            .fetch_optional(&self.pool)
            .await
            .map_err(doing("read a value of the installation"))
    }

    /// The value of `key`, which becomes `fresh` when there is none yet.
    pub async fn meta_or(&self, key: &str, fresh: &str) -> StoreResult<String> {
        sqlx::query_scalar(
            "INSERT INTO meta (key, value) VALUES (?, ?) ON CONFLICT (key) DO UPDATE SET value = value RETURNING value",
        )
        .bind(key)
        .bind(fresh)
        .fetch_one(&self.writer)
        .await
        .map_err(doing("read a value of the installation"))
    }

    /// Adds an access key.
    pub async fn add_access_key(&self, key: &AccessKeyRecord) -> StoreResult<()> {
        sqlx::query("INSERT INTO access_keys (id, secret, is_root, created) VALUES (?, ?, ?, ?)")
            .bind(&key.id)
            .bind(&key.secret)
            .bind(key.is_root)
            .bind(key.created.as_millisecond())
            .execute(&self.writer)
            .await
            .map_err(inserting("the access key"))?;
        Ok(())
    }

    /// All access keys, oldest first.
    pub async fn access_keys(&self) -> StoreResult<Vec<AccessKeyRecord>> {
        let rows = sqlx::query("SELECT * FROM access_keys ORDER BY created, id")
            .fetch_all(&self.pool)
            .await
            .map_err(doing("read the access keys"))?;
        rows.iter()
            .map(|row| {
                let row = Columns::new("access_keys", row);
                Ok(AccessKeyRecord {
                    id: row.text("id")?,
                    secret: row.text("secret")?,
                    is_root: row.flag("is_root")?,
                    created: row.time("created")?,
                })
            })
            .collect()
    }
}
