//! `GET /v1/instances`.

use axum::Json;
use axum::extract::State;
use cumulet_api_types::error::ErrorReply;
use cumulet_api_types::instance::{Instance, InstanceList, InstanceQuery};
use cumulet_model::CloudError;

use crate::convert::instance::instance_to;
use crate::error::Result;
use crate::extract::Search;
use crate::router::Api;

const STATES: [&str; 6] = ["pending", "running", "shutting-down", "terminated", "stopping", "stopped"];

/// All instances, or those that the query names; terminated ones are listed for an hour.
#[utoipa::path(get, path = "/v1/instances", operation_id = "list_instances", tag = "instances",
    params(InstanceQuery), responses(
        (status = 200, description = "They, oldest launch first", body = InstanceList),
        (status = "default", description = "An error", body = ErrorReply),
    )
)]
pub(crate) async fn list(
    State(api): State<Api>,
    Search(query): Search<InstanceQuery>,
) -> Result<Json<InstanceList>> {
    let wanted = Wanted::new(&query)?;
    let all = api.cloud.instances().await?.into_iter().map(instance_to);
    Ok(Json(InstanceList { instances: all.filter(|instance| wanted.takes(instance)).collect() }))
}

/// A query, taken apart and checked.
struct Wanted<'a> {
    states: Option<Vec<&'a str>>,
    name: Option<&'a str>,
    tag: Option<(&'a str, Option<&'a str>)>,
    image_id: Option<&'a str>,
}

impl<'a> Wanted<'a> {
    fn new(query: &'a InstanceQuery) -> Result<Self> {
        let states = query.state.as_deref().map(|list| list.split(',').collect::<Vec<_>>());
        if let Some(unknown) = states.iter().flatten().find(|state| !STATES.contains(state)) {
            let unknown: String = unknown.chars().take(64).collect();
            let text = format!("state: {unknown:?} is none of {}", STATES.join(", "));
            return Err(CloudError::invalid_value(text).into());
        }
        let tag = query.tag.as_deref().map(|tag| match tag.split_once('=') {
            Some((key, value)) => (key, Some(value)),
            None => (tag, None),
        });
        Ok(Self { states, name: query.name.as_deref(), tag, image_id: query.image_id.as_deref() })
    }

    fn takes(&self, instance: &Instance) -> bool {
        let has_tag = |(key, value): (&str, Option<&str>)| {
            instance.tags.get(key).is_some_and(|has| value.is_none_or(|value| value == has))
        };
        self.states.as_ref().is_none_or(|states| states.contains(&instance.state.as_str()))
            && self.name.is_none_or(|name| instance.name() == Some(name))
            && self.tag.is_none_or(has_tag)
            && self.image_id.is_none_or(|id| instance.image_id == id)
    }
}
