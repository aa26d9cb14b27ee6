//! Snapshots.

use cumulet_model::SnapshotId;

use crate::column::Columns;
use crate::{Store, StoreResult, doing};

impl Store {
    /// The ids of all snapshots.
    pub async fn snapshot_ids(&self) -> StoreResult<Vec<SnapshotId>> {
        let rows = sqlx::query("SELECT id FROM snapshots")
            .fetch_all(&self.pool)
            .await
            .map_err(doing("read the snapshots"))?;
        rows.iter().map(|row| Columns::new("snapshots", row).parsed("id")).collect()
    }
}
