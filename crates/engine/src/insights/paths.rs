//! Paths: made, listed, deleted.

use cumulet_model::insights::InsightsPath;
use cumulet_model::{CloudError, ErrorCode, InsightsPathId};

use crate::api::insights::CreateInsightsPath;
use crate::cloud::{Cloud, Result, internal};
use crate::idempotent::token_of;

/// How many paths there may be (Reachability Analyzer guide, "Quotas": 100).
const MOST_PATHS: usize = 100;

impl Cloud {
    /// All paths, oldest first.
    pub async fn insights_paths(&self) -> Result<Vec<InsightsPath>> {
        self.inner.store.insights_paths().await.map_err(internal)
    }

    /// One path.
    pub async fn insights_path(&self, id: &InsightsPathId) -> Result<InsightsPath> {
        let missing = || {
            CloudError::not_found(ErrorCode::InvalidInsightsPathIdNotFound, "network insights path ID", id)
        };
        self.insights_paths().await?.into_iter().find(|path| path.id == *id).ok_or_else(missing)
    }

    /// Checks what a path asks, without making it.
    pub async fn check_insights_path(&self, request: &CreateInsightsPath) -> Result<()> {
        self.question(&request.ask).await.map(drop)
    }

    /// Makes a path. Its ends must exist now.
    pub async fn create_insights_path(&self, request: CreateInsightsPath) -> Result<InsightsPath> {
        self.check_insights_path(&request).await?;
        let token = token_of("CreateNetworkInsightsPath", request.client_token.as_deref(), &request);
        let _allocation = self.inner.allocation.lock().await;
        if let Some(made) = self.made_before(token.as_ref()).await? {
            let id = made.parse().map_err(|_| CloudError::internal("a token names no insights path"))?;
            return self.insights_path(&id).await;
        }
        if self.insights_paths().await?.len() >= MOST_PATHS {
            let text = format!("There are {MOST_PATHS} network insights paths already");
            return Err(CloudError::new(ErrorCode::ResourceLimitExceeded, text));
        }
        let id = InsightsPathId::random(&mut rand::rng());
        let path = InsightsPath { id, created: self.inner.clock.now(), ask: request.ask, tags: request.tags };
        self.inner.store.add_insights_path(&path, token.as_ref()).await.map_err(internal)?;
        Ok(path)
    }

    /// Deletes a path that has no analyses.
    pub async fn delete_insights_path(&self, id: &InsightsPathId) -> Result<()> {
        let _allocation = self.inner.allocation.lock().await;
        self.insights_path(id).await?;
        if self.insights_analyses().await?.iter().any(|analysis| analysis.path_id == *id) {
            let text = format!("The network insights path '{id}' has analyses; delete them first");
            return Err(CloudError::new(ErrorCode::DependencyViolation, text));
        }
        self.inner.store.delete_insights_path(id).await.map_err(internal)
    }
}
