//! Images.

use cumulet_model::image::{Image, ImageState};
use cumulet_model::{Bytes, ImageId};

use crate::column::{Columns, size, word};
use crate::{Store, StoreResult, doing, inserting, one_row, tag};

impl Store {
    /// All images, oldest first.
    pub async fn images(&self) -> StoreResult<Vec<Image>> {
        let mut tags = self.tags_by_id().await?;
        let rows = sqlx::query("SELECT * FROM images ORDER BY created, id")
            .fetch_all(&self.pool)
            .await
            .map_err(doing("read the images"))?;
        rows.iter()
            .map(|row| {
                let row = Columns::new("images", row);
                Ok(Image {
                    id: row.parsed("id")?,
                    name: row.text("name")?,
                    description: row.text_if("description")?,
                    state: row.word("state")?,
                    state_reason: row.text_if("state_reason")?,
                    created: row.time("created")?,
                    location: row.text("location")?,
                    root_device_name: row.text("root_device_name")?,
                    size: Bytes(row.count("size")?),
                    kernel_id: row.parsed_if("kernel_id")?,
                    ramdisk_id: row.parsed_if("ramdisk_id")?,
                    boot_args: row.text("boot_args")?,
                    default_user: row.text_if("default_user")?,
                    tags: tags.remove(&row.text("id")?).unwrap_or_default(),
                })
            })
            .collect()
    }

    /// Adds an image; a name that is there is [`crate::StoreError::Duplicate`].
    pub async fn add_image(&self, image: &Image) -> StoreResult<()> {
        let mut tx = self.begin().await?;
        sqlx::query(
            "INSERT INTO images (id, name, description, state, state_reason, created, location, root_device_name, size,
                                 kernel_id, ramdisk_id, boot_args, default_user)
             VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)",
        )
        .bind(image.id.as_str())
        .bind(&image.name)
        .bind(&image.description)
        .bind(word(&image.state))
        .bind(&image.state_reason)
        .bind(image.created.as_millisecond())
        .bind(&image.location)
        .bind(&image.root_device_name)
        .bind(size(image.size.0))
        .bind(image.kernel_id.as_ref().map(ImageId::as_str))
        .bind(image.ramdisk_id.as_ref().map(ImageId::as_str))
        .bind(&image.boot_args)
        .bind(&image.default_user)
        .execute(&mut *tx)
        .await
        .map_err(inserting("the image name"))?;
        tag::insert(&mut tx, image.id.as_str(), &image.tags).await?;
        tx.commit().await.map_err(doing("add an image"))
    }

    /// Writes how the making of a pending image ended.
    pub async fn finish_image(
        &self,
        id: &ImageId,
        state: ImageState,
        bytes: Bytes,
        reason: Option<&str>,
    ) -> StoreResult<()> {
        let done =
            sqlx::query("UPDATE images SET state = ?, size = ?, state_reason = ? WHERE id = ? AND state = ?")
                .bind(word(&state))
                .bind(size(bytes.0))
                .bind(reason)
                .bind(id.as_str())
                .bind(word(&ImageState::Pending))
                .execute(&self.writer)
                .await
                .map_err(doing("finish an image"))?;
        one_row(done, "the pending image")
    }

    /// An image that was complete can't be used any more.
    pub async fn lose_image(&self, id: &ImageId, reason: &str) -> StoreResult<()> {
        let done = sqlx::query("UPDATE images SET state = ?, state_reason = ? WHERE id = ?")
            .bind(word(&ImageState::Failed))
            .bind(reason)
            .bind(id.as_str())
            .execute(&self.writer)
            .await
            .map_err(doing("write an image's state"))?;
        one_row(done, "the image")
    }

    /// Removes an image; none is a success.
    pub async fn delete_image(&self, id: &ImageId) -> StoreResult<()> {
        let mut tx = self.begin().await?;
        sqlx::query("DELETE FROM images WHERE id = ?")
            .bind(id.as_str())
            .execute(&mut *tx)
            .await
            .map_err(doing("delete an image"))?;
        tag::forget(&mut tx, id.as_str()).await?;
        tx.commit().await.map_err(doing("delete an image"))
    }
}
