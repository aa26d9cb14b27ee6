//! The header block of a message or a part.

use super::MimeError;
use crate::limits;

/// Header fields in their order, names as written, values unfolded.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Headers {
    fields: Vec<(String, String)>,
}

impl Headers {
    /// The value of the first field of that name, its case ignored.
    pub fn get(&self, name: &str) -> Option<&str> {
        self.fields.iter().find(|(n, _)| n.eq_ignore_ascii_case(name)).map(|(_, value)| value.as_str())
    }

    /// The MIME type in lower case without parameters; none where the field is missing or malformed.
    pub fn content_type(&self) -> Option<String> {
        let value = self.get("content-type")?.split(';').next()?.trim().to_ascii_lowercase();
        (value.split('/').count() == 2).then_some(value)
    }

    /// A parameter of a field, as `boundary` of `Content-Type`: quoted, plain, or in RFC 2231's form.
    pub fn parameter(&self, field: &str, name: &str) -> Option<String> {
        parameters(self.get(field)?).into_iter().find_map(|(key, value)| match key.strip_suffix('*') {
            Some(key) if key.eq_ignore_ascii_case(name) => {
                Some(percent_decode(value.splitn(3, '\'').last()?))
            }
            None if key.eq_ignore_ascii_case(name) => Some(value),
            _ => None,
        })
    }

    /// The name that the part asks for.
    pub fn filename(&self) -> Option<String> {
        let name = self.parameter("content-disposition", "filename");
        name.or_else(|| self.parameter("content-type", "name")).filter(|n| !n.is_empty())
    }
}

/// Splits a block into its fields and the body behind them. A line that is no field begins the body.
pub(super) fn split(bytes: &[u8]) -> Result<(Headers, &[u8]), MimeError> {
    let mut headers = Headers::default();
    let mut rest = bytes;
    loop {
        let (line, after) = next_line(rest);
        if line.is_empty() {
            return Ok((headers, after));
        }
        let text = String::from_utf8_lossy(line);
        if text.starts_with([' ', '\t']) {
            let Some((_, value)) = headers.fields.last_mut() else { return Ok((headers, rest)) };
            value.push(' ');
            value.push_str(text.trim());
        } else if let Some((name, value)) = text.split_once(':').filter(|(name, _)| is_field_name(name)) {
            headers.fields.push((name.to_owned(), value.trim().to_owned()));
        } else if !text.starts_with("From ") || !headers.fields.is_empty() {
            return Ok((headers, rest));
        }
        if headers.fields.len() > limits::HEADERS {
            return Err(MimeError::TooManyHeaders);
        }
        rest = after;
    }
}

fn is_field_name(name: &str) -> bool {
    !name.is_empty() && name.bytes().all(|b| b.is_ascii_graphic() && b != b':')
}

/// A line without its end, and what follows. Nothing left gives an empty line.
pub(super) fn next_line(bytes: &[u8]) -> (&[u8], &[u8]) {
    let (line, rest) = match bytes.iter().position(|b| *b == b'\n') {
        Some(at) => (&bytes[..at], &bytes[at + 1..]),
        None => (bytes, &bytes[bytes.len()..]),
    };
    (line.strip_suffix(b"\r").unwrap_or(line), rest)
}

/// The `name=value` pairs behind the first semicolon; values may be quoted strings.
fn parameters(value: &str) -> Vec<(String, String)> {
    let mut pairs = Vec::new();
    let mut rest = value.split_once(';').map_or("", |(_, rest)| rest);
    while let Some((name, after)) = rest.split_once('=') {
        let (text, next) = match after.trim_start().strip_prefix('"') {
            Some(quoted) => unquote(quoted),
            None => {
                let (text, next) = after.split_once(';').unwrap_or((after, ""));
                (text.trim().to_owned(), next)
            }
        };
        pairs.push((name.trim_matches([' ', '\t', ';']).to_owned(), text));
        rest = next;
    }
    pairs
}

fn unquote(text: &str) -> (String, &str) {
    let mut out = String::new();
    let mut chars = text.char_indices();
    while let Some((at, c)) = chars.next() {
        match c {
            '"' => return (out, text[at + 1..].split_once(';').map_or("", |(_, next)| next)),
            '\\' => out.extend(chars.next().map(|(_, c)| c)),
            c => out.push(c),
        }
    }
    (out, "")
}

fn percent_decode(text: &str) -> String {
    let mut out = Vec::new();
    let mut bytes = text.bytes();
    while let Some(byte) = bytes.next() {
        let mut ahead = bytes.clone();
        let digit = |b: Option<u8>| b.and_then(|b| char::from(b).to_digit(16));
        match (byte, digit(ahead.next()), digit(ahead.next())) {
            (b'%', Some(high), Some(low)) => {
                out.push((high * 16 + low) as u8);
                bytes = ahead;
            }
            _ => out.push(byte),
        }
    }
    String::from_utf8_lossy(&out).into_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn fields_fold_and_parameters_are_unquoted() {
        let text =
            b"Content-Type: multipart/mixed;\r\n boundary=\"a;b\\\"c\"; x=y\r\nMIME-Version: 1.0\r\n\r\nbody";
        let (headers, body) = split(text).unwrap();
        assert_eq!(headers.content_type().as_deref(), Some("multipart/mixed"));
        assert_eq!(headers.parameter("content-type", "Boundary").as_deref(), Some("a;b\"c"));
        assert_eq!(headers.parameter("content-type", "x").as_deref(), Some("y"));
        assert_eq!((headers.get("mime-version"), body), (Some("1.0"), &b"body"[..]));
    }

    #[test]
    fn names_outside_ascii_are_read() {
        let text = b"Content-Disposition: attachment; filename*=utf-8''b%C3%BCro.sh\n\n";
        assert_eq!(split(text).unwrap().0.filename().as_deref(), Some("b\u{fc}ro.sh"));
    }

    #[test]
    fn a_line_that_is_no_field_begins_the_body() {
        let (headers, body) = split(b"A: b\n#cloud-config\n").unwrap();
        assert_eq!((headers.get("a"), body), (Some("b"), &b"#cloud-config\n"[..]));
    }
}
