//! `#cloud-config-archive`: a YAML list whose entries are parts.

use crate::yaml::{self, Mapping, Value, YamlError};
use crate::{ContentType, Part};

/// The parts of an archive. Entries that are neither a text nor a mapping are passed over, as cloud-init does.
pub(crate) fn explode(body: &[u8]) -> Result<Vec<Part>, YamlError> {
    match yaml::load(body)?.root {
        Value::Null => Ok(Vec::new()),
        Value::Sequence(entries) => Ok(entries.into_iter().filter_map(entry).collect()),
        _ => Err(YamlError::BadValue { line: 1, reason: "an archive is a list" }),
    }
}

fn entry(value: Value) -> Option<Part> {
    match value {
        Value::String(content) => Some(part(&Mapping::new(), Value::String(content))),
        Value::Mapping(mut mapping) => {
            let content = mapping.remove("content").unwrap_or_default();
            Some(part(&mapping, content))
        }
        _ => None,
    }
}

fn part(fields: &Mapping, content: Value) -> Part {
    let field = |name: &str| {
        let found = fields.iter().find(|(key, _)| key.eq_ignore_ascii_case(name));
        found.and_then(|(_, value)| value.scalar_text()).filter(|text| !text.is_empty())
    };
    let (body, fallback) = match content {
        Value::Binary(bytes) => (bytes, ContentType::Other("application/octet-stream".to_owned())),
        other => (other.scalar_text().unwrap_or_default().into_bytes(), ContentType::CloudConfig),
    };
    let content_type = match field("type") {
        Some(name) => ContentType::from_mime(&name),
        None => ContentType::sniff(&body).unwrap_or(fallback),
    };
    Part {
        content_type,
        filename: field("filename"),
        merge_type: field("merge-type").or_else(|| field("x-merge-type")),
        launch_index: field("launch-index").and_then(|text| text.parse().ok()),
        body,
    }
}
