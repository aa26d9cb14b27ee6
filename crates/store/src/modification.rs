//! Modifications of volumes: the last one of each.

use cumulet_model::volume::{ModificationState, Volume, VolumeModification};
use cumulet_model::{InstanceId, VolumeId};
use jiff::Timestamp;
use sqlx::SqliteConnection;

use crate::column::{Columns, json, word};
use crate::{Store, StoreResult, doing, one_row, volume};

impl Store {
    /// The last modification of each volume that was ever modified, oldest first.
    pub async fn volume_modifications(&self) -> StoreResult<Vec<VolumeModification>> {
        let rows = sqlx::query("SELECT * FROM volume_modifications ORDER BY started, volume_id")
            .fetch_all(&self.pool)
            .await
            .map_err(doing("read the volumes' modifications"))?;
        rows.iter().map(|row| read(&Columns::new("volume_modifications", row))).collect()
    }

    /// The modifications of an instance's volumes that are under way.
    pub async fn open_modifications_of(&self, instance: &InstanceId) -> StoreResult<Vec<VolumeModification>> {
        let rows = sqlx::query(
            "SELECT m.* FROM volumes v JOIN volume_modifications m ON m.volume_id = v.id
             WHERE v.instance_id = ? AND m.state = 'modifying' ORDER BY m.started",
        )
        .bind(instance.as_str())
        .fetch_all(&self.pool)
        .await
        .map_err(doing("read an instance's volumes' modifications"))?;
        rows.iter().map(|row| read(&Columns::new("volume_modifications", row))).collect()
    }

    /// The last modification of one volume.
    pub async fn volume_modification(&self, id: &VolumeId) -> StoreResult<Option<VolumeModification>> {
        let row = sqlx::query("SELECT * FROM volume_modifications WHERE volume_id = ?")
            .bind(id.as_str())
            .fetch_optional(&self.pool)
            .await
            .map_err(doing("read a volume's modification"))?;
        row.map(|row| read(&Columns::new("volume_modifications", &row))).transpose()
    }

    /// Writes that a volume is to be modified, in place of the modification before.
    pub async fn begin_modification(&self, modification: &VolumeModification) -> StoreResult<()> {
        sqlx::query(
            "INSERT OR REPLACE INTO volume_modifications (volume_id, state, message, original, target, started, ended)
             VALUES (?, ?, ?, ?, ?, ?, ?)",
        )
        .bind(modification.volume_id.as_str())
        .bind(word(&modification.state))
        .bind(&modification.message)
        .bind(json(&modification.original))
        .bind(json(&modification.target))
        .bind(modification.started.as_millisecond())
        .bind(modification.ended.map(Timestamp::as_millisecond))
        .execute(&self.writer)
        .await
        .map_err(doing("write a volume's modification"))?;
        Ok(())
    }

    /// A modification has come to its end; one that succeeded gives the volume its new shape with the same write.
    pub async fn end_modification(
        &self,
        volume: &Volume,
        failure: Option<&str>,
        now: Timestamp,
    ) -> StoreResult<()> {
        let mut tx = self.begin().await?;
        let state = if failure.is_some() { ModificationState::Failed } else { ModificationState::Completed };
        write_end(&mut tx, &volume.id, state, failure, now).await?;
        if failure.is_none() {
            volume::write_shape(&mut tx, volume).await?;
        }
        tx.commit().await.map_err(doing("end a volume's modification"))
    }
}

async fn write_end(
    tx: &mut SqliteConnection,
    id: &VolumeId,
    state: ModificationState,
    message: Option<&str>,
    now: Timestamp,
) -> StoreResult<()> {
    let done = sqlx::query(
        "UPDATE volume_modifications SET state = ?, message = ?, ended = ? WHERE volume_id = ? AND state = 'modifying'",
    )
    .bind(word(&state))
    .bind(message)
    .bind(now.as_millisecond())
    .bind(id.as_str())
    .execute(tx)
    .await
    .map_err(doing("end a volume's modification"))?;
    one_row(done, "the modification")
}

fn read(row: &Columns<'_>) -> StoreResult<VolumeModification> {
    Ok(VolumeModification {
        volume_id: row.parsed("volume_id")?,
        state: row.word("state")?,
        message: row.text_if("message")?,
        original: row.json("original")?,
        target: row.json("target")?,
        started: row.time("started")?,
        ended: row.time_if("ended")?,
    })
}
