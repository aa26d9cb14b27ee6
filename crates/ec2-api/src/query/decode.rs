//! `a=b&c=d` into pairs, strictly: what is not well-formed UTF-8 after decoding, or not a percent-encoding, is refused
//! rather than guessed, since the signature covers the meaning.

/// How many parameters a request may have: a thousand rules of a security group need some four thousand.
pub const MAX_PARAMETERS: usize = 10_000;

/// Why a form can't be taken apart.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum DecodeError {
    /// A `%` without two hexadecimal digits.
    #[error("a percent sign in the query is not followed by two hexadecimal digits")]
    Percent,
    /// Decoded bytes that are no UTF-8.
    #[error("the query is not valid UTF-8 after percent-decoding")]
    Utf8,
    /// More than [`MAX_PARAMETERS`].
    #[error("the query has more than {MAX_PARAMETERS} parameters")]
    TooMany,
}

/// The pairs of a form or of a URL's query, in order. A name without `=` has an empty value; empty pieces are skipped.
pub fn decode_pairs(form: &[u8]) -> Result<Vec<(String, String)>, DecodeError> {
    let mut pairs = Vec::new();
    for piece in form.split(|b| *b == b'&').filter(|piece| !piece.is_empty()) {
        if pairs.len() == MAX_PARAMETERS {
            return Err(DecodeError::TooMany);
        }
        let (name, value) = match piece.iter().position(|b| *b == b'=') {
            Some(at) => (&piece[..at], &piece[at + 1..]),
            None => (piece, &[][..]),
        };
        pairs.push((decode(name)?, decode(value)?));
    }
    Ok(pairs)
}

fn decode(text: &[u8]) -> Result<String, DecodeError> {
    let mut bytes = Vec::with_capacity(text.len());
    let mut rest = text.iter();
    while let Some(byte) = rest.next() {
        bytes.push(match byte {
            b'+' => b' ',
            b'%' => {
                let (high, low) = (hex_digit(rest.next())?, hex_digit(rest.next())?);
                high << 4 | low
            }
            other => *other,
        });
    }
    String::from_utf8(bytes).map_err(|_| DecodeError::Utf8)
}

fn hex_digit(byte: Option<&u8>) -> Result<u8, DecodeError> {
    match byte {
        Some(digit @ b'0'..=b'9') => Ok(digit - b'0'),
        Some(digit @ b'a'..=b'f') => Ok(digit - b'a' + 10),
        Some(digit @ b'A'..=b'F') => Ok(digit - b'A' + 10),
        _ => Err(DecodeError::Percent),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::sigv4::uri_encode;
    use proptest::prelude::*;

    fn pairs(form: &str) -> Result<Vec<(String, String)>, DecodeError> {
        decode_pairs(form.as_bytes())
    }

    #[test]
    fn forms_decode() {
        let expected =
            vec![("A".into(), "b c+".into()), ("D".into(), String::new()), ("é".into(), "=".into())];
        assert_eq!(pairs("A=b+c%2B&&D&%C3%A9==").unwrap(), expected);
        assert_eq!(pairs("").unwrap(), vec![]);
    }

    #[test]
    fn what_is_malformed_is_refused() {
        assert_eq!(pairs("a=%"), Err(DecodeError::Percent));
        assert_eq!(pairs("a=%4"), Err(DecodeError::Percent));
        assert_eq!(pairs("a=%+1"), Err(DecodeError::Percent));
        assert_eq!(pairs("a=%ff"), Err(DecodeError::Utf8));
        assert_eq!(pairs(&"a=b&".repeat(MAX_PARAMETERS + 1)), Err(DecodeError::TooMany));
    }

    proptest! {
        #[test]
        fn what_is_encoded_decodes_to_itself(all in prop::collection::vec((".{1,20}", ".{0,20}"), 0..10)) {
            let form: Vec<_> = all.iter().map(|(n, v)| format!("{}={}", uri_encode(n), uri_encode(v))).collect();
            prop_assert_eq!(pairs(&form.join("&")).unwrap(), all);
        }

        #[test]
        fn no_bytes_panic(form in prop::collection::vec(any::<u8>(), 0..200)) {
            let _ = decode_pairs(&form);
        }
    }
}
