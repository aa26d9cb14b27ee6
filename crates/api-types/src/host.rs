//! The host and its cloud: facts, credentials, health, teardown.

use serde::{Deserialize, Serialize};

/// The daemon answers.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct Health {
    /// `ok`.
    pub status: String,
}

/// What this cloud is.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct HostFacts {
    /// The daemon's version.
    pub version: String,
    /// The region's name: what requests to the EC2 API are signed for.
    pub region: String,
    /// The zones' names, at least one.
    pub zones: Vec<String>,
    /// The account's number, 12 digits.
    pub account_id: String,
    /// Where the EC2 API listens; absent if it doesn't.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub ec2_endpoint_url: Option<String>,
}

/// What the aws CLI and the SDKs need; given out over the unix socket only.
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct AwsEnv {
    /// `AWS_ACCESS_KEY_ID`.
    pub access_key_id: String,
    /// `AWS_SECRET_ACCESS_KEY`.
    pub secret_access_key: String,
    /// `AWS_DEFAULT_REGION`.
    pub region: String,
    /// `AWS_ENDPOINT_URL`; absent if the EC2 API doesn't listen.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub ec2_endpoint_url: Option<String>,
}

/// Shows all but the secret, which belongs in no log.
impl std::fmt::Debug for AwsEnv {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("AwsEnv")
            .field("access_key_id", &self.access_key_id)
            .field("region", &self.region)
            .field("ec2_endpoint_url", &self.ec2_endpoint_url)
            .finish_non_exhaustive()
    }
}

/// The host is clean: no machine runs, no namespace, tap or rule is left.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct TornDown {
    /// `clean`.
    pub status: String,
}
