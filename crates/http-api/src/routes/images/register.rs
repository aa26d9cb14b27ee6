//! `POST /v1/images`.

use axum::Json;
use axum::extract::State;
use axum::http::StatusCode;
use cumulet_api_types::error::ErrorReply;
use cumulet_api_types::image::{Image, RegisterImage};

use crate::convert::image::{image_to, register_from};
use crate::error::Result;
use crate::extract::Body;
use crate::router::Api;

/// Makes an image from a file on the daemon's host. The answer comes with it `pending`; poll it for the end.
#[utoipa::path(post, path = "/v1/images", operation_id = "register_image", tag = "images",
    request_body = RegisterImage, responses(
        (status = 201, description = "It is being made", body = Image),
        (status = "default", description = "An error", body = ErrorReply),
    )
)]
pub(crate) async fn register(
    State(api): State<Api>,
    Body(request): Body<RegisterImage>,
) -> Result<(StatusCode, Json<Image>)> {
    let image = api.cloud.register_image(register_from(request)?).await?;
    Ok((StatusCode::CREATED, Json(image_to(image))))
}
