//! Writing a multipart message.

use std::fmt::Write as _;

use super::transfer;

/// A part to be written.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Attachment<'a> {
    /// Its MIME type.
    pub content_type: &'a str,
    /// The file name it asks for.
    pub filename: Option<&'a str>,
    /// Further header fields, as `Merge-Type`.
    pub headers: &'a [(&'a str, &'a str)],
    /// Its content.
    pub body: &'a [u8],
}

/// A `multipart/mixed` message. Plain ASCII is written as it is, all else as base64; equal parts give equal
/// bytes.
pub fn build(parts: &[Attachment<'_>]) -> Vec<u8> {
    let boundary = boundary(parts);
    let mut out = format!("Content-Type: multipart/mixed; boundary=\"{boundary}\"\nMIME-Version: 1.0\n\n");
    for part in parts {
        // Writing to a string doesn't fail.
        _ = write!(out, "--{boundary}\nMIME-Version: 1.0\n");
        write_part(&mut out, part);
    }
    _ = writeln!(out, "--{boundary}--");
    out.into_bytes()
}

fn write_part(out: &mut String, part: &Attachment<'_>) {
    let plain = std::str::from_utf8(part.body).ok().filter(|text| is_plain(text));
    let charset = if plain.is_some() { "; charset=\"us-ascii\"" } else { "" };
    _ = writeln!(out, "Content-Type: {}{charset}", one_line(part.content_type));
    _ = writeln!(out, "Content-Transfer-Encoding: {}", if plain.is_some() { "7bit" } else { "base64" });
    for (name, value) in part.headers {
        _ = writeln!(out, "{}: {}", one_line(name), one_line(value));
    }
    if let Some(name) = part.filename {
        _ = writeln!(out, "Content-Disposition: attachment; {}", filename(name));
    }
    match plain {
        Some(text) => _ = write!(out, "\n{text}\n"),
        None => _ = write!(out, "\n{}\n", transfer::base64_lines(part.body)),
    }
}

/// What survives every mailer unencoded: printable ASCII in lines of at most 998 characters.
fn is_plain(text: &str) -> bool {
    let allowed = |b: u8| matches!(b, b' '..=b'~' | b'\t' | b'\n');
    text.bytes().all(allowed) && text.split('\n').all(|line| line.len() <= 998 && !line.starts_with("From "))
}

fn one_line(text: &str) -> String {
    text.chars().filter(|c| !c.is_control()).collect()
}

fn filename(name: &str) -> String {
    if name.chars().all(|c| matches!(c, ' '..='~')) {
        return format!("filename=\"{}\"", name.replace('\\', "\\\\").replace('"', "\\\""));
    }
    let mut encoded = String::new();
    for byte in name.bytes() {
        if byte.is_ascii_alphanumeric() || b"._-".contains(&byte) {
            encoded.push(char::from(byte));
        } else {
            _ = write!(encoded, "%{byte:02X}");
        }
    }
    format!("filename*=utf-8''{encoded}")
}

/// A boundary that no part contains, the same for the same parts.
fn boundary(parts: &[Attachment<'_>]) -> String {
    let contains = |body: &[u8], text: &[u8]| body.windows(text.len()).any(|window| window == text);
    let mut candidates = (0_u64..).map(|n| format!("==part-boundary-{n:04}=="));
    let free = candidates.find(|c| !parts.iter().any(|part| contains(part.body, c.as_bytes())));
    free.unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::mime::{looks_like_mime, parse};

    #[test]
    fn a_part_that_holds_the_boundary_gets_another() {
        let inner =
            build(&[Attachment { content_type: "text/plain", filename: None, headers: &[], body: b"x" }]);
        let outer = Attachment { content_type: "text/plain", filename: None, headers: &[], body: &inner };
        assert_eq!(parse(&build(&[outer])).unwrap()[0].body, inner);
    }

    proptest! {
        #[test]
        fn what_is_built_is_parsed_back(
            bodies in proptest::collection::vec(
                prop_oneof![
                    proptest::collection::vec(any::<u8>(), 0..200),
                    "[ -~\n]{0,200}".prop_map(String::into_bytes),
                ],
                1..6,
            ),
            name in "[^\u{0}-\u{1f}\u{7f}-\u{9f}]{1,20}",
        ) {
            let parts: Vec<_> = bodies
                .iter()
                .map(|body| Attachment {
                    content_type: "text/x-shellscript",
                    filename: Some(&name),
                    headers: &[],
                    body,
                })
                .collect();
            let message = build(&parts);
            prop_assert!(looks_like_mime(&message));
            let read = parse(&message).unwrap();
            prop_assert_eq!(read.len(), bodies.len());
            for (entity, body) in read.iter().zip(&bodies) {
                prop_assert_eq!(&entity.body, body);
                prop_assert_eq!(entity.headers.filename(), Some(name.clone()));
                prop_assert_eq!(entity.headers.content_type(), Some("text/x-shellscript".to_owned()));
            }
        }

        #[test]
        fn any_bytes_are_taken_apart_or_refused(bytes in proptest::collection::vec(any::<u8>(), 0..400)) {
            let _ = parse(&bytes);
        }

        #[test]
        fn any_message_like_text_is_taken_apart_or_refused(text in "(Content-Type: multipart/mixed; boundary=b\n|--b\n|--b--\n|\n|x\r\n|Content-Transfer-Encoding: base64\n){0,30}") {
            let _ = parse(text.as_bytes());
        }
    }
}
