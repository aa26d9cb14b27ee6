//! Binary parameters, which come in base64.

use base64::Engine;
use base64::alphabet;
use base64::engine::{DecodePaddingMode, GeneralPurpose, GeneralPurposeConfig};
use cumulet_model::{CloudError, ErrorCode};

/// Clients pad or not.
const LENIENT: GeneralPurpose = GeneralPurpose::new(
    &alphabet::STANDARD,
    GeneralPurposeConfig::new().with_decode_padding_mode(DecodePaddingMode::Indifferent),
);

/// Decodes user data: base64, which may be broken into lines.
pub fn user_data(text: &str) -> Result<Vec<u8>, CloudError> {
    base64(text).ok_or_else(|| {
        CloudError::new(ErrorCode::InvalidUserDataMalformed, "Invalid BASE64 encoding of user data.")
    })
}

/// Decodes base64, which may be broken into lines.
pub fn base64(text: &str) -> Option<Vec<u8>> {
    let compact: Vec<u8> = text.bytes().filter(|b| !b.is_ascii_whitespace()).collect();
    LENIENT.decode(compact).ok()
}

/// Encodes bytes for an answer.
pub fn to_base64(bytes: &[u8]) -> String {
    LENIENT.encode(bytes)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn line_breaks_and_padding_do_not_matter() {
        assert_eq!(user_data("IyEvYmlu\r\nL3No").unwrap(), b"#!/bin/sh");
        assert_eq!(user_data("YQ").unwrap(), user_data("YQ==").unwrap());
        assert_eq!(user_data("#!/bin/sh").unwrap_err().code, ErrorCode::InvalidUserDataMalformed);
        assert_eq!(to_base64(b"a"), "YQ==");
    }
}
