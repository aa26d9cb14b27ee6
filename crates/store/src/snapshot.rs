//! Snapshots.

use cumulet_model::snapshot::{Snapshot, SnapshotState};
use cumulet_model::{Gib, SnapshotId};
use jiff::Timestamp;

use crate::column::{Columns, size, word};
use crate::{Store, StoreResult, doing, inserting, one_row, tag};

impl Store {
    /// All snapshots, oldest first.
    pub async fn snapshots(&self) -> StoreResult<Vec<Snapshot>> {
        let mut tags = self.tags_by_id().await?;
        let rows = sqlx::query("SELECT * FROM snapshots ORDER BY started, id")
            .fetch_all(&self.pool)
            .await
            .map_err(doing("read the snapshots"))?;
        rows.iter()
            .map(|row| {
                let row = Columns::new("snapshots", row);
                Ok(Snapshot {
                    id: row.parsed("id")?,
                    volume_id: row.parsed("volume_id")?,
                    size: Gib(row.count("size")?),
                    state: row.word("state")?,
                    message: row.text_if("message")?,
                    description: row.text("description")?,
                    started: row.time("started")?,
                    ended: row.time_if("ended")?,
                    tags: tags.remove(&row.text("id")?).unwrap_or_default(),
                })
            })
            .collect()
    }

    /// Adds a snapshot that is to be taken.
    pub async fn add_snapshot(&self, snapshot: &Snapshot) -> StoreResult<()> {
        let mut tx = self.begin().await?;
        sqlx::query(
            "INSERT INTO snapshots (id, volume_id, size, state, description, started) VALUES (?, ?, ?, ?, ?, ?)",
        )
        .bind(snapshot.id.as_str())
        .bind(snapshot.volume_id.as_str())
        .bind(size(snapshot.size.0))
        .bind(word(&snapshot.state))
        .bind(&snapshot.description)
        .bind(snapshot.started.as_millisecond())
        .execute(&mut *tx)
        .await
        .map_err(inserting("the snapshot"))?;
        tag::insert(&mut tx, snapshot.id.as_str(), &snapshot.tags).await?;
        tx.commit().await.map_err(doing("add a snapshot"))
    }

    /// Writes how a pending snapshot ended.
    pub async fn end_snapshot(
        &self,
        id: &SnapshotId,
        state: SnapshotState,
        message: Option<&str>,
        now: Timestamp,
    ) -> StoreResult<()> {
        let done =
            sqlx::query("UPDATE snapshots SET state = ?, message = ?, ended = ? WHERE id = ? AND state = ?")
                .bind(word(&state))
                .bind(message)
                .bind(now.as_millisecond())
                .bind(id.as_str())
                .bind(word(&SnapshotState::Pending))
                .execute(&self.writer)
                .await
                .map_err(doing("end a snapshot"))?;
        one_row(done, "the pending snapshot")
    }

    /// A snapshot that was complete can't be used any more.
    pub async fn lose_snapshot(&self, id: &SnapshotId, message: &str) -> StoreResult<()> {
        let done = sqlx::query("UPDATE snapshots SET state = ?, message = ? WHERE id = ?")
            .bind(word(&SnapshotState::Error))
            .bind(message)
            .bind(id.as_str())
            .execute(&self.writer)
            .await
            .map_err(doing("write a snapshot's state"))?;
        one_row(done, "the snapshot")
    }

    /// Removes a snapshot's row; none is a success.
    pub async fn delete_snapshot(&self, id: &SnapshotId) -> StoreResult<()> {
        let mut tx = self.begin().await?;
        sqlx::query("DELETE FROM snapshots WHERE id = ?")
            .bind(id.as_str())
            .execute(&mut *tx)
            .await
            .map_err(doing("delete a snapshot"))?;
        tag::forget(&mut tx, id.as_str()).await?;
        tx.commit().await.map_err(doing("delete a snapshot"))
    }
}
