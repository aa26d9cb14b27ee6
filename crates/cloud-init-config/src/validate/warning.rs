//! One finding.

use std::fmt;

use crate::{ContentType, Part};

/// Something that can't work: where, which rule, and in words.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Warning {
    /// The number of the part, from 1; none for the whole.
    pub part: Option<usize>,
    /// What the part is.
    pub content_type: Option<ContentType>,
    /// The line in the part, from 1.
    pub line: Option<usize>,
    /// The path of the key, as `users[0].name`.
    pub key: Option<String>,
    /// Which rule is broken.
    pub rule: Rule,
    /// What is wrong, in words, without the place.
    pub message: String,
}

/// The rules.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Rule {
    /// More bytes than EC2 takes.
    TooLarge,
    /// A bound was reached: nothing was looked at.
    Unreadable,
    /// A damaged gzip stream.
    BadGzip,
    /// A damaged MIME part.
    BadMime,
    /// Text that is not UTF-8.
    NotUtf8,
    /// Encoded in base64 once too often.
    Base64Twice,
    /// Cloud-config without the `#cloud-config` line.
    MissingHeader,
    /// Content that cloud-init doesn't recognise.
    UnknownContent,
    /// Content that cloud-init passes over.
    Ignored,
    /// YAML that can't be parsed.
    Yaml,
    /// Tabs for indentation in YAML.
    TabInYaml,
    /// More than one YAML document in a part.
    MultipleDocuments,
    /// Cloud-config that is not a mapping.
    NotAMapping,
    /// A key written twice.
    DuplicateKey,
    /// A key that cloud-init doesn't know.
    UnknownKey,
    /// A key that must be there is not.
    MissingKey,
    /// A value of the wrong type.
    WrongType,
    /// A value that can't work.
    InvalidValue,
    /// A way of merging that isn't known.
    BadMergeType,
    /// A program without a usable `#!` line.
    NoInterpreter,
    /// Windows line ends in a script.
    WindowsLineEnds,
    /// Something that this crate doesn't act on.
    NotActedOn,
}

impl Rule {
    /// A short stable name, as `unknown-key`.
    pub fn name(self) -> &'static str {
        match self {
            Self::TooLarge => "too-large",
            Self::Unreadable => "unreadable",
            Self::BadGzip => "bad-gzip",
            Self::BadMime => "bad-mime",
            Self::NotUtf8 => "not-utf8",
            Self::Base64Twice => "base64-twice",
            Self::MissingHeader => "missing-header",
            Self::UnknownContent => "unknown-content",
            Self::Ignored => "ignored",
            Self::Yaml => "yaml",
            Self::TabInYaml => "tab-in-yaml",
            Self::MultipleDocuments => "multiple-documents",
            Self::NotAMapping => "not-a-mapping",
            Self::DuplicateKey => "duplicate-key",
            Self::UnknownKey => "unknown-key",
            Self::MissingKey => "missing-key",
            Self::WrongType => "wrong-type",
            Self::InvalidValue => "invalid-value",
            Self::BadMergeType => "bad-merge-type",
            Self::NoInterpreter => "no-interpreter",
            Self::WindowsLineEnds => "windows-line-ends",
            Self::NotActedOn => "not-acted-on",
        }
    }
}

impl Warning {
    /// About the whole of the user data.
    pub(crate) fn whole(rule: Rule, message: impl Into<String>) -> Self {
        Self { part: None, content_type: None, line: None, key: None, rule, message: message.into() }
    }

    /// About a part; `number` counts from 1.
    pub(crate) fn part(part: &Part, number: usize, rule: Rule, message: impl Into<String>) -> Self {
        let content_type = Some(part.content_type.clone());
        Self { part: Some(number), content_type, line: None, key: None, rule, message: message.into() }
    }
}

impl fmt::Display for Warning {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut place = Vec::new();
        match (self.part, &self.content_type) {
            (Some(number), Some(kind)) => place.push(format!("part {number} ({kind})")),
            (Some(number), None) => place.push(format!("part {number}")),
            (None, _) => {}
        }
        place.extend(self.line.map(|line| format!("line {line}")));
        place.extend(self.key.as_ref().map(|key| format!("`{key}`")));
        if place.is_empty() {
            f.write_str(&self.message)
        } else {
            write!(f, "{}: {}", place.join(", "), self.message)
        }
    }
}
