//! The two encodings that signing text uses: URI encoding by RFC 3986 and lower-case hexadecimal.

use std::fmt::Write;

use sha2::{Digest, Sha256};

/// Percent-encodes everything but RFC 3986's unreserved characters, with upper-case digits.
pub fn uri_encode(text: &str) -> String {
    let mut encoded = String::with_capacity(text.len());
    for byte in text.bytes() {
        match byte {
            b'A'..=b'Z' | b'a'..=b'z' | b'0'..=b'9' | b'-' | b'.' | b'_' | b'~' => encoded.push(byte.into()),
            other => push(&mut encoded, format_args!("%{other:02X}")),
        }
    }
    encoded
}

/// Lower-case hexadecimal digits.
pub fn hex(bytes: &[u8]) -> String {
    let mut digits = String::with_capacity(bytes.len() * 2);
    for byte in bytes {
        push(&mut digits, format_args!("{byte:02x}"));
    }
    digits
}

/// SHA-256 in hexadecimal digits.
pub fn hex_sha256(bytes: &[u8]) -> String {
    hex(&Sha256::digest(bytes))
}

/// Bytes of hexadecimal digits of either case, if there are `N` of them.
pub(super) fn unhex<const N: usize>(text: &str) -> Option<[u8; N]> {
    let digits = text.as_bytes();
    if digits.len() != 2 * N {
        return None;
    }
    let mut bytes = [0; N];
    for (byte, pair) in bytes.iter_mut().zip(digits.chunks_exact(2)) {
        let digit = |b: u8| char::from(b).to_digit(16);
        *byte = u8::try_from(digit(pair[0])? << 4 | digit(pair[1])?).ok()?;
    }
    Some(bytes)
}

fn push(text: &mut String, arguments: std::fmt::Arguments<'_>) {
    // Writing to a String can't fail.
    let _ = text.write_fmt(arguments);
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn known_encodings() {
        assert_eq!(uri_encode("a b/é~"), "a%20b%2F%C3%A9~");
        assert_eq!(hex_sha256(b""), "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855");
        assert_eq!(unhex::<2>("0g11"), None);
        assert_eq!(unhex::<2>("001"), None);
    }

    proptest! {
        #[test]
        fn hexadecimal_and_back(bytes: [u8; 32]) {
            prop_assert_eq!(unhex::<32>(&hex(&bytes)), Some(bytes));
            prop_assert_eq!(unhex::<32>(&hex(&bytes).to_uppercase()), Some(bytes));
        }
    }
}
