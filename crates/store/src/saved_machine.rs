//! Saved machines. A row is there before any file of it, and as long as there are any.

use cumulet_model::SavedMachineId;
use cumulet_model::saved_machine::SavedMachineState;
use cumulet_model::volume::Volume;
use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use crate::column::{Columns, json, word};
use crate::token::{self, RequestToken};
use crate::{InstanceRecord, InterfaceRecord, Store, StoreResult, doing, inserting, one_row};

/// A saved machine's row.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SavedMachineRecord {
    /// Id.
    pub id: SavedMachineId,
    /// Its name.
    pub name: Option<String>,
    /// State.
    pub state: SavedMachineState,
    /// Why it failed.
    pub reason: Option<String>,
    /// When it was saved.
    pub created: Timestamp,
    /// What was saved.
    pub source: SavedSource,
}

/// The rows of the instance that was saved, as they were.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct SavedSource {
    /// The instance.
    pub instance: InstanceRecord,
    /// Its volumes. Their sources are the layers that were frozen for this saved machine.
    pub volumes: Vec<Volume>,
    /// Its interfaces.
    pub interfaces: Vec<InterfaceRecord>,
}

impl Store {
    /// All saved machines, oldest first.
    pub async fn saved_machines(&self) -> StoreResult<Vec<SavedMachineRecord>> {
        let rows = sqlx::query("SELECT * FROM saved_machines ORDER BY created, id")
            .fetch_all(&self.pool)
            .await
            .map_err(doing("read the saved machines"))?;
        rows.iter()
            .map(|row| {
                let row = Columns::new("saved_machines", row);
                Ok(SavedMachineRecord {
                    id: row.parsed("id")?,
                    name: row.text_if("name")?,
                    state: row.word("state")?,
                    reason: row.text_if("reason")?,
                    created: row.time("created")?,
                    source: row.json("source")?,
                })
            })
            .collect()
    }

    /// Adds a saved machine, with the token of the request that made it.
    pub async fn add_saved_machine(
        &self,
        record: &SavedMachineRecord,
        token: Option<&RequestToken>,
    ) -> StoreResult<()> {
        let mut tx = self.begin().await?;
        if let Some(token) = token {
            token::insert(&mut tx, token, record.id.as_str(), record.created).await?;
        }
        sqlx::query("INSERT INTO saved_machines (id, name, state, created, source) VALUES (?, ?, ?, ?, ?)")
            .bind(record.id.as_str())
            .bind(&record.name)
            .bind(word(&record.state))
            .bind(record.created.as_millisecond())
            .bind(json(&record.source))
            .execute(&mut *tx)
            .await
            .map_err(inserting("the saved machine"))?;
        tx.commit().await.map_err(doing("add a saved machine"))
    }

    /// Writes a saved machine's state.
    pub async fn set_saved_machine_state(
        &self,
        id: &SavedMachineId,
        state: SavedMachineState,
        reason: Option<&str>,
    ) -> StoreResult<()> {
        let done = sqlx::query("UPDATE saved_machines SET state = ?, reason = ? WHERE id = ?")
            .bind(word(&state))
            .bind(reason)
            .bind(id.as_str())
            .execute(&self.writer)
            .await
            .map_err(doing("write a saved machine's state"))?;
        one_row(done, "the saved machine")
    }

    /// Removes a saved machine's row; none is a success.
    pub async fn delete_saved_machine(&self, id: &SavedMachineId) -> StoreResult<()> {
        sqlx::query("DELETE FROM saved_machines WHERE id = ?")
            .bind(id.as_str())
            .execute(&self.writer)
            .await
            .map_err(doing("delete a saved machine"))?;
        Ok(())
    }
}
