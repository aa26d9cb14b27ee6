//! Content transfer encodings (RFC 2045, 6).

use base64::Engine as _;
use base64::alphabet::STANDARD as ALPHABET;
use base64::engine::{DecodePaddingMode, GeneralPurpose, GeneralPurposeConfig};

const FORGIVING: GeneralPurpose = GeneralPurpose::new(
    &ALPHABET,
    GeneralPurposeConfig::new()
        .with_decode_padding_mode(DecodePaddingMode::Indifferent)
        .with_decode_allow_trailing_bits(true),
);

/// The body as it was before its encoding; none where it is no such encoding. An unknown encoding leaves the
/// body alone.
pub(super) fn decode(body: &[u8], encoding: &str) -> Option<Vec<u8>> {
    match encoding.trim().to_ascii_lowercase().as_str() {
        "base64" => {
            let compact: Vec<u8> = body.iter().copied().filter(|b| !b.is_ascii_whitespace()).collect();
            FORGIVING.decode(compact).ok()
        }
        "quoted-printable" => Some(quoted_printable(body)),
        _ => Some(body.to_vec()),
    }
}

fn quoted_printable(body: &[u8]) -> Vec<u8> {
    let mut out = Vec::with_capacity(body.len());
    for line in body.split_inclusive(|b| *b == b'\n') {
        let text = line.trim_ascii_end();
        let ending = &line
            [line.strip_suffix(b"\n").map_or(line.len(), |l| l.strip_suffix(b"\r").unwrap_or(l).len())..];
        let (text, ending) = match text.strip_suffix(b"=") {
            Some(text) => (text, &b""[..]),
            None => (text, ending),
        };
        unescape(text, &mut out);
        out.extend_from_slice(ending);
    }
    out
}

fn unescape(mut text: &[u8], out: &mut Vec<u8>) {
    while let Some((first, rest)) = text.split_first() {
        let digit = |at: usize| rest.get(at).and_then(|b| char::from(*b).to_digit(16));
        match (first, digit(0), digit(1)) {
            (b'=', Some(high), Some(low)) => {
                out.push((high * 16 + low) as u8);
                text = &rest[2..];
            }
            _ => {
                out.push(*first);
                text = rest;
            }
        }
    }
}

/// Base64 in lines of 76 characters.
pub(super) fn base64_lines(body: &[u8]) -> String {
    let text = base64::engine::general_purpose::STANDARD.encode(body);
    let mut out = String::with_capacity(text.len() + text.len() / 76 + 1);
    for (at, c) in text.chars().enumerate() {
        if at > 0 && at % 76 == 0 {
            out.push('\n');
        }
        out.push(c);
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn quoted_printable_joins_soft_line_ends() {
        let body = b"caf=C3=A9 =3D x=\r\ny  \r\nz";
        assert_eq!(decode(body, "Quoted-Printable").unwrap(), "caf\u{e9} = xy\r\nz".as_bytes());
    }

    #[test]
    fn base64_may_be_folded_and_unpadded_but_not_wrong() {
        assert_eq!(decode(b"aGVs\r\nbG8", "base64").unwrap(), b"hello");
        assert_eq!(decode(b"!!!", "base64"), None);
        let long = vec![7; 500];
        assert_eq!(decode(base64_lines(&long).as_bytes(), "base64").unwrap(), long);
    }
}
