//! `groups`: a text, a list of names, or names with members.

use super::fields::Fields;
use crate::validate::Rule;
use crate::yaml::{Mapping, Value};

/// A group to make.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Group {
    /// Its name.
    pub name: String,
    /// Users to put into it.
    pub members: Vec<String>,
}

/// Names split at commas, as cloud-init splits every list of names that may be one text.
pub(super) fn split_names(text: &str) -> Vec<String> {
    text.split(',').map(str::trim).filter(|name| !name.is_empty()).map(str::to_owned).collect()
}

pub(super) fn read(fields: &mut Fields<'_>) -> Vec<Group> {
    let mut groups = Vec::new();
    match fields.take("groups") {
        None => {}
        Some(Value::String(text)) => groups.extend(bare(split_names(&text))),
        Some(Value::Mapping(map)) => with_members(fields, "groups", map, &mut groups),
        Some(Value::Sequence(items)) => {
            for (at, item) in items.into_iter().enumerate() {
                let place = format!("groups[{at}]");
                match item {
                    Value::String(text) => groups.extend(bare(split_names(&text))),
                    Value::Mapping(map) => with_members(fields, &place, map, &mut groups),
                    other => {
                        let message =
                            format!("expected a name or a name with members, found {}", other.kind());
                        fields.note(&place, Rule::WrongType, message);
                    }
                }
            }
        }
        Some(value) => fields.wrong("groups", "a list of names", value),
    }
    groups
}

fn bare(names: Vec<String>) -> impl Iterator<Item = Group> {
    names.into_iter().map(|name| Group { name, members: Vec::new() })
}

fn with_members(fields: &mut Fields<'_>, place: &str, map: Mapping, groups: &mut Vec<Group>) {
    for (name, members) in map {
        let members = match members {
            Value::Null => Vec::new(),
            Value::String(text) => split_names(&text),
            Value::Sequence(items) => items.iter().filter_map(Value::scalar_text).collect(),
            other => {
                let message = format!("expected a list of users, found {}", other.kind());
                fields.note(&format!("{place}.{name}"), Rule::WrongType, message);
                continue;
            }
        };
        groups.push(Group { name, members });
    }
}

pub(super) fn write(group: &Group) -> Value {
    if group.members.is_empty() && split_names(&group.name) == [group.name.as_str()] {
        return group.name.as_str().into();
    }
    Mapping::from_iter([(group.name.as_str(), Value::from(group.members.clone()))]).into()
}
