//! Why a text is not a YAML document that cloud-init would read.

/// Why a YAML text was not read. Lines count from 1.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum YamlError {
    /// The text is not UTF-8.
    #[error("the text is not UTF-8 (first bad byte at offset {offset})")]
    NotUtf8 {
        /// Offset in bytes of the first byte that is no UTF-8.
        offset: usize,
    },
    /// A control character that YAML forbids.
    #[error("line {line}: the character U+{code:04X} is not allowed in YAML")]
    Unprintable {
        /// Where.
        line: usize,
        /// The character's code point.
        code: u32,
    },
    /// The text breaks YAML's grammar.
    #[error("line {line}: {reason}")]
    Syntax {
        /// Where.
        line: usize,
        /// What the parser expected.
        reason: String,
    },
    /// A tab where YAML wants spaces.
    #[error("line {line}: a tab is used for indentation, YAML wants spaces")]
    Tab {
        /// Where.
        line: usize,
    },
    /// A second document begins; cloud-init reads none then.
    #[error("line {line}: a second document begins; only one is allowed")]
    SecondDocument {
        /// Where.
        line: usize,
    },
    /// A tag that plain YAML doesn't have.
    #[error("line {line}: the tag `{tag}` is not known")]
    UnknownTag {
        /// Where.
        line: usize,
        /// The tag as written.
        tag: String,
    },
    /// A scalar that its tag or the `<<` key doesn't allow.
    #[error("line {line}: {reason}")]
    BadValue {
        /// Where.
        line: usize,
        /// What was expected.
        reason: &'static str,
    },
    /// An alias to an anchor that isn't complete, or a mapping as a key.
    #[error("line {line}: {what} can't be used here")]
    Misplaced {
        /// Where.
        line: usize,
        /// What stands there.
        what: &'static str,
    },
    /// A bound of [`limits`](crate::limits) was reached, for instance by an alias bomb.
    #[error("the document has more than {limit} {what}")]
    TooLarge {
        /// What was counted.
        what: &'static str,
        /// The bound.
        limit: usize,
    },
}

impl YamlError {
    /// The line it is about, where there is one.
    pub fn line(&self) -> Option<usize> {
        match self {
            Self::NotUtf8 { .. } | Self::TooLarge { .. } => None,
            Self::Unprintable { line, .. }
            | Self::Syntax { line, .. }
            | Self::Tab { line }
            | Self::SecondDocument { line }
            | Self::UnknownTag { line, .. }
            | Self::BadValue { line, .. }
            | Self::Misplaced { line, .. } => Some(*line),
        }
    }
}
