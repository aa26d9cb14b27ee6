//! `/v1/tags`: tags of all kinds of resources.

use axum::Json;
use axum::extract::State;
use axum::http::StatusCode;
use cumulet_api_types::error::ErrorReply;
use cumulet_api_types::tag::{RemoveTags, SetTags, Tag, TagList, TagQuery};
use cumulet_model::CloudError;
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

use crate::error::Result;
use crate::extract::{Body, Search};
use crate::router::Api;

/// The most resources in one request, as EC2's CreateTags has it.
const RESOURCES_AT_A_TIME: usize = 1000;

pub(crate) fn routes() -> OpenApiRouter<Api> {
    OpenApiRouter::new().routes(routes!(list, set)).routes(routes!(remove))
}

/// All tags.
#[utoipa::path(get, path = "/v1/tags", operation_id = "list_tags", tag = "tags", params(TagQuery), responses(
    (status = 200, description = "They", body = TagList),
    (status = "default", description = "An error", body = ErrorReply),
))]
async fn list(State(api): State<Api>, Search(query): Search<TagQuery>) -> Result<Json<TagList>> {
    let wanted = |id: &str| query.resource_id.as_deref().is_none_or(|asked| asked == id);
    let tags = api.cloud.tags().await?.into_iter().filter(|tag| wanted(&tag.resource_id));
    let tags = tags.map(|tag| Tag {
        resource_type: tag.resource_type().to_owned(),
        resource_id: tag.resource_id,
        key: tag.key,
        value: tag.value,
    });
    Ok(Json(TagList { tags: tags.collect() }))
}

/// Sets tags on resources; a key that is there gets the new value.
#[utoipa::path(put, path = "/v1/tags", operation_id = "set_tags", tag = "tags", request_body = SetTags, responses(
    (status = 204, description = "They are set"),
    (status = "default", description = "An error", body = ErrorReply),
))]
async fn set(State(api): State<Api>, Body(request): Body<SetTags>) -> Result<StatusCode> {
    check(&request.resource_ids)?;
    if request.tags.is_empty() {
        return Err(CloudError::missing("tags").into());
    }
    api.cloud.create_tags(&request.resource_ids, request.tags).await?;
    Ok(StatusCode::NO_CONTENT)
}

/// Removes tags from resources by their keys; a key that isn't there is no error.
#[utoipa::path(post, path = "/v1/tags/remove", operation_id = "remove_tags", tag = "tags", request_body = RemoveTags,
    responses(
        (status = 204, description = "They are gone"),
        (status = "default", description = "An error", body = ErrorReply),
    )
)]
async fn remove(State(api): State<Api>, Body(request): Body<RemoveTags>) -> Result<StatusCode> {
    check(&request.resource_ids)?;
    // To the engine an empty list means all tags; here nobody means that by leaving something out.
    if request.keys.is_empty() {
        return Err(CloudError::missing("keys").into());
    }
    let keys: Vec<_> = request.keys.into_iter().map(|key| (key, None)).collect();
    api.cloud.delete_tags(&request.resource_ids, &keys).await?;
    Ok(StatusCode::NO_CONTENT)
}

fn check(resource_ids: &[String]) -> Result<()> {
    match resource_ids.len() {
        0 => Err(CloudError::missing("resource_ids").into()),
        1..=RESOURCES_AT_A_TIME => Ok(()),
        _ => Err(CloudError::invalid_value(format!("resource_ids: at most {RESOURCES_AT_A_TIME} at a time"))
            .into()),
    }
}
