//! The one form of every error.

use serde::{Deserialize, Serialize};

/// What any request that failed is answered with.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct ErrorReply {
    /// The error.
    pub error: ErrorBody,
}

/// An error: a code for programs, a message for people.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct ErrorBody {
    /// EC2's code, such as `InvalidInstanceID.NotFound`.
    pub code: String,
    /// What is wrong: the field and the rule.
    pub message: String,
}

impl ErrorReply {
    /// An error of this code and message.
    pub fn new(code: impl Into<String>, message: impl Into<String>) -> Self {
        Self { error: ErrorBody { code: code.into(), message: message.into() } }
    }
}

impl ErrorBody {
    /// Whether it says that something does not exist.
    pub fn is_not_found(&self) -> bool {
        self.code == NOT_FOUND || self.code.ends_with(".NotFound")
    }
}

/// The code of a path that the API does not have.
pub const NOT_FOUND: &str = "NotFound";

/// The code of a method that a path does not take.
pub const METHOD_NOT_ALLOWED: &str = "MethodNotAllowed";
