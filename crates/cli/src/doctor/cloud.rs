//! The daemon, and whether it has an image to start with.

use std::io::ErrorKind;

use cumulet_client::types::image::{ImageKind, ImageQuery, ImageState};
use cumulet_client::{Client, Error};

use super::row::Row;

/// The daemon and its images.
pub async fn check(client: &Client) -> Vec<Row> {
    let daemon = match client.host().await {
        Ok(facts) => Row::ok("daemon", format!("version {} at {}", facts.version, client.target())),
        Err(Error::Unreachable { source, target }) if source.kind() == ErrorKind::PermissionDenied => {
            return vec![Row::warn("daemon", format!("{target} is not for this user"), "run as root")];
        }
        Err(error @ Error::Unreachable { .. }) => {
            return vec![Row::warn("daemon", error.to_string(), "start it: sudo cumuletd")];
        }
        Err(error) => return vec![Row::fail("daemon", error.to_string(), "look at the daemon's log")],
    };
    vec![daemon, images(client).await]
}

async fn images(client: &Client) -> Row {
    let query = ImageQuery { kind: Some(ImageKind::Machine), name: None };
    let images = match client.images(&query).await {
        Ok(images) => images,
        Err(error) => return Row::fail("images", error.to_string(), "look at the daemon's log"),
    };
    let names: Vec<_> = images
        .into_iter()
        .filter(|image| image.state == ImageState::Available)
        .map(|image| image.name)
        .collect();
    match names.is_empty() {
        true => Row::warn("images", "there are none", "sudo cumulet image build debian-12"),
        false => Row::ok("images", names.join(", ")),
    }
}
