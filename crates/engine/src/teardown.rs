//! Teardown: everything that this installation made on the host goes. Rows, images and volumes stay: the instances
//! are stopped and can be started again.

use std::time::Duration;

use cumulet_model::state::{Intent, Machine, StateReason};
use cumulet_model::{CloudError, ErrorCode};
use cumulet_store::InstanceRecord;
use tokio::time::Instant;
use tracing::{error, info, warn};

use crate::cloud::{ChangeError, Cloud, Result, internal};
use crate::driver::transition_text;

/// How long a step that is under way may take to its end.
const STEP_PATIENCE: Duration = Duration::from_secs(150);

impl Cloud {
    /// Stops all machines as a termination would (power button, then a kill), removes the network, and ends the cloud's
    /// tasks. Goes on through errors and reports them all. The process has nothing left to do then;
    /// [`Cloud::torn_down`] tells it.
    pub async fn teardown(&self) -> Result<()> {
        let inner = &self.inner;
        let _allocation = inner.allocation.lock().await;
        let mut failures = Vec::new();
        // A step that is under way is finished, so that nothing comes up behind our back.
        inner.drain.cancel();
        inner.tasks.close();
        if tokio::time::timeout(STEP_PATIENCE, inner.tasks.wait()).await.is_err() {
            failures.push("a step of an instance did not come to its end".to_owned());
        }
        inner.stop.cancel();
        let mut records = inner.store.instances().await.map_err(internal)?;
        records.retain(|record| !matches!(record.machine, Machine::Off | Machine::Released));
        self.power_off(&records).await;
        for record in records {
            if let Err(failure) = inner.ports.vms.kill(&record.id).await {
                failures.push(format!("instance {}: {}", record.id, failure.chain()));
                continue;
            }
            let reason = StateReason::new("Server.Teardown", "The cloud was torn down");
            let text = transition_text(&reason, inner.clock.now());
            let changed = inner
                .store
                .change_instance::<ChangeError>(&record.id, |record| {
                    record.turn_off();
                    if record.intent == Intent::Run {
                        record.intent = Intent::Stop;
                        record.reason = Some(reason);
                        record.transition_reason = text;
                    }
                    Ok(())
                })
                .await;
            if let Err(failure) = changed {
                failures.push(format!("instance {}: {}", record.id, CloudError::from(failure)));
            }
        }
        inner.keeper.close().await;
        if let Err(failure) = inner.ports.network.teardown().await {
            failures.push(failure.chain());
        }
        inner.torn_down.cancel();
        if failures.is_empty() {
            info!("the cloud is torn down; images, volumes and rows stay");
            Ok(())
        } else {
            error!(failures = failures.join("; "), "the teardown left something behind");
            Err(CloudError::new(ErrorCode::InternalError, format!("left behind: {}", failures.join("; "))))
        }
    }

    /// Presses the power buttons and waits until the machines are off, or have had their grace: a guest's writes that
    /// are not on its disk yet would be lost with a kill.
    async fn power_off(&self, records: &[InstanceRecord]) {
        let inner = &self.inner;
        let deadline = Instant::now() + inner.config.graces.terminate;
        for record in records {
            if let Err(failure) = inner.ports.vms.power_button(&record.id).await {
                warn!(instance = %record.id, error = failure.chain(), "the power button could not be pressed");
            }
        }
        for record in records {
            while inner.ports.vms.is_running(&record.id).await && Instant::now() < deadline {
                tokio::time::sleep(Duration::from_millis(50)).await;
            }
        }
    }
}
