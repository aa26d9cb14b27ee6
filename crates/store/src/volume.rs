//! Volumes.

use cumulet_model::volume::{Volume, VolumeAttachment, VolumeState};
use cumulet_model::{Gib, InstanceId, VolumeId};
use sqlx::{Sqlite, Transaction};

use crate::column::{Columns, json, size, word};
use crate::{Store, StoreResult, doing, inserting, one_row, tag};

impl Store {
    /// All volumes, oldest first.
    pub async fn volumes(&self) -> StoreResult<Vec<Volume>> {
        let mut tags = self.tags_by_id().await?;
        let rows = sqlx::query("SELECT * FROM volumes ORDER BY created, id")
            .fetch_all(&self.pool)
            .await
            .map_err(doing("read the volumes"))?;
        rows.iter().map(|row| read(&Columns::new("volumes", row), &mut tags)).collect()
    }

    /// The volumes of one instance, by device.
    pub async fn volumes_of(&self, instance: &InstanceId) -> StoreResult<Vec<Volume>> {
        let rows = sqlx::query("SELECT * FROM volumes WHERE instance_id = ? ORDER BY device")
            .bind(instance.as_str())
            .fetch_all(&self.pool)
            .await
            .map_err(doing("read an instance's volumes"))?;
        rows.iter().map(|row| read(&Columns::new("volumes", row), &mut Default::default())).collect()
    }

    /// Sets a volume's state.
    pub async fn set_volume_state(&self, id: &VolumeId, state: VolumeState) -> StoreResult<()> {
        let done = sqlx::query("UPDATE volumes SET state = ? WHERE id = ?")
            .bind(word(&state))
            .bind(id.as_str())
            .execute(&self.pool)
            .await
            .map_err(doing("write a volume's state"))?;
        one_row(done, "the volume")
    }

    /// Detaches a volume that outlives its instance.
    pub async fn detach_volume(&self, id: &VolumeId) -> StoreResult<()> {
        let done = sqlx::query(
            "UPDATE volumes SET instance_id = NULL, device = NULL, attached = NULL, state = ? WHERE id = ?",
        )
        .bind(word(&VolumeState::Available))
        .bind(id.as_str())
        .execute(&self.pool)
        .await
        .map_err(doing("detach a volume"))?;
        one_row(done, "the volume")
    }

    /// Says whether a volume goes with its instance.
    pub async fn set_volume_deletion(&self, id: &VolumeId, delete_on_termination: bool) -> StoreResult<()> {
        let done = sqlx::query("UPDATE volumes SET delete_on_termination = ? WHERE id = ?")
            .bind(delete_on_termination)
            .bind(id.as_str())
            .execute(&self.pool)
            .await
            .map_err(doing("write a volume's deletion on termination"))?;
        one_row(done, "the volume")
    }

    /// Removes a volume's row; none is a success.
    pub async fn delete_volume(&self, id: &VolumeId) -> StoreResult<()> {
        let mut tx = self.begin().await?;
        sqlx::query("DELETE FROM volumes WHERE id = ?")
            .bind(id.as_str())
            .execute(&mut *tx)
            .await
            .map_err(doing("delete a volume"))?;
        tag::forget(&mut tx, id.as_str()).await?;
        tx.commit().await.map_err(doing("delete a volume"))
    }
}

fn read(row: &Columns<'_>, tags: &mut tag::TagsById) -> StoreResult<Volume> {
    let attachment = match row.parsed_if::<InstanceId>("instance_id")? {
        None => None,
        Some(instance_id) => Some(VolumeAttachment {
            instance_id,
            device: row.text("device")?,
            attached: row.time("attached")?,
            delete_on_termination: row.flag("delete_on_termination")?,
        }),
    };
    Ok(Volume {
        id: row.parsed("id")?,
        size: Gib(row.count("size")?),
        state: row.word("state")?,
        created: row.time("created")?,
        zone: row.text("zone")?,
        source: row.json("source")?,
        attachment,
        tags: tags.remove(&row.text("id")?).unwrap_or_default(),
    })
}

pub(crate) async fn insert(tx: &mut Transaction<'_, Sqlite>, volume: &Volume) -> StoreResult<()> {
    let attachment = volume.attachment.as_ref();
    sqlx::query(
        "INSERT INTO volumes (id, size, state, created, zone, source, instance_id, device, attached,
                              delete_on_termination)
         VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?)",
    )
    .bind(volume.id.as_str())
    .bind(size(volume.size.0))
    .bind(word(&volume.state))
    .bind(volume.created.as_millisecond())
    .bind(&volume.zone)
    .bind(json(&volume.source))
    .bind(attachment.map(|a| a.instance_id.as_str()))
    .bind(attachment.map(|a| a.device.as_str()))
    .bind(attachment.map(|a| a.attached.as_millisecond()))
    .bind(attachment.is_some_and(|a| a.delete_on_termination))
    .execute(&mut **tx)
    .await
    .map_err(inserting("the volume"))?;
    tag::insert(tx, volume.id.as_str(), &volume.tags).await
}
