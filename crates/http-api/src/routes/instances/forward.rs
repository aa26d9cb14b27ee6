//! `POST /v1/instances/{id}/forward`.

use std::net::{IpAddr, Ipv4Addr};

use axum::extract::State;
use axum::response::Response;
use cumulet_agent_client::protocol::{self as wire, Command};
use cumulet_api_types::error::ErrorReply;
use cumulet_api_types::guest::Forward;
use cumulet_model::CloudError;
use cumulet_model::error::parse_id;

use crate::error::Result;
use crate::extract::{Body, Segment};
use crate::router::Api;
use crate::upgrade::Upgrade;

/// Connects from within an instance, by its agent, to a TCP port of its own or of a neighbour's: needs no route, no
/// address and no security group. Takes `Connection: upgrade` and `Upgrade: cumulet-agent`.
#[utoipa::path(post, path = "/v1/instances/{id}/forward", operation_id = "forward", tag = "guests",
    params(("id" = String, Path, description = "The instance's id")), request_body = Forward, responses(
        (status = 101, description = "It is connected, and its bytes follow as frames of the agent's protocol"),
        (status = "default", description = "An error", body = ErrorReply),
    )
)]
pub(crate) async fn forward(
    State(api): State<Api>,
    Segment(id): Segment<String>,
    upgrade: Option<Upgrade>,
    Body(request): Body<Forward>,
) -> Result<Response> {
    let id = parse_id(&id)?;
    let upgrade = upgrade.ok_or_else(Upgrade::required)?;
    let address = match request.address {
        None => IpAddr::V4(Ipv4Addr::LOCALHOST),
        Some(text) => text.parse().map_err(|_| CloudError::invalid_value("address: an IP address"))?,
    };
    let forward = wire::Forward { address, port: request.port };
    upgrade.stream_to(&api, &id, Command::Forward(forward)).await
}
