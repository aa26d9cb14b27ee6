//! Requests about network insights.

use cumulet_model::insights::PathAsk;
use cumulet_model::{InsightsPathId, Tags};
use serde::Serialize;

/// A path to be made.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct CreateInsightsPath {
    /// What it asks.
    pub ask: PathAsk,
    /// Tags.
    pub tags: Tags,
    /// Makes the request idempotent.
    #[serde(skip)]
    pub client_token: Option<String>,
}

/// A path to be analysed.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct StartInsightsAnalysis {
    /// The path.
    pub path_id: InsightsPathId,
    /// Resources that the way must come through, by ARN.
    pub through: Vec<String>,
    /// Resources that it must not come through.
    pub not_through: Vec<String>,
    /// Tags.
    pub tags: Tags,
    /// Makes the request idempotent.
    #[serde(skip)]
    pub client_token: Option<String>,
}
