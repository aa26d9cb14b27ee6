//! The path of a request, taken apart.

/// Longer paths name nothing.
const LONGEST: usize = 1024;

/// The parts between the slashes, percent decoded.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Path {
    pub parts: Vec<String>,
    /// Whether it ended with a slash, so that only a folder can be meant.
    pub is_folder: bool,
}

impl Path {
    /// Takes a path apart; repeated slashes count as one. None where it can name nothing.
    pub fn parse(path: &str) -> Option<Self> {
        if path.len() > LONGEST || !path.starts_with('/') {
            return None;
        }
        let parts =
            path.split('/').filter(|part| !part.is_empty()).map(decode).collect::<Option<Vec<_>>>()?;
        Some(Self { parts, is_folder: path.ends_with('/') })
    }

    /// The parts, as they can be matched.
    pub fn as_strs(&self) -> Vec<&str> {
        self.parts.iter().map(String::as_str).collect()
    }
}

fn decode(part: &str) -> Option<String> {
    let mut bytes = part.bytes();
    let mut out = Vec::with_capacity(part.len());
    while let Some(byte) = bytes.next() {
        if byte != b'%' {
            out.push(byte);
            continue;
        }
        let mut digit = || bytes.next().and_then(|b| char::from(b).to_digit(16));
        out.push(u8::try_from(digit()? * 16 + digit()?).ok()?);
    }
    String::from_utf8(out).ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn slashes_and_escapes_are_understood() {
        let path = Path::parse("//latest/meta-data/tags/instance/a%20b%2Fc/").unwrap();
        assert_eq!(path.as_strs(), ["latest", "meta-data", "tags", "instance", "a b/c"]);
        assert!(path.is_folder);
        assert_eq!(Path::parse("/").unwrap().parts.len(), 0);
    }

    #[test]
    fn what_can_name_nothing_is_none() {
        for text in ["", "latest", "/%", "/%2", "/%zz", "/%ff", &format!("/{}", "a".repeat(2000))] {
            assert_eq!(Path::parse(text), None, "{text}");
        }
    }
}
