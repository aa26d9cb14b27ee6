//! Tokens that make requests idempotent: the same token with the same parameters names what the first request made.

use jiff::Timestamp;
use sqlx::{Sqlite, Transaction};

use crate::column::Columns;
use crate::{Store, StoreResult, doing, inserting};

/// A token with what it stands for. Tokens of different actions have nothing to do with each other.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RequestToken {
    /// The action's name.
    pub action: &'static str,
    /// The token.
    pub token: String,
    /// Digest of the request's parameters.
    pub digest: String,
}

impl Store {
    /// The digest and the resource that a token stands for.
    pub async fn request_token(&self, action: &str, token: &str) -> StoreResult<Option<(String, String)>> {
        let row = sqlx::query("SELECT * FROM request_tokens WHERE action = ? AND token = ?")
            .bind(action)
            .bind(token)
            .fetch_optional(&self.pool)
            .await
            .map_err(doing("read a request's token"))?;
        row.map(|row| {
            let row = Columns::new("request_tokens", &row);
            Ok((row.text("digest")?, row.text("resource_id")?))
        })
        .transpose()
    }

    /// Forgets tokens that were made before `before`.
    pub async fn forget_request_tokens(&self, before: Timestamp) -> StoreResult<()> {
        sqlx::query("DELETE FROM request_tokens WHERE created < ?")
            .bind(before.as_millisecond())
            .execute(&self.writer)
            .await
            .map_err(doing("forget old request tokens"))?;
        Ok(())
    }
}

pub(crate) async fn insert(
    tx: &mut Transaction<'_, Sqlite>,
    token: &RequestToken,
    resource_id: &str,
    now: Timestamp,
) -> StoreResult<()> {
    sqlx::query(
        "INSERT INTO request_tokens (action, token, digest, resource_id, created) VALUES (?, ?, ?, ?, ?)",
    )
    .bind(token.action)
    .bind(&token.token)
    .bind(&token.digest)
    .bind(resource_id)
    .bind(now.as_millisecond())
    .execute(&mut **tx)
    .await
    .map_err(inserting("the request's token"))?;
    Ok(())
}

/// Forgets the tokens of a resource that goes away: its request may be made anew.
pub(crate) async fn forget(tx: &mut Transaction<'_, Sqlite>, resource_id: &str) -> StoreResult<()> {
    sqlx::query("DELETE FROM request_tokens WHERE resource_id = ?")
        .bind(resource_id)
        .execute(&mut **tx)
        .await
        .map_err(doing("forget a resource's request tokens"))?;
    Ok(())
}
