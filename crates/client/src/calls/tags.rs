//! Tags.

use cumulet_api_types::tag::{RemoveTags, SetTags, Tag, TagList, TagQuery};
use hyper::Method;

use crate::{Client, Result};

impl Client {
    /// Tags that `query` takes.
    pub async fn tags(&self, query: &TagQuery) -> Result<Vec<Tag>> {
        Ok(self.search::<TagList>("/v1/tags", query).await?.tags)
    }

    /// Sets tags on resources.
    pub async fn set_tags(&self, request: &SetTags) -> Result<()> {
        self.order(Method::PUT, "/v1/tags", Some(request)).await
    }

    /// Removes tags from resources.
    pub async fn remove_tags(&self, request: &RemoveTags) -> Result<()> {
        self.order(Method::POST, "/v1/tags/remove", Some(request)).await
    }
}
