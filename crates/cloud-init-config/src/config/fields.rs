//! A mapping that is being read: keys are taken out one by one, what is wrong is noted, and what is left at the
//! end is unknown.

use crate::validate::{Rule, suggest};
use crate::yaml::{Mapping, Value};

/// Something wrong at a key.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Note {
    pub key: String,
    pub rule: Rule,
    pub message: String,
}

pub(super) struct Fields<'n> {
    path: String,
    map: Mapping,
    /// Values of the wrong type: they don't count, but aren't lost.
    kept: Mapping,
    asked: Vec<&'static str>,
    notes: &'n mut Vec<Note>,
}

impl<'n> Fields<'n> {
    pub fn new(path: impl Into<String>, map: Mapping, notes: &'n mut Vec<Note>) -> Self {
        Self { path: path.into(), map, kept: Mapping::new(), asked: Vec::new(), notes }
    }

    /// The path of a key below this mapping, as `users[0].name`.
    pub fn path_of(&self, key: &str) -> String {
        if self.path.is_empty() { key.to_owned() } else { format!("{}.{key}", self.path) }
    }

    pub fn note(&mut self, key: &str, rule: Rule, message: impl Into<String>) {
        let key = if key.is_empty() { self.path.clone() } else { self.path_of(key) };
        self.notes.push(Note { key, rule, message: message.into() });
    }

    pub fn notes(&mut self) -> &mut Vec<Note> {
        self.notes
    }

    /// Takes a value; null counts as absent.
    pub fn take(&mut self, key: &'static str) -> Option<Value> {
        self.asked.push(key);
        self.map.remove(key).filter(|value| *value != Value::Null)
    }

    /// Notes a wrong type and keeps the value.
    pub fn wrong(&mut self, key: &'static str, expected: &str, value: Value) {
        self.note(key, Rule::WrongType, format!("expected {expected}, found {}", value.kind()));
        self.kept.insert(key, value);
    }

    /// A text. Numbers and booleans are taken as text, as cloud-init does for most keys, with a note.
    pub fn text(&mut self, key: &'static str) -> Option<String> {
        match self.take(key)? {
            Value::String(text) => Some(text),
            value => match value.scalar_text() {
                Some(text) => {
                    self.note(
                        key,
                        Rule::WrongType,
                        format!("expected a string, found {}: quote it", value.kind()),
                    );
                    Some(text)
                }
                None => {
                    self.wrong(key, "a string", value);
                    None
                }
            },
        }
    }

    /// A boolean, or one of the words that cloud-init takes for one.
    pub fn flag(&mut self, key: &'static str) -> Option<bool> {
        let value = self.take(key)?;
        match flag_of(&value) {
            Some(flag) => Some(flag),
            None => {
                self.wrong(key, "a boolean", value);
                None
            }
        }
    }

    /// An integer, or a string of digits.
    pub fn integer(&mut self, key: &'static str) -> Option<i64> {
        let value = self.take(key)?;
        let number = match &value {
            Value::Int(number) => Some(*number),
            Value::String(text) => text.trim().parse().ok(),
            _ => None,
        };
        if number.is_none() {
            self.wrong(key, "an integer", value);
        }
        number
    }

    /// A list; anything else is noted.
    pub fn list(&mut self, key: &'static str) -> Option<Vec<Value>> {
        match self.take(key)? {
            Value::Sequence(items) => Some(items),
            value => {
                self.wrong(key, "a list", value);
                None
            }
        }
    }

    /// A list of texts; a text alone is a list of one, as cloud-init takes it for such keys.
    pub fn texts(&mut self, key: &'static str) -> Vec<String> {
        let items = match self.take(key) {
            None => return Vec::new(),
            Some(Value::Sequence(items)) => items,
            Some(Value::String(text)) => return vec![text],
            Some(value) => {
                self.wrong(key, "a list of strings", value);
                return Vec::new();
            }
        };
        let mut texts = Vec::new();
        for (at, item) in items.into_iter().enumerate() {
            match item.scalar_text() {
                Some(text) => texts.push(text),
                None => {
                    let message = format!("expected a string, found {}", item.kind());
                    self.note(&format!("{key}[{at}]"), Rule::WrongType, message);
                }
            }
        }
        texts
    }

    /// A mapping; anything else is noted.
    pub fn mapping(&mut self, key: &'static str) -> Option<Mapping> {
        match self.take(key)? {
            Value::Mapping(mapping) => Some(mapping),
            value => {
                self.wrong(key, "a mapping", value);
                None
            }
        }
    }

    /// Ends the reading: keys that nobody asked for are noted, but for those in `also_known`, and returned
    /// together with the values of a wrong type.
    pub fn finish(mut self, also_known: &[&'static str]) -> Mapping {
        for (key, _) in self.map.iter() {
            if also_known.contains(&key) {
                continue;
            }
            let known = self.asked.iter().chain(also_known).copied();
            let message = match suggest::nearest(key, known) {
                Some(other) => format!("unknown key, did you mean `{other}`?"),
                None => "unknown key".to_owned(),
            };
            let path = self.path_of(key);
            self.notes.push(Note { key: path, rule: Rule::UnknownKey, message });
        }
        for (key, value) in std::mem::take(&mut self.map) {
            self.kept.insert(key, value);
        }
        self.kept
    }
}

/// What cloud-init takes for yes and no.
pub(super) fn flag_of(value: &Value) -> Option<bool> {
    match value {
        Value::Bool(flag) => Some(*flag),
        Value::Int(0) => Some(false),
        Value::Int(1) => Some(true),
        Value::String(text) => match text.trim().to_ascii_lowercase().as_str() {
            "true" | "1" | "on" | "yes" => Some(true),
            "false" | "0" | "off" | "no" => Some(false),
            _ => None,
        },
        _ => None,
    }
}
