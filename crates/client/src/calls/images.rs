//! Images.

use cumulet_api_types::image::{Image, ImageList, ImageQuery, RegisterImage};
use hyper::Method;

use crate::client::segment;
use crate::{Client, Result};

impl Client {
    /// Images that `query` takes, oldest first.
    pub async fn images(&self, query: &ImageQuery) -> Result<Vec<Image>> {
        Ok(self.search::<ImageList>("/v1/images", query).await?.images)
    }

    /// One image.
    pub async fn image(&self, id: &str) -> Result<Image> {
        self.get(&format!("/v1/images/{}", segment(id))).await
    }

    /// Makes an image from a file on the daemon's host; it comes `pending`.
    pub async fn register_image(&self, request: &RegisterImage) -> Result<Image> {
        self.post("/v1/images", request).await
    }

    /// Removes an image.
    pub async fn deregister_image(&self, id: &str) -> Result<()> {
        self.order(Method::DELETE, &format!("/v1/images/{}", segment(id)), None::<&()>).await
    }
}
