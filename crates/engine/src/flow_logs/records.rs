//! A flow log's records, as the network gives them.

use cumulet_model::{CloudError, FlowLogId};
use cumulet_ports::network::FlowLogLine;
use tokio::sync::mpsc;

use crate::api::flow_log::DescribedFlowLog;
use crate::cloud::{Cloud, Result, port_failed};

/// The most records that are read back.
pub const MOST_LAST: usize = 10_000;

impl Cloud {
    /// A flow log, and its last `last` records, and if `follow` each that comes until the log is deleted.
    pub async fn flow_log_records(
        &self,
        id: &FlowLogId,
        last: usize,
        follow: bool,
    ) -> Result<(DescribedFlowLog, mpsc::Receiver<FlowLogLine>)> {
        if last > MOST_LAST {
            return Err(CloudError::invalid_value(format!(
                "last: at most {MOST_LAST} records are read back"
            )));
        }
        let described = self.flow_log(id).await?;
        let lines = self.inner.ports.network.flow_log_records(id, last, follow).await.map_err(port_failed)?;
        Ok((described, lines))
    }
}
