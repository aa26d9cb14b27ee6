//! `GET /v1/host`: what this cloud is.

use axum::Json;
use axum::extract::State;
use cumulet_api_types::error::ErrorReply;
use cumulet_api_types::host::HostFacts;

use crate::router::Api;

/// Version, region, zones and account.
#[utoipa::path(get, path = "/v1/host", tag = "host", responses(
    (status = 200, description = "The facts", body = HostFacts),
    (status = "default", description = "An error", body = ErrorReply),
))]
pub(crate) async fn facts(State(api): State<Api>) -> Json<HostFacts> {
    let region = api.cloud.region();
    Json(HostFacts {
        version: api.settings.version.clone(),
        region: region.name.clone(),
        zones: region.zones.iter().map(|zone| zone.name.clone()).collect(),
        account_id: api.cloud.account_id().to_owned(),
        ec2_endpoint_url: api.settings.ec2_endpoint_url.clone(),
    })
}
