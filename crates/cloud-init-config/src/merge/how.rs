//! The mergers of cloud-init. Which one acts is decided by the type of the value that is there already; where
//! there is no merger for it, that value stays.

use crate::yaml::{Mapping, Value};

/// A merge type that isn't one.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("`{text}` is not a way of merging: expected dict(…), list(…) or str(…), joined by +")]
pub struct BadMergeType {
    /// What was found.
    pub text: String,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
struct Recurse {
    dict: bool,
    list: bool,
    text: bool,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct DictHow {
    replace: bool,
    recurse: Recurse,
    allow_delete: bool,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum ListMethod {
    Append,
    Prepend,
    Replace,
    NoReplace,
}

/// How two documents are merged.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct MergeHow {
    dict: Option<DictHow>,
    list: Option<(ListMethod, Recurse)>,
    text_appends: Option<bool>,
}

impl Default for MergeHow {
    /// `dict(replace)+list()+str()`.
    fn default() -> Self {
        let dict = DictHow {
            replace: true,
            recurse: Recurse { dict: true, ..Recurse::default() },
            allow_delete: false,
        };
        let list = (ListMethod::Replace, Recurse::default());
        Self { dict: Some(dict), list: Some(list), text_appends: Some(false) }
    }
}

impl std::str::FromStr for MergeHow {
    type Err = BadMergeType;

    fn from_str(text: &str) -> Result<Self, BadMergeType> {
        Self::of(&parse(text)?)
    }
}

type Named = (String, Vec<String>);

fn parse(text: &str) -> Result<Vec<Named>, BadMergeType> {
    let bad = |item: &str| BadMergeType { text: item.chars().take(80).collect() };
    let mut found = Vec::new();
    for item in text.split('+').map(str::trim).filter(|item| !item.is_empty()) {
        let (name, options) =
            item.strip_suffix(')').and_then(|i| i.split_once('(')).ok_or_else(|| bad(item))?;
        let options =
            options.split(',').map(|o| o.trim().to_ascii_lowercase()).filter(|o| !o.is_empty()).collect();
        found.push((name.trim().to_ascii_lowercase(), options));
    }
    Ok(found)
}

/// The list form: `{name, settings}` or `[name, option…]`.
fn listed(items: &[Value]) -> Vec<Named> {
    let words = |values: &[Value]| values.iter().filter_map(Value::scalar_text).collect::<Vec<_>>();
    let named = |item: &Value| match item {
        Value::Mapping(map) => {
            let options = map.get("settings").and_then(Value::as_sequence).map(words).unwrap_or_default();
            Some((map.get("name")?.as_str()?.trim().to_owned(), options))
        }
        Value::Sequence(list) => {
            let mut all = words(list).into_iter();
            Some((all.next()?, all.collect()))
        }
        _ => None,
    };
    items.iter().filter_map(named).collect()
}

impl MergeHow {
    /// What a document says itself, then what its header says; the default where neither says anything.
    pub(super) fn choose(own: Option<&Value>, header: Option<&str>) -> Result<Self, BadMergeType> {
        let mut named = match own {
            Some(Value::String(text)) => parse(text)?,
            Some(Value::Sequence(items)) => listed(items),
            _ => Vec::new(),
        };
        named.extend(parse(header.unwrap_or_default())?);
        if named.is_empty() { Ok(Self::default()) } else { Self::of(&named) }
    }

    /// The first merger of each kind counts.
    fn of(named: &[Named]) -> Result<Self, BadMergeType> {
        let mut how = Self { dict: None, list: None, text_appends: None };
        for (name, options) in named {
            let has = |option: &str| options.iter().any(|o| o == option);
            let recurse = Recurse {
                dict: has("recurse_dict"),
                list: has("recurse_list") || has("recurse_array"),
                text: has("recurse_str"),
            };
            match name.trim_start_matches("m_") {
                "dict" => {
                    let recurse = Recurse { dict: true, ..recurse };
                    let dict =
                        DictHow { replace: has("replace"), recurse, allow_delete: has("allow_delete") };
                    how.dict.get_or_insert(dict);
                }
                "list" => {
                    let methods = [
                        ("append", ListMethod::Append),
                        ("prepend", ListMethod::Prepend),
                        ("replace", ListMethod::Replace),
                        ("no_replace", ListMethod::NoReplace),
                    ];
                    let method = methods.into_iter().find(|(name, _)| has(name)).map(|(_, method)| method);
                    how.list.get_or_insert((method.unwrap_or(ListMethod::Replace), recurse));
                }
                "str" => _ = how.text_appends.get_or_insert(has("append")),
                _ => return Err(BadMergeType { text: name.chars().take(80).collect() }),
            }
        }
        Ok(how)
    }

    /// Merges a later document into an earlier one.
    pub fn merge(&self, base: Mapping, later: Mapping) -> Mapping {
        match self.dict {
            Some(dict) => self.dicts(dict, base, later),
            None => base,
        }
    }

    fn values(&self, old: Value, new: Value) -> Value {
        match (old, new) {
            (Value::Mapping(old), Value::Mapping(new)) => match self.dict {
                Some(how) => Value::Mapping(self.dicts(how, old, new)),
                None => Value::Mapping(old),
            },
            (Value::Sequence(old), new) => match self.list {
                Some((method, recurse)) => self.lists(method, recurse, old, new),
                None => Value::Sequence(old),
            },
            (Value::String(old), new) => match (self.text_appends, new) {
                (None, _) => Value::String(old),
                (Some(true), Value::String(new)) => Value::String(old + &new),
                (Some(_), new) => new,
            },
            (old, _) => old,
        }
    }

    fn dicts(&self, how: DictHow, mut base: Mapping, later: Mapping) -> Mapping {
        for (key, new) in later {
            match base.get(&key) {
                None => _ = base.insert(key, new),
                Some(_) if how.allow_delete && new == Value::Null => _ = base.remove(&key),
                Some(_) if how.replace => _ = base.insert(key, new),
                Some(old) if how.recurse.applies(&new) => {
                    let value = self.values(old.clone(), new);
                    base.insert(key, value);
                }
                Some(_) => {}
            }
        }
        base
    }

    fn lists(&self, method: ListMethod, recurse: Recurse, mut old: Vec<Value>, new: Value) -> Value {
        let new = match new {
            Value::Sequence(items) => items,
            other if method == ListMethod::Replace => return other,
            _ => return Value::Sequence(old),
        };
        match method {
            ListMethod::Append => old.extend(new),
            ListMethod::Prepend => old = new.into_iter().chain(old).collect(),
            ListMethod::NoReplace => {}
            // By position; what the old list has beyond the new one stays.
            ListMethod::Replace => {
                for (slot, item) in old.iter_mut().zip(new) {
                    let merged =
                        if recurse.applies(&item) { self.values(std::mem::take(slot), item) } else { item };
                    *slot = merged;
                }
            }
        }
        Value::Sequence(old)
    }
}

impl Recurse {
    fn applies(self, new: &Value) -> bool {
        match new {
            Value::Mapping(_) => self.dict,
            Value::Sequence(_) => self.list,
            Value::String(_) => self.text,
            _ => false,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn map(text: &str) -> Mapping {
        crate::yaml::load(text.as_bytes()).unwrap().root.as_mapping().unwrap().clone()
    }

    fn with(how: &str, base: &str, later: &str) -> Mapping {
        how.parse::<MergeHow>().unwrap().merge(map(base), map(later))
    }

    #[test]
    fn strings_append_and_keys_are_deleted_when_asked() {
        assert_eq!(with("dict(recurse_str)+str(append)", "a: x", "a: y"), map("a: xy"));
        assert_eq!(with("dict(allow_delete)", "{a: x, b: 1}", "a: ~"), map("b: 1"));
        assert_eq!(with("dict()", "{a: {x: 1}}", "{a: {x: 2, y: 2}}"), map("{a: {x: 1, y: 2}}"));
    }

    #[test]
    fn lists_merge_by_position_or_stay() {
        let how = "dict(recurse_list)+list(recurse_dict)";
        assert_eq!(with(how, "a: [{x: 1}, 2]", "a: [{y: 1}]"), map("a: [{x: 1, y: 1}, 2]"));
        assert_eq!(with("dict(recurse_list)+list(no_replace)", "a: [1]", "a: [2, 3]"), map("a: [1]"));
    }

    #[test]
    fn what_has_no_merger_stays() {
        assert_eq!(with("list(append)", "a: 1", "b: 1"), map("a: 1"));
        assert!("dict".parse::<MergeHow>().is_err() && "set()".parse::<MergeHow>().is_err());
    }
}
