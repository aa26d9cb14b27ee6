//! Requests that make something and may be repeated: the same token with the same parameters gives what the first made.

use cumulet_model::{CloudError, ErrorCode};
use cumulet_store::RequestToken;
use serde::Serialize;
use sha2::{Digest, Sha256};

use crate::cloud::{Cloud, Result, internal};

/// What a request's token stands for, if the caller gave one.
pub(crate) fn token_of(
    action: &'static str,
    token: Option<&str>,
    request: &impl Serialize,
) -> Option<RequestToken> {
    token.map(|token| RequestToken { action, token: token.to_owned(), digest: digest(request) })
}

/// Digest of a request's parameters.
pub(crate) fn digest(request: &impl Serialize) -> String {
    let text =
        serde_json::to_vec(request).unwrap_or_else(|error| unreachable!("requests serialize: {error}"));
    Sha256::digest(text).iter().map(|byte| format!("{byte:02x}")).collect()
}

/// The same token was given with other parameters.
pub(crate) fn mismatch() -> CloudError {
    CloudError::new(
        ErrorCode::IdempotentParameterMismatch,
        "Arguments on this idempotent request are inconsistent with arguments used in previous request(s).",
    )
}

impl Cloud {
    /// What an earlier request with this token made. The allocation lock must be held.
    pub(crate) async fn made_before(&self, token: Option<&RequestToken>) -> Result<Option<String>> {
        let Some(token) = token else { return Ok(None) };
        match self.inner.store.request_token(token.action, &token.token).await.map_err(internal)? {
            None => Ok(None),
            Some((digest, _)) if digest != token.digest => Err(mismatch()),
            Some((_, resource_id)) => Ok(Some(resource_id)),
        }
    }
}
