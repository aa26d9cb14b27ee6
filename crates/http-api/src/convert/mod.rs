//! Between the wire and the model: wire types are checked and taken in with `…_from`, the model goes out with
//! `…_to`. Nothing behind this module knows the wire's form.

pub(crate) mod address;
pub(crate) mod flow_log;
pub(crate) mod image;
pub(crate) mod instance;
pub(crate) mod key_pair;
pub(crate) mod network;
pub(crate) mod reachability;
pub(crate) mod route;
pub(crate) mod run;
pub(crate) mod saved_machine;
pub(crate) mod security_group;
pub(crate) mod volume;

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use cumulet_model::error::{MalformedCode, parse_id};
use cumulet_model::ids::MalformedId;
use cumulet_model::{CloudError, ErrorCode};

/// Parses an id that may be left out.
pub(crate) fn optional_id<T>(text: Option<&str>) -> Result<Option<T>, CloudError>
where
    T: MalformedCode + std::str::FromStr<Err = MalformedId>,
{
    text.map(parse_id).transpose()
}

/// Bytes as the wire carries them.
pub(crate) fn base64_to(bytes: &[u8]) -> String {
    STANDARD.encode(bytes)
}

/// Bytes from the wire; `field` is named when they are not base64.
pub(crate) fn base64_from(field: &str, text: &str, code: ErrorCode) -> Result<Vec<u8>, CloudError> {
    STANDARD.decode(text).map_err(|error| CloudError::new(code, format!("{field} is not base64: {error}")))
}
