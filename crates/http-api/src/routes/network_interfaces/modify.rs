//! `PATCH /v1/network-interfaces/{id}`.

use axum::Json;
use axum::extract::State;
use cumulet_api_types::error::ErrorReply;
use cumulet_api_types::network::{ModifyNetworkInterface, NetworkInterface};
use cumulet_engine::api::interface::InterfaceChange;
use cumulet_model::error::parse_id;
use cumulet_model::{CloudError, ErrorCode, InterfaceId};

use crate::convert::network::interface_to;
use crate::error::Result;
use crate::extract::{Body, Segment};
use crate::router::Api;

/// Changes an interface. Several changes are made one after the other; the first that is refused ends them.
#[utoipa::path(patch, path = "/v1/network-interfaces/{id}", operation_id = "modify_network_interface",
    tag = "network", params(("id" = String, Path, description = "Its id")), request_body = ModifyNetworkInterface,
    responses(
        (status = 200, description = "The interface as it is now", body = NetworkInterface),
        (status = "default", description = "An error", body = ErrorReply),
    )
)]
pub(crate) async fn modify(
    State(api): State<Api>,
    Segment(id): Segment<String>,
    Body(request): Body<ModifyNetworkInterface>,
) -> Result<Json<NetworkInterface>> {
    let id: InterfaceId = parse_id(&id)?;
    let mut changes = Vec::new();
    changes.extend(request.description.map(InterfaceChange::Description));
    changes.extend(request.source_dest_check.map(InterfaceChange::SourceDestCheck));
    if let Some(groups) = request.group_ids {
        let groups = groups.iter().map(|id| parse_id(id)).collect::<std::result::Result<_, _>>()?;
        changes.push(InterfaceChange::Groups(groups));
    }
    if let Some(delete) = request.delete_on_termination {
        let attachment = api.cloud.network_interface(&id).await?.attachment.ok_or_else(|| {
            let text = format!("Network interface '{id}' is attached to nothing");
            CloudError::new(ErrorCode::IncorrectState, text)
        })?;
        changes.push(InterfaceChange::DeleteOnTermination(attachment.id, delete));
    }
    for change in changes {
        api.cloud.modify_network_interface(&id, change).await?;
    }
    Ok(Json(interface_to(api.cloud.network_interface(&id).await?)))
}
