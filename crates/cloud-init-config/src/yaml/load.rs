//! From text to one [`Document`], by the parser's events and an explicit stack: nesting never recurses here,
//! and nodes, bytes and depth are counted while they come.

use std::collections::HashMap;

use base64::Engine as _;
use saphyr_parser::{Event, Parser, ScalarStyle, Span, Tag};

use super::{Mapping, Value, YamlError, resolve};
use crate::limits;

/// A document and what only its text knows.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct Document {
    /// The content; null for an empty document.
    pub root: Value,
    /// The line (from 1) of each key and list element, by its path as in `users[0].name`.
    pub lines: HashMap<String, usize>,
    /// The paths of keys that were written more than once; the last value counts.
    pub duplicates: Vec<String>,
}

/// Reads one YAML document from bytes.
pub fn load(bytes: &[u8]) -> Result<Document, YamlError> {
    let too_large = |what, limit| YamlError::TooLarge { what, limit };
    if bytes.len() > limits::YAML_BYTES {
        return Err(too_large("bytes", limits::YAML_BYTES));
    }
    let text = std::str::from_utf8(bytes).map_err(|e| YamlError::NotUtf8 { offset: e.valid_up_to() })?;
    let text = text.strip_prefix('\u{feff}').unwrap_or(text);
    check_characters(text)?;
    let mut loader = Loader::default();
    for event in Parser::new_from_str(text) {
        let (event, span) = event.map_err(|e| syntax(text, e.marker().line(), e.info()))?;
        loader.event(event, span)?;
    }
    Ok(loader.document)
}

fn check_characters(text: &str) -> Result<(), YamlError> {
    for (number, line) in text.split('\n').enumerate() {
        if let Some(bad) = line.chars().find(|c| !is_printable(*c)) {
            return Err(YamlError::Unprintable { line: number + 1, code: bad.into() });
        }
    }
    Ok(())
}

/// What a YAML 1.1 stream may hold (5.1).
pub(super) fn is_printable(c: char) -> bool {
    matches!(c, '\t' | '\n' | '\r' | ' '..='~' | '\u{85}' | '\u{a0}'..='\u{d7ff}' | '\u{e000}'..='\u{fffd}' | '\u{10000}'..)
}

/// A tab in the indentation is by far the most common reason of a syntax error, so it is named.
fn syntax(text: &str, line: usize, reason: &str) -> YamlError {
    let tabbed = |number: usize| {
        let line = text.lines().nth(number.wrapping_sub(1)).unwrap_or_default();
        line.trim_start_matches(' ').starts_with('\t')
    };
    match [line, line.wrapping_sub(1), line + 1].into_iter().find(|number| tabbed(*number)) {
        Some(line) => YamlError::Tab { line },
        None => YamlError::Syntax { line, reason: reason.to_owned() },
    }
}

/// A collection whose end has not come yet.
struct Frame {
    anchor: usize,
    path: String,
    content: Content,
}

enum Content {
    Sequence(Vec<Value>),
    Mapping {
        entries: Vec<(String, Value)>,
        index: HashMap<String, usize>,
        merges: Vec<Mapping>,
        key: Option<Key>,
    },
}

enum Key {
    Plain(String),
    Merge,
}

#[derive(Default)]
struct Loader {
    document: Document,
    seen: bool,
    stack: Vec<Frame>,
    anchors: HashMap<usize, Value>,
    nodes: usize,
    scalar_bytes: usize,
}

impl Loader {
    fn event(&mut self, event: Event<'_>, span: Span) -> Result<(), YamlError> {
        let line = span.start.line();
        match event {
            Event::DocumentStart(_) if self.seen => Err(YamlError::SecondDocument { line }),
            Event::DocumentStart(_) => {
                self.seen = true;
                Ok(())
            }
            Event::Scalar(text, style, anchor, tag) => {
                self.scalar(&text, style, anchor, tag.as_deref(), line)
            }
            Event::Alias(id) => self.alias(id, line),
            Event::SequenceStart(anchor, tag) => {
                collection_tag(tag.as_deref(), "seq", line)?;
                self.open(anchor, Content::Sequence(Vec::new()), line)
            }
            Event::MappingStart(anchor, tag) => {
                collection_tag(tag.as_deref(), "map", line)?;
                let content = Content::Mapping {
                    entries: Vec::new(),
                    index: HashMap::new(),
                    merges: Vec::new(),
                    key: None,
                };
                self.open(anchor, content, line)
            }
            Event::SequenceEnd | Event::MappingEnd => self.close(line),
            Event::Nothing | Event::StreamStart | Event::StreamEnd | Event::DocumentEnd => Ok(()),
        }
    }

    fn scalar(
        &mut self,
        text: &str,
        style: ScalarStyle,
        anchor: usize,
        tag: Option<&Tag>,
        line: usize,
    ) -> Result<(), YamlError> {
        self.count(1, text.len())?;
        if self.wants_key() {
            let merge = style == ScalarStyle::Plain && text == "<<" && tag.is_none();
            let key = if merge { Key::Merge } else { Key::Plain(text.to_owned()) };
            self.key(key, line);
            return self.remember(anchor, &text.into());
        }
        let value = match tag {
            Some(tag) => tagged(text, tag, line)?,
            None if style == ScalarStyle::Plain => resolve::plain(text),
            None => text.into(),
        };
        self.remember(anchor, &value)?;
        self.place(value, line)
    }

    fn alias(&mut self, id: usize, line: usize) -> Result<(), YamlError> {
        let what = "an alias to something that is not complete";
        let (nodes, bytes) = self.anchors.get(&id).ok_or(YamlError::Misplaced { line, what })?.weight();
        // Counted before it is copied: this is what stops an alias bomb.
        self.count(nodes, bytes)?;
        let value = self.anchors.get(&id).cloned().unwrap_or_default();
        if !self.wants_key() {
            return self.place(value, line);
        }
        let key = value.scalar_text().ok_or(YamlError::Misplaced { line, what: "a collection as a key" })?;
        self.key(Key::Plain(key), line);
        Ok(())
    }

    fn open(&mut self, anchor: usize, content: Content, line: usize) -> Result<(), YamlError> {
        self.count(1, 0)?;
        if self.wants_key() {
            return Err(YamlError::Misplaced { line, what: "a collection as a key" });
        }
        if self.stack.len() >= limits::YAML_DEPTH {
            return Err(YamlError::TooLarge { what: "levels of nesting", limit: limits::YAML_DEPTH });
        }
        let path = self.child_path();
        self.note_line(&path, line);
        self.stack.push(Frame { anchor, path, content });
        Ok(())
    }

    fn close(&mut self, line: usize) -> Result<(), YamlError> {
        let Some(frame) = self.stack.pop() else { return Ok(()) };
        let value = match frame.content {
            Content::Sequence(items) => Value::Sequence(items),
            Content::Mapping { entries, merges, .. } => Value::Mapping(self.merged(entries, merges)?),
        };
        self.remember(frame.anchor, &value)?;
        self.place(value, line)
    }

    /// A merged mapping's keys count only where the mapping doesn't have them; the first of several wins.
    fn merged(&mut self, entries: Vec<(String, Value)>, merges: Vec<Mapping>) -> Result<Mapping, YamlError> {
        let mut mapping = Mapping::from_distinct(entries);
        for (key, value) in merges.into_iter().flatten() {
            if !mapping.contains_key(&key) {
                mapping.insert(key, value);
            }
        }
        Ok(mapping)
    }

    /// Puts a finished value where the open collection wants it.
    fn place(&mut self, value: Value, line: usize) -> Result<(), YamlError> {
        let path = self.child_path();
        self.note_line(&path, line);
        let Some(frame) = self.stack.last_mut() else {
            self.document.root = value;
            return Ok(());
        };
        match &mut frame.content {
            Content::Sequence(items) => items.push(value),
            Content::Mapping { entries, index, merges, key } => match key.take() {
                Some(Key::Merge) => merges.append(&mut merge_sources(value, line)?),
                Some(Key::Plain(key)) => match index.get(&key) {
                    Some(at) => {
                        entries[*at].1 = value;
                        self.document.duplicates.push(path);
                    }
                    None => {
                        index.insert(key.clone(), entries.len());
                        entries.push((key, value));
                    }
                },
                None => return Err(YamlError::Misplaced { line, what: "a collection as a key" }),
            },
        }
        Ok(())
    }

    fn wants_key(&self) -> bool {
        matches!(self.stack.last(), Some(Frame { content: Content::Mapping { key: None, .. }, .. }))
    }

    fn key(&mut self, new: Key, line: usize) {
        if let Some(Frame { content: Content::Mapping { key, .. }, .. }) = self.stack.last_mut() {
            *key = Some(new);
        }
        let path = self.child_path();
        self.note_line(&path, line);
    }

    fn child_path(&self) -> String {
        let Some(frame) = self.stack.last() else { return String::new() };
        match &frame.content {
            Content::Sequence(items) => format!("{}[{}]", frame.path, items.len()),
            Content::Mapping { key: Some(Key::Plain(key)), .. } if frame.path.is_empty() => key.clone(),
            Content::Mapping { key: Some(Key::Plain(key)), .. } => format!("{}.{key}", frame.path),
            Content::Mapping { .. } => format!("{}.<<", frame.path),
        }
    }

    /// Warnings look at a few levels only, so deeper paths are not kept.
    fn note_line(&mut self, path: &str, line: usize) {
        const KEPT_LEVELS: usize = 5;
        if self.stack.len() <= KEPT_LEVELS {
            self.document.lines.entry(path.to_owned()).or_insert(line);
        }
    }

    /// Keeps a copy for aliases. Anchors within anchors copy again, so copies are counted as well.
    fn remember(&mut self, anchor: usize, value: &Value) -> Result<(), YamlError> {
        if anchor != 0 {
            let (nodes, bytes) = value.weight();
            self.count(nodes, bytes)?;
            self.anchors.insert(anchor, value.clone());
        }
        Ok(())
    }

    fn count(&mut self, nodes: usize, bytes: usize) -> Result<(), YamlError> {
        self.nodes = self.nodes.saturating_add(nodes);
        self.scalar_bytes = self.scalar_bytes.saturating_add(bytes);
        if self.nodes > limits::YAML_NODES {
            return Err(YamlError::TooLarge { what: "nodes", limit: limits::YAML_NODES });
        }
        if self.scalar_bytes > limits::YAML_SCALAR_BYTES {
            return Err(YamlError::TooLarge { what: "bytes of scalars", limit: limits::YAML_SCALAR_BYTES });
        }
        Ok(())
    }
}

fn merge_sources(value: Value, line: usize) -> Result<Vec<Mapping>, YamlError> {
    let wrong = YamlError::BadValue { line, reason: "`<<` takes a mapping or a list of mappings" };
    match value {
        Value::Mapping(mapping) => Ok(vec![mapping]),
        Value::Sequence(items) => items
            .into_iter()
            .map(|item| match item {
                Value::Mapping(mapping) => Ok(mapping),
                _ => Err(wrong.clone()),
            })
            .collect(),
        _ => Err(wrong),
    }
}

fn core_suffix(tag: &Tag) -> Option<&str> {
    if tag.handle == "!" && tag.suffix.is_empty() {
        return Some("str");
    }
    if tag.is_yaml_core_schema() {
        return Some(&tag.suffix);
    }
    tag.handle.is_empty().then(|| tag.suffix.strip_prefix("tag:yaml.org,2002:"))?
}

fn unknown(tag: &Tag, line: usize) -> YamlError {
    YamlError::UnknownTag { line, tag: tag.to_string() }
}

fn collection_tag(tag: Option<&Tag>, expected: &str, line: usize) -> Result<(), YamlError> {
    match tag {
        Some(tag) if !(tag.handle == "!" && tag.suffix.is_empty()) && core_suffix(tag) != Some(expected) => {
            Err(unknown(tag, line))
        }
        _ => Ok(()),
    }
}

fn tagged(text: &str, tag: &Tag, line: usize) -> Result<Value, YamlError> {
    let expect = |value: Option<Value>, reason| value.ok_or(YamlError::BadValue { line, reason });
    match core_suffix(tag) {
        Some("str" | "timestamp") => Ok(text.into()),
        Some("null") => Ok(Value::Null),
        Some("bool") => expect(resolve::boolean(text), "`!!bool` takes a boolean"),
        Some("int") => expect(resolve::integer(text), "`!!int` takes an integer"),
        Some("float") => {
            let value = resolve::float(text).or_else(|| resolve::integer(text));
            expect(value, "`!!float` takes a number")
        }
        Some("binary") => {
            let compact: String = text.split_ascii_whitespace().collect();
            let bytes = base64::engine::general_purpose::STANDARD.decode(compact).ok();
            expect(bytes.map(Value::Binary), "`!!binary` takes base64")
        }
        _ => Err(unknown(tag, line)),
    }
}

#[cfg(test)]
mod tests;
