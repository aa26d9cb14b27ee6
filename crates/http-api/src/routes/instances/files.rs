//! `POST /v1/instances/{id}/files/get` and `…/put`.

use axum::extract::State;
use axum::response::Response;
use cumulet_agent_client::protocol::{self as wire, Command};
use cumulet_api_types::error::ErrorReply;
use cumulet_api_types::guest::{GetFiles, PutFiles};
use cumulet_model::error::parse_id;

use crate::error::Result;
use crate::extract::{Body, Segment};
use crate::router::Api;
use crate::upgrade::Upgrade;

/// Sends a file or directory of an instance, by its agent. Takes `Connection: upgrade` and `Upgrade: cumulet-agent`.
#[utoipa::path(post, path = "/v1/instances/{id}/files/get", operation_id = "get_files", tag = "guests",
    params(("id" = String, Path, description = "The instance's id")), request_body = GetFiles, responses(
        (status = 101, description = "It follows as frames of the agent's protocol"),
        (status = "default", description = "An error", body = ErrorReply),
    )
)]
pub(crate) async fn get(
    State(api): State<Api>,
    Segment(id): Segment<String>,
    upgrade: Option<Upgrade>,
    Body(request): Body<GetFiles>,
) -> Result<Response> {
    let id = parse_id(&id)?;
    let upgrade = upgrade.ok_or_else(Upgrade::required)?;
    upgrade.stream_to(&api, &id, Command::Get(wire::Get { path: request.path })).await
}

/// Takes a file or directory into an instance, by its agent. Takes `Connection: upgrade` and `Upgrade: cumulet-agent`.
#[utoipa::path(post, path = "/v1/instances/{id}/files/put", operation_id = "put_files", tag = "guests",
    params(("id" = String, Path, description = "The instance's id")), request_body = PutFiles, responses(
        (status = 101, description = "It is waited for as frames of the agent's protocol"),
        (status = "default", description = "An error", body = ErrorReply),
    )
)]
pub(crate) async fn put(
    State(api): State<Api>,
    Segment(id): Segment<String>,
    upgrade: Option<Upgrade>,
    Body(request): Body<PutFiles>,
) -> Result<Response> {
    let id = parse_id(&id)?;
    let upgrade = upgrade.ok_or_else(Upgrade::required)?;
    let put = wire::Put { path: request.path, owner: request.owner };
    upgrade.stream_to(&api, &id, Command::Put(put)).await
}
