//! Who sent a request: the claims, the secret from the store, the comparison.

use axum::http::request::Parts;
use cumulet_model::{CloudError, ErrorCode};

use super::{Api, Service};
use crate::sigv4::{Expected, Presented, SignatureError, Signed, check_claims, verify};

/// The id of the access key that signed the request. Sets `service` as soon as the scope says it, so that errors too
/// have the form that the client expects.
pub async fn caller(
    api: &Api,
    parts: &Parts,
    query: &[(String, String)],
    body: &[u8],
    service: &mut Service,
) -> Result<String, CloudError> {
    let presented = Presented::read(&parts.headers, query)?;
    *service = Service::of(&presented.scope.service);
    let expected = Expected { region: &api.cloud.region().name, services: Service::NAMES };
    check_claims(&presented, expected, api.clock.now())?;
    let secret = api.cloud.secret_key(&presented.access_key).await?;
    let request = Signed { method: parts.method.as_str(), query, headers: &parts.headers, body };
    match verify(&presented, &request, secret.as_deref()) {
        Ok(()) => Ok(presented.access_key),
        Err(SignatureError::NotValid) if *service == Service::Sts => {
            let text = "The security token included in the request is invalid.";
            Err(CloudError::new(ErrorCode::InvalidClientTokenId, text))
        }
        Err(error) => Err(error.into()),
    }
}
