//! A mapping that is being written: absent and empty values leave no key.

use crate::yaml::{Mapping, Value};

#[derive(Default)]
pub(super) struct Writer {
    map: Mapping,
}

impl Writer {
    /// A value if there is one.
    pub fn put(mut self, key: &str, value: Option<impl Into<Value>>) -> Self {
        if let Some(value) = value {
            self.map.insert(key, value);
        }
        self
    }

    /// A list unless it is empty.
    pub fn list<T>(mut self, key: &str, items: &[T], write: impl Fn(&T) -> Value) -> Self {
        if !items.is_empty() {
            self.map.insert(key, Value::Sequence(items.iter().map(write).collect()));
        }
        self
    }

    /// Texts unless there are none.
    pub fn texts(self, key: &str, items: &[String]) -> Self {
        self.list(key, items, |text| Value::from(text.as_str()))
    }

    /// The keys that were kept at reading, and the end.
    pub fn finish(mut self, other: &Mapping) -> Mapping {
        for (key, value) in other.iter() {
            self.map.insert(key, value.clone());
        }
        self.map
    }
}
