//! Flow logs: rows here, recorded by the network. A log goes with the VPC, subnet or interface that it is of.

mod create;
mod records;

use cumulet_model::{CloudError, ErrorCode, FlowLogId};
use tracing::info;

use crate::api::flow_log::DescribedFlowLog;
use crate::cloud::{Cloud, Result, internal, port_failed};

impl Cloud {
    /// All flow logs with what became of their records, oldest first.
    pub async fn flow_logs(&self) -> Result<Vec<DescribedFlowLog>> {
        let mut described = Vec::new();
        for log in self.inner.store.flow_logs().await.map_err(internal)? {
            let status = self.inner.ports.network.flow_log_status(&log.id).await.unwrap_or_default();
            described.push(DescribedFlowLog { log, status });
        }
        Ok(described)
    }

    /// One flow log.
    pub async fn flow_log(&self, id: &FlowLogId) -> Result<DescribedFlowLog> {
        let found = self.flow_logs().await?.into_iter().find(|described| described.log.id == *id);
        found.ok_or_else(|| no_flow_log(id))
    }

    /// Deletes flow logs; records that were written stay for their time. Gives those that there are not.
    pub async fn delete_flow_logs(&self, ids: &[FlowLogId]) -> Result<Vec<(FlowLogId, CloudError)>> {
        let mut refused = Vec::new();
        for id in ids {
            if self.inner.store.delete_flow_log(id).await.map_err(internal)? {
                info!(log = %id, "deleted a flow log");
            } else {
                refused.push((id.clone(), no_flow_log(id)));
            }
        }
        if refused.len() < ids.len() {
            self.inner.keeper.sync().await.map_err(port_failed)?;
        }
        Ok(refused)
    }
}

fn no_flow_log(id: &FlowLogId) -> CloudError {
    CloudError::not_found(ErrorCode::InvalidFlowLogIdNotFound, "flow log ID", id)
}
