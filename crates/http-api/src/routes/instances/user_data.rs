//! `GET /v1/instances/{id}/user-data`.

use axum::Json;
use axum::extract::State;
use cumulet_api_types::error::ErrorReply;
use cumulet_api_types::instance::UserData;
use cumulet_model::error::parse_id;

use crate::convert::base64_to;
use crate::error::Result;
use crate::extract::Segment;
use crate::router::Api;

/// The user data that an instance was launched with.
#[utoipa::path(get, path = "/v1/instances/{id}/user-data", operation_id = "get_user_data", tag = "instances",
    params(("id" = String, Path, description = "The instance's id")), responses(
        (status = 200, description = "It", body = UserData),
        (status = "default", description = "An error", body = ErrorReply),
    )
)]
pub(crate) async fn user_data(
    State(api): State<Api>,
    Segment(id): Segment<String>,
) -> Result<Json<UserData>> {
    let data = api.cloud.user_data(&parse_id(&id)?).await?;
    Ok(Json(UserData { user_data_base64: data.map(|data| base64_to(&data)) }))
}
