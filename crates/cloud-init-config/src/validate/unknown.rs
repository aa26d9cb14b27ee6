//! Content that cloud-init doesn't recognise: what it was probably meant to be.

use base64::Engine as _;

use crate::config::looks_like_cloud_config;
use crate::validate::{Rule, Warning};
use crate::{ContentType, Part, gzip, yaml};

pub(super) fn explain(part: &Part, number: usize) -> Warning {
    let (rule, message) = reason(&part.body);
    Warning::part(part, number, rule, message)
}

fn reason(body: &[u8]) -> (Rule, &'static str) {
    if is_base64_of_user_data(body) {
        return (
            Rule::Base64Twice,
            "the content is base64: it was encoded once too often and will be ignored",
        );
    }
    if is_damaged_header(body) {
        return (
            Rule::MissingHeader,
            "the first line must be exactly `#cloud-config`, without a space: it will be ignored",
        );
    }
    let mapping = yaml::load(body).ok().and_then(|document| document.root.as_mapping().cloned());
    if mapping.is_some_and(|mapping| looks_like_cloud_config(&mapping)) {
        return (
            Rule::MissingHeader,
            "looks like cloud-config, but the first line isn't `#cloud-config`: it will be ignored",
        );
    }
    if gzip::is_gzip(body) {
        return (Rule::UnknownContent, "a gzip stream that can't be opened: it will be ignored");
    }
    if std::str::from_utf8(body).is_err() {
        return (Rule::NotUtf8, "neither text nor gzip: it will be ignored");
    }
    (
        Rule::UnknownContent,
        "not recognised: the first line must be `#!` with an interpreter, `#cloud-config` or another header \
         of cloud-init; it will be ignored",
    )
}

fn is_damaged_header(body: &[u8]) -> bool {
    let line = body.trim_ascii_start().split(|b| *b == b'\n').next().unwrap_or_default();
    let letters: Vec<u8> =
        line.iter().filter(|b| b.is_ascii_alphabetic()).map(u8::to_ascii_lowercase).collect();
    line.starts_with(b"#") && letters == b"cloudconfig"
}

fn is_base64_of_user_data(body: &[u8]) -> bool {
    let compact: Vec<u8> = body.iter().copied().filter(|b| !b.is_ascii_whitespace()).collect();
    let Ok(decoded) = base64::engine::general_purpose::STANDARD.decode(compact) else { return false };
    ContentType::sniff(&decoded).is_some()
        || gzip::is_gzip(&decoded)
        || crate::mime::looks_like_mime(&decoded)
}
