//! Flow logs.

use cumulet_api_types::flow_log::{CreateFlowLog, FlowLog, FlowLogList, RecordsQuery};
use hyper::Method;

use crate::client::{segment, with_query};
use crate::lines::Lines;
use crate::{Client, Result};

fn path(id: &str, rest: &str) -> String {
    format!("/v1/flow-logs/{}{rest}", segment(id))
}

impl Client {
    /// All flow logs, oldest first.
    pub async fn flow_logs(&self) -> Result<Vec<FlowLog>> {
        Ok(self.get::<FlowLogList>("/v1/flow-logs").await?.flow_logs)
    }

    /// One flow log.
    pub async fn flow_log(&self, id: &str) -> Result<FlowLog> {
        self.get(&path(id, "")).await
    }

    /// Makes a flow log.
    pub async fn create_flow_log(&self, request: &CreateFlowLog) -> Result<FlowLog> {
        self.post("/v1/flow-logs", request).await
    }

    /// Deletes a flow log.
    pub async fn delete_flow_log(&self, id: &str) -> Result<()> {
        self.order(Method::DELETE, &path(id, ""), None::<&()>).await
    }

    /// A flow log's records, as they come.
    pub async fn flow_log_records(&self, id: &str, query: &RecordsQuery) -> Result<Lines> {
        self.lines(&with_query(&path(id, "/records"), query)?).await
    }
}
