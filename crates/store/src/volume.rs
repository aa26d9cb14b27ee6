//! Volumes: their rows, and changes that read, decide and write in one.

use cumulet_model::attachment::AttachmentState;
use cumulet_model::volume::{Volume, VolumeAttachment, VolumeState};
use cumulet_model::{Gib, InstanceId, VolumeId};
use sqlx::{Sqlite, SqliteConnection, Transaction};

use crate::column::{Columns, json, size, word};
use crate::holder::{self, Holder};
use crate::token::{self, RequestToken};
use crate::{Store, StoreError, StoreResult, doing, inserting, one_row, tag};

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

    /// One volume.
    pub async fn volume(&self, id: &VolumeId) -> StoreResult<Option<Volume>> {
        let mut connection = self.connection().await?;
        read_one(&mut connection, id).await
    }

    /// The volumes of one instance, by device, without their tags.
    pub async fn volumes_of(&self, instance: &InstanceId) -> StoreResult<Vec<Volume>> {
        let mut connection = self.connection().await?;
        read_of(&mut connection, instance).await
    }

    /// Adds a volume by itself.
    pub async fn add_volume(&self, volume: &Volume, token: Option<&RequestToken>) -> StoreResult<()> {
        let mut tx = self.begin().await?;
        if let Some(token) = token {
            token::insert(&mut tx, token, volume.id.as_str(), volume.created).await?;
        }
        insert(&mut tx, volume).await?;
        tx.commit().await.map_err(doing("add a volume"))
    }

    /// Reads a volume, and the instance named (if none, the one that it is attached to) with its devices; lets `change`
    /// decide and alter the volume; writes it, with nothing in between. An error of `change` writes nothing. A volume
    /// that is not there is [`StoreError::Gone`].
    pub async fn change_volume<E: From<StoreError>>(
        &self,
        id: &VolumeId,
        instance: Option<&InstanceId>,
        change: impl FnOnce(&mut Volume, Option<&Holder>) -> Result<(), E> + Send,
    ) -> Result<Volume, E> {
        let mut tx = self.begin().await?;
        let mut volume = read_one(&mut tx, id).await?.ok_or(StoreError::Gone("the volume"))?;
        let attached_to = volume.attachment.as_ref().map(|attachment| attachment.instance_id.clone());
        let holder = match instance.cloned().or(attached_to) {
            Some(instance) => holder::read(&mut tx, &instance).await?,
            None => None,
        };
        let before = volume.clone();
        change(&mut volume, holder.as_ref())?;
        if volume != before {
            write(&mut tx, &volume).await?;
        }
        tx.commit().await.map_err(doing("change a volume"))?;
        Ok(volume)
    }

    /// Sets a volume's state, with the reason for it.
    pub async fn set_volume_state(
        &self,
        id: &VolumeId,
        state: VolumeState,
        reason: Option<&str>,
    ) -> StoreResult<()> {
        let done = sqlx::query("UPDATE volumes SET state = ?, reason = ? WHERE id = ?")
            .bind(word(&state))
            .bind(reason)
            .bind(id.as_str())
            .execute(&self.writer)
            .await
            .map_err(doing("write a volume's state"))?;
        one_row(done, "the volume")
    }

    /// The file of a volume that a launch asked for is there: it is in use, and its instance has it.
    pub async fn launch_volume_made(&self, id: &VolumeId) -> StoreResult<()> {
        let done = sqlx::query("UPDATE volumes SET state = ?, attachment_state = ? WHERE id = ?")
            .bind(word(&VolumeState::InUse))
            .bind(word(&AttachmentState::Attached))
            .bind(id.as_str())
            .execute(&self.writer)
            .await
            .map_err(doing("write a volume's state"))?;
        one_row(done, "the volume")
    }

    /// Says whether a volume goes with its instance.
    pub async fn set_volume_deletion(&self, id: &VolumeId, delete_on_termination: bool) -> StoreResult<()> {
        let done = sqlx::query("UPDATE volumes SET delete_on_termination = ? WHERE id = ?")
            .bind(delete_on_termination)
            .bind(id.as_str())
            .execute(&self.writer)
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

async fn read_one(connection: &mut SqliteConnection, id: &VolumeId) -> StoreResult<Option<Volume>> {
    let row = sqlx::query("SELECT * FROM volumes WHERE id = ?")
        .bind(id.as_str())
        .fetch_optional(&mut *connection)
        .await
        .map_err(doing("read a volume"))?;
    let Some(row) = row else { return Ok(None) };
    let mut tags = tag::of(connection, &[id.as_str()]).await?;
    read(&Columns::new("volumes", &row), &mut tags).map(Some)
}

/// The volumes of one instance, by device, without their tags.
pub(crate) async fn read_of(
    connection: &mut SqliteConnection,
    instance: &InstanceId,
) -> StoreResult<Vec<Volume>> {
    let rows = sqlx::query("SELECT * FROM volumes WHERE instance_id = ? ORDER BY device")
        .bind(instance.as_str())
        .fetch_all(connection)
        .await
        .map_err(doing("read an instance's volumes"))?;
    rows.iter().map(|row| read(&Columns::new("volumes", row), &mut Default::default())).collect()
}

fn read(row: &Columns<'_>, tags: &mut tag::TagsById) -> StoreResult<Volume> {
    let attachment = match row.parsed_if::<InstanceId>("instance_id")? {
        None => None,
        Some(instance_id) => Some(VolumeAttachment {
            instance_id,
            device: row.text("device")?,
            attached: row.time("attached")?,
            delete_on_termination: row.flag("delete_on_termination")?,
            state: row.word("attachment_state")?,
            force: row.flag("force_detach")?,
            of_launch: row.flag("of_launch")?,
        }),
    };
    Ok(Volume {
        id: row.parsed("id")?,
        size: Gib(row.count("size")?),
        performance: row.json("performance")?,
        state: row.word("state")?,
        reason: row.text_if("reason")?,
        created: row.time("created")?,
        zone: row.text("zone")?,
        source: row.json("source")?,
        attachment,
        tags: tags.remove(&row.text("id")?).unwrap_or_default(),
    })
}

pub(crate) async fn insert(tx: &mut Transaction<'_, Sqlite>, volume: &Volume) -> StoreResult<()> {
    sqlx::query(
        "INSERT INTO volumes (id, size, performance, state, created, zone, source) VALUES (?, ?, ?, ?, ?, ?, ?)",
    )
    .bind(volume.id.as_str())
    .bind(size(volume.size.0))
    .bind(json(&volume.performance))
    .bind(word(&volume.state))
    .bind(volume.created.as_millisecond())
    .bind(&volume.zone)
    .bind(json(&volume.source))
    .execute(&mut **tx)
    .await
    .map_err(inserting("the volume"))?;
    write(tx, volume).await?;
    tag::insert(tx, volume.id.as_str(), &volume.tags).await
}

/// Writes what can change in a volume's life.
pub(crate) async fn write(tx: &mut SqliteConnection, volume: &Volume) -> StoreResult<()> {
    let attachment = volume.attachment.as_ref();
    let done = sqlx::query(
        "UPDATE volumes SET size = ?, performance = ?, state = ?, reason = ?, instance_id = ?, device = ?, attached = ?,
                            delete_on_termination = ?, attachment_state = ?, force_detach = ?, of_launch = ?
         WHERE id = ?",
    )
    .bind(size(volume.size.0))
    .bind(json(&volume.performance))
    .bind(word(&volume.state))
    .bind(&volume.reason)
    .bind(attachment.map(|a| a.instance_id.as_str()))
    .bind(attachment.map(|a| a.device.as_str()))
    .bind(attachment.map(|a| a.attached.as_millisecond()))
    .bind(attachment.is_some_and(|a| a.delete_on_termination))
    .bind(attachment.map(|a| word(&a.state)))
    .bind(attachment.is_some_and(|a| a.force))
    .bind(attachment.is_some_and(|a| a.of_launch))
    .bind(volume.id.as_str())
    .execute(tx)
    .await
    .map_err(inserting("the volume's device"))?;
    one_row(done, "the volume")
}

/// Writes a volume's size and figures.
pub(crate) async fn write_shape(tx: &mut SqliteConnection, volume: &Volume) -> StoreResult<()> {
    let done = sqlx::query("UPDATE volumes SET size = ?, performance = ? WHERE id = ?")
        .bind(size(volume.size.0))
        .bind(json(&volume.performance))
        .bind(volume.id.as_str())
        .execute(tx)
        .await
        .map_err(doing("write a volume's size"))?;
    one_row(done, "the volume")
}
