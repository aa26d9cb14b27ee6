//! The form of a flow log's records, written as callers write it: `${srcaddr} ${dstaddr}`.

use std::fmt;
use std::str::FromStr;

use super::Field;

/// A record's fields in order; at least one, each once.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LogFormat(Vec<Field>);

/// Why a text is no format.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum FormatError {
    /// It is not fields with one space between them.
    #[error(
        "Value '{0}' at 'logFormat' has an invalid format: expected fields such as ${{srcaddr}}, with one space between them"
    )]
    Form(String),
    /// A field that there is not.
    #[error("Unknown fields provided in LogFormat: {0}")]
    Unknown(String),
    /// A field that is named twice.
    #[error("Field ${{{0}}} is in LogFormat more than once")]
    Twice(&'static str),
}

/// The longest format that is read: more than all fields need.
const LONGEST: usize = 2000;

impl LogFormat {
    /// The fields in order.
    pub fn fields(&self) -> &[Field] {
        &self.0
    }

    /// The version that records of this form carry: the greatest one of their fields.
    pub fn version(&self) -> u8 {
        self.0.iter().map(|field| field.version()).max().unwrap_or(2)
    }

    /// The line that stands above records of this form: the fields' names.
    pub fn header(&self) -> String {
        self.0.iter().map(|field| field.as_str()).collect::<Vec<_>>().join(" ")
    }
}

impl Default for LogFormat {
    /// EC2's default: all fields of version 2.
    fn default() -> Self {
        Self(Field::ALL.iter().copied().filter(|field| field.version() == 2).collect())
    }
}

impl FromStr for LogFormat {
    type Err = FormatError;
    fn from_str(text: &str) -> Result<Self, FormatError> {
        let malformed = || FormatError::Form(text.chars().take(LONGEST).collect());
        if text.len() > LONGEST {
            return Err(malformed());
        }
        let mut fields = Vec::new();
        let mut unknown = Vec::new();
        for word in text.split(' ') {
            let name = word.strip_prefix("${").and_then(|rest| rest.strip_suffix('}'));
            let name = name.filter(|name| is_name(name)).ok_or_else(malformed)?;
            match name.parse::<Field>() {
                Ok(field) if fields.contains(&field) => return Err(FormatError::Twice(field.as_str())),
                Ok(field) => fields.push(field),
                Err(_) => unknown.push(name),
            }
        }
        if unknown.is_empty() { Ok(Self(fields)) } else { Err(FormatError::Unknown(unknown.join(", "))) }
    }
}

impl fmt::Display for LogFormat {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let words: Vec<String> = self.0.iter().map(|field| format!("${{{}}}", field.as_str())).collect();
        f.write_str(&words.join(" "))
    }
}

fn is_name(text: &str) -> bool {
    !text.is_empty() && text.bytes().all(|b| b.is_ascii_lowercase() || b.is_ascii_digit() || b == b'-')
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn the_default_is_version_2() {
        let format = LogFormat::default();
        assert_eq!(
            format.to_string(),
            "${version} ${account-id} ${interface-id} ${srcaddr} ${dstaddr} ${srcport} ${dstport} ${protocol} \
             ${packets} ${bytes} ${start} ${end} ${action} ${log-status}"
        );
        assert_eq!(format.version(), 2);
        assert!(format.header().starts_with("version account-id interface-id srcaddr"));
    }

    #[test]
    fn the_version_is_that_of_the_newest_field() {
        let version = |text: &str| text.parse::<LogFormat>().map(|format| format.version());
        assert_eq!(version("${srcaddr} ${vpc-id}"), Ok(3));
        assert_eq!(version("${flow-direction} ${action}"), Ok(5));
    }

    #[test]
    fn what_is_wrong_is_named() {
        let refused = |text: &str| text.parse::<LogFormat>().expect_err(text).to_string();
        assert!(refused("${srcaddr} ${colour} ${taste}").ends_with("colour, taste"));
        assert!(refused("${srcaddr} ${srcaddr}").contains("${srcaddr}"));
        for text in
            ["", " ", "srcaddr", "${srcaddr}  ${dstaddr}", "${srcaddr} ", "${srcaddr},${dstaddr}", "${}"]
        {
            assert!(refused(text).contains("invalid format"), "{text:?}");
        }
    }

    proptest! {
        #[test]
        fn what_is_written_is_read(picked in proptest::sample::subsequence(Field::ALL, 1..10)) {
            let format = LogFormat(picked);
            prop_assert_eq!(format.to_string().parse::<LogFormat>(), Ok(format));
        }

        #[test]
        fn no_text_upsets_it(text in "\\PC{0,80}") {
            let _ = text.parse::<LogFormat>();
        }
    }
}
