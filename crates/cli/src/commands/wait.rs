//! Waiting with progress shown.

use std::time::Duration;

use clap::Args;
use cumulet_client::Patience;
use cumulet_client::types::instance::{Instance, InstanceState};

use crate::context::Context;
use crate::failure::Result;
use crate::output::Progress;

/// Whether and how long to wait.
#[derive(Debug, Clone, Args)]
pub struct Wait {
    /// Don't wait for the end
    #[arg(long)]
    pub no_wait: bool,
    /// Wait for the end (the default)
    #[arg(long, conflicts_with = "no_wait")]
    pub wait: bool,
    /// How long to wait at most
    #[arg(long, value_name = "SECONDS", default_value_t = 600)]
    pub timeout: u64,
}

impl Wait {
    /// How long to wait and how often to look.
    pub fn patience(&self) -> Patience {
        Patience { limit: Duration::from_secs(self.timeout), pause: Duration::from_millis(200) }
    }

    /// Waits for `goal`, unless that was not wanted; gives the instances as they then are.
    pub async fn for_instances(
        &self,
        context: &Context,
        ids: &[String],
        goal: InstanceState,
    ) -> Result<Option<Vec<Instance>>> {
        if self.no_wait {
            return Ok(None);
        }
        until(context, ids, goal, Duration::from_secs(self.timeout)).await.map(Some)
    }
}

/// Waits until the instances are in `goal`, with progress shown.
pub async fn until(
    context: &Context,
    ids: &[String],
    goal: InstanceState,
    limit: Duration,
) -> Result<Vec<Instance>> {
    let mut progress = Progress::new(context.json);
    let patience = Patience { limit, ..Patience::default() };
    let mut tell = |what: &str, _| progress.tell(&format!("waiting for {goal}: {what}"));
    Ok(context.client.wait_for_instances(ids, goal, patience, &mut tell).await?)
}
