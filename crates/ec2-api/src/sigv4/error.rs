//! What can be wrong with a signature. The text is for the caller; it never says whether a key id exists.

use cumulet_model::{CloudError, ErrorCode};
use jiff::Timestamp;

/// Why a request is not taken as its sender's.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum SignatureError {
    /// No signature at all.
    #[error("Request is missing Authentication Token: sign it with Signature Version 4")]
    Missing,
    /// Signature Version 2 or another scheme.
    #[error("This cloud takes Signature Version 4 (AWS4-HMAC-SHA256) only, not {0}")]
    OtherScheme(String),
    /// A part is absent or has the wrong form.
    #[error("The signature is incomplete: {0}")]
    Incomplete(String),
    /// Signed for another place, day or service.
    #[error("{0}")]
    Scope(String),
    /// Outside of its time.
    #[error(
        "Request has expired. It was signed at {signed:.0}, is good {rule}, and the time here is {now:.0}"
    )]
    Expired {
        /// When it says that it was signed.
        signed: Timestamp,
        /// The time here.
        now: Timestamp,
        /// For how long it is good, in words.
        rule: String,
    },
    /// The body is not the one that was signed, or was left unsigned.
    #[error("{0}")]
    Payload(&'static str),
    /// Temporary credentials, which this cloud does not give out.
    #[error(
        "The security token included in the request is invalid: this cloud gives out no temporary credentials"
    )]
    Token,
    /// Unknown key or wrong signature: on purpose the same.
    #[error("AWS was not able to validate the provided access credentials")]
    NotValid,
}

impl From<SignatureError> for CloudError {
    fn from(error: SignatureError) -> Self {
        let code = match error {
            SignatureError::Missing => ErrorCode::MissingAuthenticationToken,
            SignatureError::OtherScheme(_) | SignatureError::Incomplete(_) => ErrorCode::IncompleteSignature,
            SignatureError::Expired { .. } => ErrorCode::RequestExpired,
            SignatureError::Scope(_)
            | SignatureError::Payload(_)
            | SignatureError::Token
            | SignatureError::NotValid => ErrorCode::AuthFailure,
        };
        CloudError::new(code, error.to_string())
    }
}
