//! `POST /v1/flow-logs`.

use axum::Json;
use axum::extract::State;
use axum::http::StatusCode;
use cumulet_api_types::error::ErrorReply;
use cumulet_api_types::flow_log::{CreateFlowLog, FlowLog};
use cumulet_model::CloudError;

use crate::convert::flow_log::{create_from, flow_log_to};
use crate::error::Result;
use crate::extract::Body;
use crate::router::Api;

/// Makes a flow log of a VPC, subnet or interface, which records from now on.
#[utoipa::path(post, path = "/v1/flow-logs", operation_id = "create_flow_log", tag = "network",
    request_body = CreateFlowLog, responses(
        (status = 201, description = "It", body = FlowLog),
        (status = "default", description = "An error", body = ErrorReply),
    )
)]
pub(crate) async fn create(
    State(api): State<Api>,
    Body(request): Body<CreateFlowLog>,
) -> Result<(StatusCode, Json<FlowLog>)> {
    let made = api.cloud.create_flow_logs(create_from(request)?).await?;
    if let Some((_, refusal)) = made.refused.into_iter().next() {
        return Err(refusal.into());
    }
    let id = made.made.first().ok_or_else(|| CloudError::internal("no flow log was made"))?;
    Ok((StatusCode::CREATED, Json(flow_log_to(api.cloud.flow_log(id).await?))))
}
