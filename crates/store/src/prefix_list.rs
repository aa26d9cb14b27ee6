//! Managed prefix lists with all their versions: an entry's row says from which version on, and up to which, it is one.

use std::collections::HashMap;

use cumulet_model::PrefixListId;
use cumulet_model::prefix_list::{PrefixList, PrefixListEntry};
use sqlx::{Sqlite, Transaction};

use crate::column::{Columns, size, word};
use crate::token::{self, RequestToken};
use crate::{Store, StoreResult, doing, inserting, one_row, tag};

impl Store {
    /// All prefix lists as their newest versions are, oldest first.
    pub async fn prefix_lists(&self) -> StoreResult<Vec<PrefixList>> {
        let mut tags = self.tags_by_id().await?;
        let rows = sqlx::query("SELECT * FROM prefix_list_entries WHERE until IS NULL")
            .fetch_all(&self.pool)
            .await
            .map_err(doing("read the prefix lists' entries"))?;
        let mut entries: HashMap<PrefixListId, Vec<PrefixListEntry>> = HashMap::new();
        for row in &rows {
            let row = Columns::new("prefix_list_entries", row);
            entries.entry(row.parsed("list_id")?).or_default().push(read_entry(&row)?);
        }
        let rows = sqlx::query("SELECT * FROM prefix_lists ORDER BY created, id")
            .fetch_all(&self.pool)
            .await
            .map_err(doing("read the prefix lists"))?;
        rows.iter()
            .map(|row| {
                let row = Columns::new("prefix_lists", row);
                let id: PrefixListId = row.parsed("id")?;
                let mut entries = entries.remove(&id).unwrap_or_default();
                entries.sort();
                Ok(PrefixList {
                    name: row.text("name")?,
                    family: row.word("family")?,
                    max_entries: row.count("max_entries")?,
                    version: row.count("version")?,
                    state: row.word("state")?,
                    entries,
                    created: row.time("created")?,
                    tags: tags.remove(id.as_str()).unwrap_or_default(),
                    id,
                })
            })
            .collect()
    }

    /// The entries of one version of a list.
    pub async fn prefix_list_entries(
        &self,
        id: &PrefixListId,
        version: u64,
    ) -> StoreResult<Vec<PrefixListEntry>> {
        let rows = sqlx::query(
            "SELECT * FROM prefix_list_entries WHERE list_id = ?1 AND since <= ?2 AND (until IS NULL OR until > ?2)",
        )
        .bind(id.as_str())
        .bind(size(version))
        .fetch_all(&self.pool)
        .await
        .map_err(doing("read a prefix list's version"))?;
        let read = |row| read_entry(&Columns::new("prefix_list_entries", row));
        let mut entries = rows.iter().map(read).collect::<StoreResult<Vec<_>>>()?;
        entries.sort();
        Ok(entries)
    }

    /// Adds a prefix list with its first version.
    pub async fn add_prefix_list(&self, list: &PrefixList, token: Option<&RequestToken>) -> StoreResult<()> {
        let mut tx = self.begin().await?;
        if let Some(token) = token {
            token::insert(&mut tx, token, list.id.as_str(), list.created).await?;
        }
        sqlx::query(
            "INSERT INTO prefix_lists (id, name, family, max_entries, version, state, created)
             VALUES (?, ?, ?, ?, ?, ?, ?)",
        )
        .bind(list.id.as_str())
        .bind(&list.name)
        .bind(word(&list.family))
        .bind(list.max_entries)
        .bind(size(list.version))
        .bind(word(&list.state))
        .bind(list.created.as_millisecond())
        .execute(&mut *tx)
        .await
        .map_err(inserting("the prefix list"))?;
        for entry in &list.entries {
            insert_entry(&mut tx, list, entry).await?;
        }
        tag::insert(&mut tx, list.id.as_str(), &list.tags).await?;
        tx.commit().await.map_err(doing("add a prefix list"))
    }

    /// Writes a list's name, size and state, and if its version is new its entries: what it has no more ends with the
    /// version before, what it has anew begins with this one. [`crate::StoreError::Gone`] if its version is not `before`.
    pub async fn update_prefix_list(&self, list: &PrefixList, before: u64) -> StoreResult<()> {
        let mut tx = self.begin().await?;
        let done = sqlx::query(
            "UPDATE prefix_lists SET name = ?, max_entries = ?, version = ?, state = ? WHERE id = ? AND version = ?",
        )
        .bind(&list.name)
        .bind(list.max_entries)
        .bind(size(list.version))
        .bind(word(&list.state))
        .bind(list.id.as_str())
        .bind(size(before))
        .execute(&mut *tx)
        .await
        .map_err(doing("write a prefix list"))?;
        one_row(done, "the prefix list's version")?;
        if list.version > before {
            change_entries(&mut tx, list).await?;
        }
        tx.commit().await.map_err(doing("write a prefix list"))
    }

    /// Takes the newest version of a list back; `before` is the list as it was.
    pub async fn revert_prefix_list(&self, before: &PrefixList, newest: u64) -> StoreResult<()> {
        let mut tx = self.begin().await?;
        let done = sqlx::query(
            "UPDATE prefix_lists SET name = ?, max_entries = ?, version = ?, state = ? WHERE id = ? AND version = ?",
        )
        .bind(&before.name)
        .bind(before.max_entries)
        .bind(size(before.version))
        .bind(word(&before.state))
        .bind(before.id.as_str())
        .bind(size(newest))
        .execute(&mut *tx)
        .await
        .map_err(doing("take a prefix list's version back"))?;
        one_row(done, "the prefix list's version")?;
        for statement in [
            "DELETE FROM prefix_list_entries WHERE list_id = ? AND since > ?",
            "UPDATE prefix_list_entries SET until = NULL WHERE list_id = ? AND until > ?",
        ] {
            sqlx::query(statement)
                .bind(before.id.as_str())
                .bind(size(before.version))
                .execute(&mut *tx)
                .await
                .map_err(doing("take a prefix list's version back"))?;
        }
        tx.commit().await.map_err(doing("take a prefix list's version back"))
    }

    /// Removes a prefix list with all its versions.
    pub async fn delete_prefix_list(&self, id: &PrefixListId) -> StoreResult<()> {
        let mut tx = self.begin().await?;
        let done = sqlx::query("DELETE FROM prefix_lists WHERE id = ?")
            .bind(id.as_str())
            .execute(&mut *tx)
            .await
            .map_err(doing("delete a prefix list"))?;
        one_row(done, "the prefix list")?;
        tag::forget(&mut tx, id.as_str()).await?;
        tx.commit().await.map_err(doing("delete a prefix list"))
    }
}

async fn change_entries(tx: &mut Transaction<'_, Sqlite>, list: &PrefixList) -> StoreResult<()> {
    let rows = sqlx::query("SELECT * FROM prefix_list_entries WHERE list_id = ? AND until IS NULL")
        .bind(list.id.as_str())
        .fetch_all(&mut **tx)
        .await
        .map_err(doing("read a prefix list's entries"))?;
    let read = |row| read_entry(&Columns::new("prefix_list_entries", row));
    let held = rows.iter().map(read).collect::<StoreResult<Vec<_>>>()?;
    for gone in held.iter().filter(|entry| !list.entries.contains(entry)) {
        sqlx::query(
            "UPDATE prefix_list_entries SET until = ? WHERE list_id = ? AND cidr = ? AND until IS NULL",
        )
        .bind(size(list.version))
        .bind(list.id.as_str())
        .bind(gone.cidr.to_string())
        .execute(&mut **tx)
        .await
        .map_err(doing("end a prefix list's entry"))?;
    }
    for new in list.entries.iter().filter(|entry| !held.contains(entry)) {
        insert_entry(tx, list, new).await?;
    }
    Ok(())
}

async fn insert_entry(
    tx: &mut Transaction<'_, Sqlite>,
    list: &PrefixList,
    entry: &PrefixListEntry,
) -> StoreResult<()> {
    sqlx::query("INSERT INTO prefix_list_entries (list_id, cidr, description, since) VALUES (?, ?, ?, ?)")
        .bind(list.id.as_str())
        .bind(entry.cidr.to_string())
        .bind(&entry.description)
        .bind(size(list.version))
        .execute(&mut **tx)
        .await
        .map_err(inserting("the prefix list's entry"))?;
    Ok(())
}

fn read_entry(row: &Columns<'_>) -> StoreResult<PrefixListEntry> {
    Ok(PrefixListEntry { cidr: row.parsed("cidr")?, description: row.text_if("description")? })
}
