//! A message taken apart into its leaves, with nesting and count bounded.

use super::headers::{self, Headers};
use super::transfer;
use crate::limits;

/// Why a message was not taken apart.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum MimeError {
    /// Messages in messages in messages.
    #[error("the MIME message is nested deeper than {limit}", limit = limits::NESTING)]
    TooDeep,
    /// Too many parts.
    #[error("the MIME message has more than {limit} parts", limit = limits::PARTS)]
    TooManyParts,
    /// Too many header fields on one part.
    #[error("a MIME part has more than {limit} header fields", limit = limits::HEADERS)]
    TooManyHeaders,
}

/// A leaf of a message: what carries content.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Entity {
    /// Its own header fields.
    pub headers: Headers,
    /// Its content after its transfer encoding is undone.
    pub body: Vec<u8>,
    /// What is wrong with it, where something is: then the body is as it was found.
    pub defect: Option<&'static str>,
}

/// Whether cloud-init takes the bytes for a MIME message: `mime-version:` in the first 4096 bytes.
pub fn looks_like_mime(bytes: &[u8]) -> bool {
    let head = bytes[..bytes.len().min(4096)].to_ascii_lowercase();
    head.windows(b"mime-version:".len()).any(|window| window == b"mime-version:")
}

/// Takes a message apart. The leaves come in their order.
pub fn parse(bytes: &[u8]) -> Result<Vec<Entity>, MimeError> {
    let mut leaves = Vec::new();
    // The walk's own stack, the next one last: entities whose headers aren't read yet, with their depth.
    let mut waiting = vec![(bytes, 0)];
    while let Some((bytes, depth)) = waiting.pop() {
        if depth > limits::NESTING {
            return Err(MimeError::TooDeep);
        }
        let (headers, body) = headers::split(bytes)?;
        let kind = headers.content_type().unwrap_or_default();
        if kind.starts_with("multipart/") {
            match headers.parameter("content-type", "boundary").filter(|b| !b.is_empty()) {
                Some(boundary) => {
                    let parts = split_at_boundary(body, boundary.as_bytes())?;
                    waiting.extend(parts.into_iter().rev().map(|part| (part, depth + 1)));
                }
                None => leaves.push(leaf(headers, body, Some("a multipart message without a boundary"))),
            }
        } else if kind == "message/rfc822" {
            waiting.push((body, depth + 1));
        } else {
            leaves.push(leaf(headers, body, None));
        }
        if leaves.len() + waiting.len() > limits::PARTS {
            return Err(MimeError::TooManyParts);
        }
    }
    Ok(leaves)
}

fn leaf(headers: Headers, body: &[u8], defect: Option<&'static str>) -> Entity {
    let encoding = headers.get("content-transfer-encoding").unwrap_or("7bit");
    match transfer::decode(body, encoding) {
        Some(body) => Entity { headers, body, defect },
        None => Entity { headers, body: body.to_vec(), defect: Some("the content is not valid base64") },
    }
}

/// What stands between the boundary lines (RFC 2046, 5.1.1); the line end before a boundary belongs to it.
fn split_at_boundary<'a>(body: &'a [u8], boundary: &[u8]) -> Result<Vec<&'a [u8]>, MimeError> {
    let mut parts = Vec::new();
    let mut start = None;
    let mut rest = body;
    while !rest.is_empty() {
        let line_start = body.len() - rest.len();
        let (line, after) = headers::next_line(rest);
        rest = after;
        let Some(tail) = line.strip_prefix(b"--").and_then(|l| l.strip_prefix(boundary)) else { continue };
        let (tail, last) = tail.strip_prefix(b"--").map_or((tail, false), |tail| (tail, true));
        if !tail.trim_ascii().is_empty() {
            continue;
        }
        if let Some(start) = start {
            let part = &body[start..line_start.max(start)];
            let part = part.strip_suffix(b"\n").unwrap_or(part);
            parts.push(part.strip_suffix(b"\r").unwrap_or(part));
        }
        if parts.len() > limits::PARTS {
            return Err(MimeError::TooManyParts);
        }
        start = (!last).then(|| body.len() - rest.len());
        if last {
            break;
        }
    }
    // A message that was cut: what follows the last boundary still counts.
    parts.extend(start.map(|start| &body[start..]).filter(|part| !part.is_empty()));
    Ok(parts)
}

#[cfg(test)]
mod tests {
    use super::*;

    const NESTED: &str = "From: me\nMIME-Version: 1.0\nContent-Type: multipart/mixed; boundary=outer\n\npreamble\n\
        --outer\nContent-Type: text/x-shellscript\n\n#!/bin/sh\necho one\n\n--outer  \n\
        Content-Type: multipart/mixed; boundary=\"in ner\"\n\n--in ner\nContent-Type: text/cloud-config\n\
        Content-Transfer-Encoding: base64\n\nI2Nsb3VkLWNvbmZpZwo=\n--in ner--\n\n--outer--\nepilogue\n";

    #[test]
    fn leaves_come_in_order_with_their_content_decoded() {
        let leaves = parse(NESTED.as_bytes()).unwrap();
        let bodies: Vec<_> = leaves.iter().map(|leaf| leaf.body.as_slice()).collect();
        assert_eq!(bodies, [&b"#!/bin/sh\necho one\n"[..], b"#cloud-config\n"]);
        let same = parse(NESTED.replace('\n', "\r\n").as_bytes()).unwrap();
        assert_eq!(same[1].body, leaves[1].body);
    }

    #[test]
    fn nesting_and_count_are_bounded() {
        let mut message = String::new();
        for depth in 0..20 {
            message += &format!("Content-Type: multipart/mixed; boundary=b{depth}\n\n--b{depth}\n");
        }
        assert_eq!(parse(message.as_bytes()), Err(MimeError::TooDeep));
        let many = "Content-Type: multipart/mixed; boundary=b\n\n".to_owned() + &"--b\n\nx\n".repeat(2000);
        assert_eq!(parse(many.as_bytes()), Err(MimeError::TooManyParts));
    }

    #[test]
    fn a_cut_message_gives_what_there_is() {
        let cut = &NESTED[..NESTED.find("--outer  ").unwrap() - 3];
        assert_eq!(parse(cut.as_bytes()).unwrap()[0].body, b"#!/bin/sh\necho on");
    }
}
