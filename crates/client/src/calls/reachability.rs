//! Reachability.

use cumulet_api_types::reachability::{AskReachability, ReachabilityAnswer};

use crate::{Client, Result};

impl Client {
    /// Which way traffic takes, or what stops it.
    pub async fn reachability(&self, ask: &AskReachability) -> Result<ReachabilityAnswer> {
        self.post("/v1/reachability", ask).await
    }
}
