//! `GET /v1/aws-env`: the root access key, for who comes by the unix socket.

use axum::Json;
use axum::extract::State;
use cumulet_api_types::error::ErrorReply;
use cumulet_api_types::host::AwsEnv;
use cumulet_model::{CloudError, ErrorCode};

use crate::error::Result;
use crate::router::Api;

/// What the aws CLI and the SDKs need. Over TCP it is refused.
#[utoipa::path(get, path = "/v1/aws-env", tag = "host", responses(
    (status = 200, description = "Key, region and endpoint", body = AwsEnv),
    (status = 403, description = "Asked over TCP", body = ErrorReply),
    (status = "default", description = "An error", body = ErrorReply),
))]
pub(crate) async fn aws_env(State(api): State<Api>) -> Result<Json<AwsEnv>> {
    if !api.is_local {
        let text = "the access key is given out over the unix socket only";
        return Err(CloudError::new(ErrorCode::Forbidden, text).into());
    }
    let key = api.cloud.root_access_key().await?;
    Ok(Json(AwsEnv {
        access_key_id: key.id,
        secret_access_key: key.secret,
        region: api.cloud.region().name.clone(),
        ec2_endpoint_url: api.settings.ec2_endpoint_url.clone(),
    }))
}
