//! The routes put together behind a door.

use std::sync::Arc;
use std::time::Duration;

use axum::extract::{DefaultBodyLimit, Request};
use axum::routing::get;
use axum::{Json, Router, middleware};
use cumulet_engine::Cloud;
use utoipa::OpenApi;
use utoipa_axum::router::OpenApiRouter;

use crate::door::{Check, Door, check};
use crate::error::ApiError;
use crate::guard::{Guard, guard};
use crate::openapi::Document;
use crate::routes;
use crate::upgrade::Streams;

/// The largest body taken: 16 KiB of user data as base64, with much room for the rest.
const BODY_LIMIT: usize = 256 * 1024;

/// How long a request may take. Console reads wait for 20 s of it, changes of the firewall take a moment.
const PATIENCE: Duration = Duration::from_secs(60);

/// How long a teardown may take: it waits for the ends of all machines.
const TEARDOWN_PATIENCE: Duration = Duration::from_secs(600);

/// What the API tells of the daemon around it.
#[derive(Debug, Clone)]
pub struct Settings {
    /// The daemon's version.
    pub version: String,
    /// Where the EC2 API can be reached, such as `http://127.0.0.1:8773`.
    pub ec2_endpoint_url: Option<String>,
}

/// What every handler has at hand.
#[derive(Clone)]
pub(crate) struct Api {
    pub(crate) cloud: Cloud,
    pub(crate) settings: Arc<Settings>,
    /// Whether secrets may be given out here.
    pub(crate) is_local: bool,
    pub(crate) streams: Streams,
}

/// The API for requests that come in by `door`.
pub fn router(cloud: Cloud, settings: Settings, door: Door) -> Router {
    let is_local = matches!(door, Door::UnixSocket);
    let api = Api { cloud, settings: Arc::new(settings), is_local, streams: Streams::default() };
    let (routes, document) = all_routes().split_for_parts();
    let document = Arc::new(document);
    let routes = routes
        .route("/openapi.json", get(async move || Json((*document).clone())))
        .fallback(async |request: Request| ApiError::no_such_path(request.uri().path()))
        .method_not_allowed_fallback(async |request: Request| {
            ApiError::no_such_method(request.method().as_str(), request.uri().path())
        })
        .layer(DefaultBodyLimit::max(BODY_LIMIT))
        .with_state(api);
    match door {
        Door::UnixSocket => routes,
        Door::Tcp { token, host_names } => {
            routes.layer(middleware::from_fn_with_state(Check::new(token, host_names), check))
        }
    }
}

/// The OpenAPI document of all routes.
pub fn document() -> utoipa::openapi::OpenApi {
    all_routes().split_for_parts().1
}

fn all_routes() -> OpenApiRouter<Api> {
    let quick = routes::quick().layer(middleware::from_fn_with_state(Guard::new(PATIENCE), guard));
    let slow = routes::slow().layer(middleware::from_fn_with_state(Guard::new(TEARDOWN_PATIENCE), guard));
    OpenApiRouter::with_openapi(Document::openapi()).merge(quick).merge(slow)
}
