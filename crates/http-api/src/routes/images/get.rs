//! `GET /v1/images/{id}`.

use axum::Json;
use axum::extract::State;
use cumulet_api_types::error::ErrorReply;
use cumulet_api_types::image::Image;
use cumulet_model::error::parse_id;
use cumulet_model::{ErrorCode, ImageId};

use crate::convert::image::image_to;
use crate::error::Result;
use crate::extract::Segment;
use crate::router::Api;
use crate::routes::find;

/// One image.
#[utoipa::path(get, path = "/v1/images/{id}", operation_id = "get_image", tag = "images",
    params(("id" = String, Path, description = "Its id")), responses(
        (status = 200, description = "It", body = Image),
        (status = "default", description = "An error", body = ErrorReply),
    )
)]
pub(crate) async fn get(State(api): State<Api>, Segment(id): Segment<String>) -> Result<Json<Image>> {
    let id: ImageId = parse_id(&id)?;
    let images = api.cloud.images().await?;
    let image = find(images, |image| image.id == id, ErrorCode::InvalidAmiIdNotFound, "image id", &id)?;
    Ok(Json(image_to(image)))
}
