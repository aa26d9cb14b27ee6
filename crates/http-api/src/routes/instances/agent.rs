//! `GET /v1/instances/{id}/agent`.

use axum::Json;
use axum::extract::State;
use cumulet_api_types::error::ErrorReply;
use cumulet_api_types::guest::Agent;
use cumulet_model::error::parse_id;

use crate::error::Result;
use crate::extract::Segment;
use crate::router::Api;

/// Who the agent in an instance is. Code `AgentUnavailable`: it has none, or not yet.
#[utoipa::path(get, path = "/v1/instances/{id}/agent", operation_id = "get_agent", tag = "guests",
    params(("id" = String, Path, description = "The instance's id")), responses(
        (status = 200, description = "The agent", body = Agent),
        (status = "default", description = "An error", body = ErrorReply),
    )
)]
pub(crate) async fn agent(State(api): State<Api>, Segment(id): Segment<String>) -> Result<Json<Agent>> {
    let greeting = api.cloud.agent_greeting(&parse_id(&id)?).await?;
    Ok(Json(Agent {
        agent: greeting.agent,
        protocol_version: greeting.version,
        hostname: greeting.hostname,
        machine_id: greeting.machine_id,
        boot_id: greeting.boot_id,
    }))
}
