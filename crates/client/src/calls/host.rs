//! The cloud itself.

use std::time::Duration;

use cumulet_api_types::host::{AwsEnv, Health, HostFacts, TornDown};

use crate::{Client, Result};

/// A teardown waits for the ends of all machines.
const TEARDOWN_LIMIT: Duration = Duration::from_secs(660);

impl Client {
    /// Whether the daemon answers.
    pub async fn health(&self) -> Result<Health> {
        self.get("/v1/health").await
    }

    /// Version, region and account.
    pub async fn host(&self) -> Result<HostFacts> {
        self.get("/v1/host").await
    }

    /// What the aws CLI needs; over the unix socket only.
    pub async fn aws_env(&self) -> Result<AwsEnv> {
        self.get("/v1/aws-env").await
    }

    /// Ends all machines and removes the host's network state.
    pub async fn teardown(&self) -> Result<TornDown> {
        self.post_empty("/v1/teardown", TEARDOWN_LIMIT).await
    }
}
