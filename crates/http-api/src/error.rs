//! Every failure as one JSON form: `{ "error": { "code", "message" } }` with EC2's code and status.

use axum::Json;
use axum::extract::rejection::{JsonRejection, PathRejection, QueryRejection};
use axum::http::StatusCode;
use axum::response::{IntoResponse, Response};
use cumulet_api_types::error::{ErrorReply, METHOD_NOT_ALLOWED, NOT_FOUND};
use cumulet_model::{CloudError, ErrorCode};

/// A failed request: a status and the body that goes with it.
#[derive(Debug)]
pub(crate) struct ApiError {
    status: StatusCode,
    reply: ErrorReply,
}

/// What handlers return.
pub(crate) type Result<T> = std::result::Result<T, ApiError>;

impl ApiError {
    pub(crate) fn new(status: StatusCode, code: &str, message: impl Into<String>) -> Self {
        Self { status, reply: ErrorReply::new(code, message) }
    }

    /// No route has this path.
    pub(crate) fn no_such_path(path: &str) -> Self {
        let path: String = path.chars().take(200).collect();
        Self::new(StatusCode::NOT_FOUND, NOT_FOUND, format!("there is no {path} in this API"))
    }

    /// The path is there, the method isn't.
    pub(crate) fn no_such_method(method: &str, path: &str) -> Self {
        let path: String = path.chars().take(200).collect();
        let text = format!("{path} does not take {method}");
        Self::new(StatusCode::METHOD_NOT_ALLOWED, METHOD_NOT_ALLOWED, text)
    }

    /// A request whose form is wrong; axum says which status fits.
    fn bad_form(status: StatusCode, message: String) -> Self {
        if status == StatusCode::PAYLOAD_TOO_LARGE {
            return CloudError::new(ErrorCode::RequestTooLarge, message).into();
        }
        Self::new(status, ErrorCode::InvalidParameterValue.as_str(), message)
    }
}

impl From<CloudError> for ApiError {
    fn from(error: CloudError) -> Self {
        let status =
            StatusCode::from_u16(error.code.http_status()).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR);
        Self::new(status, error.code.as_str(), error.message)
    }
}

impl From<JsonRejection> for ApiError {
    fn from(rejection: JsonRejection) -> Self {
        Self::bad_form(rejection.status(), rejection.body_text())
    }
}

impl From<QueryRejection> for ApiError {
    fn from(rejection: QueryRejection) -> Self {
        Self::bad_form(rejection.status(), rejection.body_text())
    }
}

impl From<PathRejection> for ApiError {
    fn from(rejection: PathRejection) -> Self {
        Self::bad_form(rejection.status(), rejection.body_text())
    }
}

impl IntoResponse for ApiError {
    fn into_response(self) -> Response {
        (self.status, Json(self.reply)).into_response()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_cloud_error_keeps_its_code_and_status() {
        let error: ApiError = CloudError::new(ErrorCode::DryRunOperation, "would have").into();
        assert_eq!(error.status, StatusCode::PRECONDITION_FAILED);
        assert_eq!(error.reply, ErrorReply::new("DryRunOperation", "would have"));
    }

    #[test]
    fn what_a_caller_sent_comes_back_cut_to_a_bounded_length() {
        let error = ApiError::no_such_path(&"x".repeat(100_000));
        assert!(error.reply.error.message.len() < 300);
    }
}
