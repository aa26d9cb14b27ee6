//! `write_files`.

use base64::Engine as _;

use super::fields::Fields;
use super::write::Writer;
use crate::gzip::{self, GzipError};
use crate::validate::Rule;
use crate::yaml::{Mapping, Value};

/// One file to write.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct WriteFile {
    /// Where; absolute.
    pub path: String,
    /// What, still encoded.
    pub content: FileContent,
    /// How the content is encoded.
    pub encoding: Encoding,
    /// `user:group`; `root:root` where absent.
    pub owner: Option<String>,
    /// The mode's permission bits; 0644 where absent.
    pub permissions: Option<u32>,
    /// Whether the content is added at the end of a file that is there.
    pub append: bool,
    /// Whether to write it last, after packages are installed and users made.
    pub defer: bool,
    /// Keys that this crate doesn't know.
    pub other: Mapping,
}

/// Content as it stands in the document.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum FileContent {
    /// A string.
    Text(String),
    /// Bytes, from YAML's `!!binary`.
    Binary(Vec<u8>),
}

impl Default for FileContent {
    fn default() -> Self {
        Self::Text(String::new())
    }
}

/// How a file's content is encoded.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Encoding {
    /// Not at all.
    #[default]
    Plain,
    /// Base64.
    Base64,
    /// Gzip; only with binary content.
    Gzip,
    /// Gzip, then base64.
    GzipBase64,
}

/// Why content can't be decoded.
#[derive(Debug, thiserror::Error)]
pub enum ContentError {
    /// It isn't base64.
    #[error("the content is not base64")]
    Base64(#[source] base64::DecodeError),
    /// It isn't gzip, or too large.
    #[error("the content can't be inflated")]
    Gzip(#[source] GzipError),
}

const ENCODINGS: [(&str, Encoding); 9] = [
    ("text/plain", Encoding::Plain),
    ("b64", Encoding::Base64),
    ("base64", Encoding::Base64),
    ("gz", Encoding::Gzip),
    ("gzip", Encoding::Gzip),
    ("gz+b64", Encoding::GzipBase64),
    ("gz+base64", Encoding::GzipBase64),
    ("gzip+b64", Encoding::GzipBase64),
    ("gzip+base64", Encoding::GzipBase64),
];

impl WriteFile {
    /// A file with this content: text stands as it is, anything else as base64.
    pub fn new(path: impl Into<String>, content: &[u8]) -> Self {
        let path = path.into();
        match std::str::from_utf8(content) {
            Ok(text) => Self { path, content: FileContent::Text(text.to_owned()), ..Self::default() },
            Err(_) => {
                let text = base64::engine::general_purpose::STANDARD.encode(content);
                Self { path, content: FileContent::Text(text), encoding: Encoding::Base64, ..Self::default() }
            }
        }
    }

    /// The bytes to write; gzip inflates to at most `limit` bytes.
    pub fn decoded(&self, limit: usize) -> Result<Vec<u8>, ContentError> {
        let mut bytes = match &self.content {
            FileContent::Text(text) => text.clone().into_bytes(),
            FileContent::Binary(bytes) => bytes.clone(),
        };
        if matches!(self.encoding, Encoding::Base64 | Encoding::GzipBase64) {
            bytes.retain(|b| !b.is_ascii_whitespace());
            bytes = base64::engine::general_purpose::STANDARD.decode(&bytes).map_err(ContentError::Base64)?;
        }
        if matches!(self.encoding, Encoding::Gzip | Encoding::GzipBase64) {
            bytes = gzip::inflate(&bytes, limit).map_err(ContentError::Gzip)?;
        }
        Ok(bytes)
    }
}

pub(super) fn read(fields: &mut Fields<'_>) -> Vec<WriteFile> {
    let items = fields.list("write_files").unwrap_or_default();
    let mut files = Vec::new();
    for (at, item) in items.into_iter().enumerate() {
        let place = format!("write_files[{at}]");
        match item {
            Value::Mapping(map) => files.extend(read_one(Fields::new(place, map, fields.notes()))),
            other => {
                fields.note(&place, Rule::WrongType, format!("expected a mapping, found {}", other.kind()))
            }
        }
    }
    files
}

fn read_one(mut fields: Fields<'_>) -> Option<WriteFile> {
    let Some(path) = fields.text("path").filter(|path| !path.is_empty()) else {
        fields.note("", Rule::MissingKey, "`path` is missing: the entry is passed over");
        return None;
    };
    if !path.starts_with('/') {
        fields.note("path", Rule::InvalidValue, "the path is not absolute");
    }
    let content = match fields.take("content") {
        None => FileContent::default(),
        Some(Value::Binary(bytes)) => FileContent::Binary(bytes),
        Some(value) => match value.scalar_text() {
            Some(text) => FileContent::Text(text),
            None => {
                fields.wrong("content", "a string", value);
                FileContent::default()
            }
        },
    };
    let encoding = read_encoding(&mut fields);
    let file = WriteFile {
        path,
        content,
        encoding,
        owner: fields.text("owner"),
        permissions: read_permissions(&mut fields),
        append: fields.flag("append").unwrap_or_default(),
        defer: fields.flag("defer").unwrap_or_default(),
        other: Mapping::new(),
    };
    if let Err(error) = file.decoded(crate::limits::INFLATED_BYTES) {
        fields.note("content", Rule::InvalidValue, format!("{error}, though `encoding` says so"));
    }
    Some(WriteFile { other: fields.finish(&[]), ..file })
}

fn read_encoding(fields: &mut Fields<'_>) -> Encoding {
    let Some(name) = fields.text("encoding").filter(|name| !name.trim().is_empty()) else {
        return Encoding::Plain;
    };
    let wanted = name.trim().to_ascii_lowercase();
    let found = ENCODINGS.iter().find(|(known, _)| *known == wanted);
    if found.is_none() {
        fields.note(
            "encoding",
            Rule::InvalidValue,
            format!("unknown encoding `{wanted}`: text/plain is assumed"),
        );
    }
    found.map(|(_, encoding)| *encoding).unwrap_or_default()
}

/// A string is octal; a number is the mode itself, which is right for `0644` (octal in YAML 1.1) and wrong for
/// `644`.
fn read_permissions(fields: &mut Fields<'_>) -> Option<u32> {
    const MEANT_AS_OCTAL: [i64; 17] =
        [400, 440, 444, 500, 555, 600, 640, 644, 660, 664, 666, 700, 750, 755, 770, 775, 777];
    let value = fields.take("permissions")?;
    let mode = match &value {
        Value::String(text) => {
            let digits = text.trim();
            let digits = digits.strip_prefix("0o").unwrap_or(digits);
            u32::from_str_radix(digits, 8).ok()
        }
        Value::Int(number) => {
            if MEANT_AS_OCTAL.contains(number) {
                let message =
                    format!("{number} without a leading 0 is decimal, that is mode {number:04o}: quote it");
                fields.note("permissions", Rule::InvalidValue, message);
            }
            u32::try_from(*number).ok()
        }
        _ => None,
    };
    let valid = mode.filter(|mode| *mode <= 0o7777);
    if valid.is_none() {
        fields.wrong("permissions", "an octal mode in quotes, as '0644'", value);
    }
    valid
}

pub(super) fn write(file: &WriteFile) -> Value {
    let content: Option<Value> = match &file.content {
        FileContent::Text(text) if text.is_empty() => None,
        FileContent::Text(text) => Some(text.as_str().into()),
        FileContent::Binary(bytes) => Some(Value::Binary(bytes.clone())),
    };
    let encoding = ENCODINGS.iter().find(|(_, e)| *e == file.encoding && *e != Encoding::Plain);
    Writer::default()
        .put("path", Some(file.path.as_str()))
        .put("encoding", encoding.map(|(name, _)| *name))
        .put("content", content)
        .put("owner", file.owner.as_deref())
        .put("permissions", file.permissions.map(|mode| format!("{mode:04o}")))
        .put("append", file.append.then_some(true))
        .put("defer", file.defer.then_some(true))
        .finish(&file.other)
        .into()
}
