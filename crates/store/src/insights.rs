//! Network insights: paths and analyses. An analysis is written once, with what it found.

use cumulet_model::insights::{InsightsAnalysis, InsightsPath};
use cumulet_model::{InsightsAnalysisId, InsightsPathId};
use sqlx::{Sqlite, Transaction};

use crate::column::{Columns, json};
use crate::token::{self, RequestToken};
use crate::{Store, StoreResult, doing, inserting, one_row, tag};

impl Store {
    /// All paths, oldest first.
    pub async fn insights_paths(&self) -> StoreResult<Vec<InsightsPath>> {
        let mut tags = self.tags_by_id().await?;
        let rows = sqlx::query("SELECT * FROM insights_paths ORDER BY created, id")
            .fetch_all(&self.pool)
            .await
            .map_err(doing("read the insights paths"))?;
        rows.iter()
            .map(|row| {
                let row = Columns::new("insights_paths", row);
                let id: InsightsPathId = row.parsed("id")?;
                let tags = tags.remove(id.as_str()).unwrap_or_default();
                Ok(InsightsPath { id, created: row.time("created")?, ask: row.json("ask")?, tags })
            })
            .collect()
    }

    /// All analyses, oldest first.
    pub async fn insights_analyses(&self) -> StoreResult<Vec<InsightsAnalysis>> {
        let mut tags = self.tags_by_id().await?;
        let rows = sqlx::query("SELECT * FROM insights_analyses ORDER BY started, id")
            .fetch_all(&self.pool)
            .await
            .map_err(doing("read the insights analyses"))?;
        rows.iter()
            .map(|row| {
                let row = Columns::new("insights_analyses", row);
                let id: InsightsAnalysisId = row.parsed("id")?;
                let tags = tags.remove(id.as_str()).unwrap_or_default();
                Ok(InsightsAnalysis {
                    id,
                    path_id: row.parsed("path_id")?,
                    started: row.time("started")?,
                    through: row.json("through")?,
                    not_through: row.json("not_through")?,
                    findings: row.json("findings")?,
                    tags,
                })
            })
            .collect()
    }

    /// Adds a path, with the token of the request that made it.
    pub async fn add_insights_path(
        &self,
        path: &InsightsPath,
        token: Option<&RequestToken>,
    ) -> StoreResult<()> {
        let mut tx = self.begin().await?;
        sqlx::query("INSERT INTO insights_paths (id, created, ask) VALUES (?, ?, ?)")
            .bind(path.id.as_str())
            .bind(path.created.as_millisecond())
            .bind(json(&path.ask))
            .execute(&mut *tx)
            .await
            .map_err(inserting("the insights path"))?;
        tag::insert(&mut tx, path.id.as_str(), &path.tags).await?;
        note(&mut tx, token, path.id.as_str(), path.created).await?;
        tx.commit().await.map_err(doing("add an insights path"))
    }

    /// Adds an analysis, with the token of the request that made it.
    pub async fn add_insights_analysis(
        &self,
        analysis: &InsightsAnalysis,
        token: Option<&RequestToken>,
    ) -> StoreResult<()> {
        let mut tx = self.begin().await?;
        sqlx::query(
            "INSERT INTO insights_analyses (id, path_id, started, through, not_through, findings) \
             VALUES (?, ?, ?, ?, ?, ?)",
        )
        .bind(analysis.id.as_str())
        .bind(analysis.path_id.as_str())
        .bind(analysis.started.as_millisecond())
        .bind(json(&analysis.through))
        .bind(json(&analysis.not_through))
        .bind(json(&analysis.findings))
        .execute(&mut *tx)
        .await
        .map_err(inserting("the insights analysis"))?;
        tag::insert(&mut tx, analysis.id.as_str(), &analysis.tags).await?;
        note(&mut tx, token, analysis.id.as_str(), analysis.started).await?;
        tx.commit().await.map_err(doing("add an insights analysis"))
    }

    /// Deletes a path, which must have no analyses any more.
    pub async fn delete_insights_path(&self, id: &InsightsPathId) -> StoreResult<()> {
        let mut tx = self.begin().await?;
        let done = sqlx::query("DELETE FROM insights_paths WHERE id = ?")
            .bind(id.as_str())
            .execute(&mut *tx)
            .await
            .map_err(doing("delete an insights path"))?;
        one_row(done, "the insights path")?;
        tag::forget(&mut tx, id.as_str()).await?;
        tx.commit().await.map_err(doing("delete an insights path"))
    }

    /// Deletes an analysis.
    pub async fn delete_insights_analysis(&self, id: &InsightsAnalysisId) -> StoreResult<()> {
        let mut tx = self.begin().await?;
        let done = sqlx::query("DELETE FROM insights_analyses WHERE id = ?")
            .bind(id.as_str())
            .execute(&mut *tx)
            .await
            .map_err(doing("delete an insights analysis"))?;
        one_row(done, "the insights analysis")?;
        tag::forget(&mut tx, id.as_str()).await?;
        tx.commit().await.map_err(doing("delete an insights analysis"))
    }
}

async fn note(
    tx: &mut Transaction<'_, Sqlite>,
    token: Option<&RequestToken>,
    id: &str,
    now: jiff::Timestamp,
) -> StoreResult<()> {
    match token {
        Some(token) => token::insert(tx, token, id, now).await,
        None => Ok(()),
    }
}
