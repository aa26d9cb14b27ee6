//! User data: the bytes a machine is handed, opened into parts and written back.

use crate::gzip::{self, GzipError};
use crate::mime::{self, Attachment, MimeError};
use crate::validate::{Rule, Warning};
use crate::yaml::YamlError;
use crate::{ContentType, archive, limits};

/// Why user data was not opened at all: a bound was reached. Everything else is a [`Warning`].
#[derive(Debug, thiserror::Error)]
pub enum ParseError {
    /// More bytes than this crate reads.
    #[error("the user data has {len} bytes, at most {limit} are read", limit = limits::INPUT_BYTES)]
    TooLarge {
        /// How many bytes were given.
        len: usize,
    },
    /// Too much comes out of the gzip streams.
    #[error("gzip in the user data")]
    Gzip(#[source] GzipError),
    /// The MIME message is beyond a bound.
    #[error("the MIME message of the user data")]
    Mime(#[from] MimeError),
    /// A cloud-config-archive is beyond a bound.
    #[error("a cloud-config-archive in the user data")]
    Archive(#[source] YamlError),
    /// Too many parts after all envelopes are opened.
    #[error("the user data has more than {limit} parts", limit = limits::PARTS)]
    TooManyParts,
}

/// One part: a script, a cloud-config document, …
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Part {
    /// What it is.
    pub content_type: ContentType,
    /// The file name it asks for; cloud-init takes `part-001` and so on where there is none.
    pub filename: Option<String>,
    /// How its cloud-config is merged, from the `Merge-Type` header: see [`merge`](crate::merge).
    pub merge_type: Option<String>,
    /// The only index in its launch for which it is meant (`Launch-Index`).
    pub launch_index: Option<u32>,
    /// The content, out of every envelope and encoding.
    pub body: Vec<u8>,
}

impl Part {
    /// A part of a type, without a name or further headers.
    pub fn new(content_type: ContentType, body: impl Into<Vec<u8>>) -> Self {
        Self { content_type, filename: None, merge_type: None, launch_index: None, body: body.into() }
    }

    /// What is run of a script or boothook: of a boothook what follows its first line, else the whole body.
    pub fn program(&self) -> &[u8] {
        const HEADER: &[u8] = b"#cloud-boothook";
        let text = self.body.trim_ascii_start();
        let named = text.get(..HEADER.len()).is_some_and(|head| head.eq_ignore_ascii_case(HEADER));
        match self.content_type {
            ContentType::BootHook if named => text[HEADER.len()..].trim_ascii_start(),
            ContentType::BootHook => text,
            _ => &self.body,
        }
    }

    /// Whether an instance with this index in its launch acts on the part.
    pub fn is_for_launch_index(&self, index: u32) -> bool {
        self.launch_index.is_none_or(|own| own == index)
    }
}

/// User data, opened.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct UserData {
    /// The parts in the order in which cloud-init meets them. Empty where no bytes, or only white space, were given.
    pub parts: Vec<Part>,
    /// What went wrong with envelopes on the way: a damaged gzip stream, bad base64, a damaged archive.
    pub problems: Vec<Warning>,
}

impl UserData {
    /// Opens gzip, MIME and archives, as cloud-init does, down to the parts. What it can't open stays a part
    /// as it is, with a warning in [`problems`](Self::problems).
    ///
    /// # Errors
    /// Only where a bound of [`limits`] is reached.
    pub fn parse(bytes: &[u8]) -> Result<Self, ParseError> {
        if bytes.len() > limits::INPUT_BYTES {
            return Err(ParseError::TooLarge { len: bytes.len() });
        }
        let mut opener = Opener { data: Self::default(), budget: limits::INFLATED_BYTES };
        opener.blob(bytes)?;
        Ok(opener.data)
    }

    /// Writes the parts: a single part that its own first line names is written as it is, all else as a MIME
    /// multipart message. [`UserData::parse`] gives the same parts again.
    pub fn render(&self) -> Vec<u8> {
        match self.parts.as_slice() {
            [] => Vec::new(),
            [only] if stands_alone(only) => only.body.clone(),
            parts => render_multipart(parts),
        }
    }
}

fn stands_alone(part: &Part) -> bool {
    let bare = part.filename.is_none() && part.merge_type.is_none() && part.launch_index.is_none();
    bare && ContentType::sniff(&part.body) == Some(part.content_type.clone())
        && part.content_type != ContentType::CloudConfigArchive
        && !mime::looks_like_mime(&part.body)
}

fn render_multipart(parts: &[Part]) -> Vec<u8> {
    let indexes: Vec<_> = parts.iter().map(|part| part.launch_index.map(|index| index.to_string())).collect();
    let headers: Vec<Vec<(&str, &str)>> = parts
        .iter()
        .zip(&indexes)
        .map(|(part, index)| {
            let merge = part.merge_type.as_deref().map(|value| ("Merge-Type", value));
            let index = index.as_deref().map(|value| ("Launch-Index", value));
            merge.into_iter().chain(index).collect()
        })
        .collect();
    let attachments: Vec<_> = parts
        .iter()
        .zip(&headers)
        .map(|(part, headers)| Attachment {
            content_type: part.content_type.as_mime(),
            filename: part.filename.as_deref(),
            headers,
            body: &part.body,
        })
        .collect();
    mime::build(&attachments)
}

/// The walk through the envelopes, with what may still be inflated.
struct Opener {
    data: UserData,
    budget: usize,
}

impl Opener {
    fn blob(&mut self, bytes: &[u8]) -> Result<(), ParseError> {
        let inflated = if gzip::is_gzip(bytes) { self.inflate(bytes)? } else { None };
        let bytes = inflated.as_deref().unwrap_or(bytes);
        if bytes.trim_ascii().is_empty() {
            return Ok(());
        }
        if !mime::looks_like_mime(bytes) {
            let kind = ContentType::sniff(bytes).unwrap_or(ContentType::Unknown);
            return self.part(Part::new(kind, bytes));
        }
        for entity in mime::parse(bytes)? {
            self.entity(entity)?;
        }
        Ok(())
    }

    fn entity(&mut self, entity: mime::Entity) -> Result<(), ParseError> {
        if let Some(defect) = entity.defect {
            self.problem(Rule::BadMime, defect.to_owned());
        }
        let mut name = entity.headers.content_type().unwrap_or_else(|| "text/plain".to_owned());
        let mut body = entity.body;
        if ContentType::is_compressed_mime(&name)
            && let Some(inflated) = self.inflate(&body)?
        {
            body = inflated;
            name = "text/plain".to_owned();
        }
        // A part that says it is a script is looked at as well: people label everything so.
        let vague = matches!(name.as_str(), "text/plain" | "text/x-not-multipart" | "text/x-shellscript");
        let sniffed = if vague { ContentType::sniff(&body) } else { None };
        let merge_type = entity.headers.get("merge-type").or_else(|| entity.headers.get("x-merge-type"));
        self.part(Part {
            content_type: sniffed.unwrap_or_else(|| ContentType::from_mime(&name)),
            filename: entity.headers.filename(),
            merge_type: merge_type.filter(|text| !text.is_empty()).map(str::to_owned),
            launch_index: entity.headers.get("launch-index").and_then(|text| text.trim().parse().ok()),
            body,
        })
    }

    fn part(&mut self, part: Part) -> Result<(), ParseError> {
        if self.data.parts.len() >= limits::PARTS {
            return Err(ParseError::TooManyParts);
        }
        if part.content_type == ContentType::CloudConfigArchive {
            match archive::explode(&part.body) {
                Ok(parts) => return parts.into_iter().try_for_each(|part| self.archived(part)),
                Err(error @ YamlError::TooLarge { .. }) => return Err(ParseError::Archive(error)),
                Err(error) => self.problem(Rule::Yaml, format!("the archive can't be read: {error}")),
            }
        }
        self.data.parts.push(part);
        Ok(())
    }

    /// cloud-init doesn't open archives within archives.
    fn archived(&mut self, part: Part) -> Result<(), ParseError> {
        if self.data.parts.len() >= limits::PARTS {
            return Err(ParseError::TooManyParts);
        }
        self.data.parts.push(part);
        Ok(())
    }

    fn inflate(&mut self, bytes: &[u8]) -> Result<Option<Vec<u8>>, ParseError> {
        match gzip::inflate_within(bytes, &mut self.budget) {
            Ok(inflated) => Ok(Some(inflated)),
            Err(error @ GzipError::TooLarge { .. }) => Err(ParseError::Gzip(error)),
            Err(GzipError::Damaged(_)) => {
                self.problem(Rule::BadGzip, "the gzip stream is damaged or cut short".to_owned());
                Ok(None)
            }
        }
    }

    /// Notes a problem of the part that comes next.
    fn problem(&mut self, rule: Rule, message: String) {
        let part = Some(self.data.parts.len() + 1);
        self.data.problems.push(Warning { part, content_type: None, line: None, key: None, rule, message });
    }
}

#[cfg(test)]
mod tests;
