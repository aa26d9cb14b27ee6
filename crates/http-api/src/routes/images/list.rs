//! `GET /v1/images`.

use axum::Json;
use axum::extract::State;
use cumulet_api_types::error::ErrorReply;
use cumulet_api_types::image::{ImageList, ImageQuery};

use crate::convert::image::image_to;
use crate::error::Result;
use crate::extract::Search;
use crate::router::Api;

/// All images, or those that the query names.
#[utoipa::path(get, path = "/v1/images", operation_id = "list_images", tag = "images", params(ImageQuery),
    responses(
        (status = 200, description = "They, oldest first", body = ImageList),
        (status = "default", description = "An error", body = ErrorReply),
    )
)]
pub(crate) async fn list(
    State(api): State<Api>,
    Search(query): Search<ImageQuery>,
) -> Result<Json<ImageList>> {
    let mut images: Vec<_> = api.cloud.images().await?.into_iter().map(image_to).collect();
    images.retain(|image| {
        query.kind.is_none_or(|kind| kind == image.kind)
            && query.name.as_ref().is_none_or(|name| *name == image.name)
    });
    images.sort_by(|a, b| (a.created, &a.id).cmp(&(b.created, &b.id)));
    Ok(Json(ImageList { images }))
}
