//! Dotted parameter names as a tree, and typed reading of it.
//!
//! `Filter.1.Value.2=x` is a list of structures with a list in them. Indices may come in any order, with gaps, from 0
//! or 1. An empty string means absent for scalars, as some clients send `SubnetId=` for what they don't set. Each
//! parameter that an action reads is marked, so that the ones which nobody read can be told to the caller.

use std::collections::BTreeMap;
use std::str::FromStr;
use std::sync::atomic::{AtomicBool, Ordering};

use cumulet_model::{CloudError, ErrorCode};

/// How deep names may nest; EC2's deepest has six parts.
const MAX_DEPTH: usize = 10;
/// How long a name may be, in bytes.
const MAX_NAME: usize = 256;

#[derive(Debug, Default)]
struct Node {
    value: Option<String>,
    read: AtomicBool,
    children: BTreeMap<String, Node>,
}

/// A request's parameters.
#[derive(Debug, Default)]
pub struct Query {
    root: Node,
}

impl Query {
    /// Makes the tree. A name given twice, or one that is too long or too deep, is `MalformedQueryString`.
    pub fn new(pairs: impl IntoIterator<Item = (String, String)>) -> Result<Self, CloudError> {
        let mut root = Node::default();
        for (name, value) in pairs {
            if name.len() > MAX_NAME || name.split('.').count() > MAX_DEPTH {
                return Err(malformed(format!(
                    "A parameter name is longer than {MAX_NAME} bytes or has more than {MAX_DEPTH} parts: {}",
                    shorten(&name)
                )));
            }
            let node = name
                .split('.')
                .fold(&mut root, |node, part| node.children.entry(part.to_owned()).or_default());
            if node.value.replace(value).is_some() {
                return Err(malformed(format!("The parameter {} is given more than once", shorten(&name))));
            }
        }
        Ok(Self { root })
    }

    /// The parameters from the top.
    pub fn params(&self) -> Params<'_> {
        Params { path: String::new(), node: Some(&self.root) }
    }

    /// The names of parameters that have a value and were not read.
    pub fn unread(&self) -> Vec<String> {
        let mut names = Vec::new();
        collect_unread(&self.root, String::new(), &mut names);
        names
    }
}

fn collect_unread(node: &Node, path: String, names: &mut Vec<String>) {
    for (part, child) in &node.children {
        let path = join(&path, part);
        if child.value.as_deref().is_some_and(|v| !v.is_empty()) && !child.read.load(Ordering::Relaxed) {
            names.push(path.clone());
        }
        collect_unread(child, path, names);
    }
}

fn malformed(message: String) -> CloudError {
    CloudError::new(ErrorCode::MalformedQueryString, message)
}

fn join(path: &str, part: &str) -> String {
    if path.is_empty() { part.to_owned() } else { format!("{path}.{part}") }
}

/// Cuts a caller's text to a length fit for a message.
pub fn shorten(text: &str) -> String {
    text.chars().take(64).collect()
}

/// The parameters under one name; at the top, all of them.
#[derive(Debug, Clone)]
pub struct Params<'a> {
    path: String,
    node: Option<&'a Node>,
}

impl<'a> Params<'a> {
    /// The full name of a parameter here, for messages.
    pub fn name_of(&self, name: &str) -> String {
        join(&self.path, name)
    }

    fn child(&self, name: &str) -> Option<&'a Node> {
        self.node?.children.get(name)
    }

    /// A scalar as it was given, empty or not.
    pub fn raw(&self, name: &str) -> Option<&'a str> {
        let node = self.child(name)?;
        node.read.store(true, Ordering::Relaxed);
        node.value.as_deref()
    }

    /// A scalar; an empty one is absent.
    pub fn text(&self, name: &str) -> Option<&'a str> {
        self.raw(name).filter(|value| !value.is_empty())
    }

    /// A scalar that must be there, else `MissingParameter`.
    pub fn required(&self, name: &str) -> Result<&'a str, CloudError> {
        self.text(name).ok_or_else(|| CloudError::missing(&self.name_of(name)))
    }

    /// `true` or `false` in any case, or 1 or 0.
    pub fn flag(&self, name: &str) -> Result<Option<bool>, CloudError> {
        let Some(text) = self.text(name) else { return Ok(None) };
        match text.to_ascii_lowercase().as_str() {
            "true" | "1" => Ok(Some(true)),
            "false" | "0" => Ok(Some(false)),
            _ => Err(self.invalid(name, text, "expected true or false")),
        }
    }

    /// A whole number within the bounds of its type.
    pub fn number<T: FromStr>(&self, name: &str) -> Result<Option<T>, CloudError> {
        let Some(text) = self.text(name) else { return Ok(None) };
        text.parse().map(Some).map_err(|_| self.invalid(name, text, "expected a whole number in range"))
    }

    /// A value of a type that can be parsed; `rule` says what was expected.
    pub fn parsed<T: FromStr>(&self, name: &str, rule: &str) -> Result<Option<T>, CloudError> {
        let Some(text) = self.text(name) else { return Ok(None) };
        text.parse().map(Some).map_err(|_| self.invalid(name, text, rule))
    }

    /// One of some words.
    pub fn word<T: Copy>(&self, name: &str, words: &[(&str, T)]) -> Result<Option<T>, CloudError> {
        let Some(text) = self.text(name) else { return Ok(None) };
        match words.iter().find(|(word, _)| *word == text) {
            Some((_, meaning)) => Ok(Some(*meaning)),
            None => {
                let expected: Vec<_> = words.iter().map(|(word, _)| *word).collect();
                Err(self.invalid(name, text, &format!("expected one of {}", expected.join(", "))))
            }
        }
    }

    /// The id of a resource; a malformed one gets its kind's error code.
    pub fn id<T>(&self, name: &str) -> Result<Option<T>, CloudError>
    where
        T: cumulet_model::error::MalformedCode + FromStr<Err = cumulet_model::MalformedId>,
    {
        self.text(name).map(cumulet_model::error::parse_id).transpose()
    }

    /// The id of a resource that must be there.
    pub fn required_id<T>(&self, name: &str) -> Result<T, CloudError>
    where
        T: cumulet_model::error::MalformedCode + FromStr<Err = cumulet_model::MalformedId>,
    {
        cumulet_model::error::parse_id(self.required(name)?)
    }

    /// A list of ids: `InstanceId.1=…&InstanceId.2=…`.
    pub fn ids<T>(&self, name: &str) -> Result<Vec<T>, CloudError>
    where
        T: cumulet_model::error::MalformedCode + FromStr<Err = cumulet_model::MalformedId>,
    {
        self.texts(name)?.into_iter().map(cumulet_model::error::parse_id).collect()
    }

    /// A list of ids that must not be empty.
    pub fn required_ids<T>(&self, name: &str) -> Result<Vec<T>, CloudError>
    where
        T: cumulet_model::error::MalformedCode + FromStr<Err = cumulet_model::MalformedId>,
    {
        let ids = self.ids(name)?;
        if ids.is_empty() { Err(CloudError::missing(&self.name_of(name))) } else { Ok(ids) }
    }

    /// A list of scalars in the order of their indices, without empty ones; a bare `Name=x` is a list of one.
    pub fn texts(&self, name: &str) -> Result<Vec<&'a str>, CloudError> {
        let mut values = self.values(name)?;
        values.retain(|value| !value.is_empty());
        Ok(values)
    }

    /// A list of scalars in the order of their indices, with empty ones, which a filter may ask for.
    pub fn values(&self, name: &str) -> Result<Vec<&'a str>, CloudError> {
        let mut values: Vec<_> = self.raw(name).filter(|v| !v.is_empty()).into_iter().collect();
        for (_, node) in self.indexed(name)? {
            node.read.store(true, Ordering::Relaxed);
            values.extend(node.value.as_deref());
        }
        Ok(values)
    }

    /// A list of structures in the order of their indices.
    pub fn structures(&self, name: &str) -> Result<Vec<Params<'a>>, CloudError> {
        let path = self.name_of(name);
        let all = self.indexed(name)?.into_iter();
        Ok(all.map(|(index, node)| Params { path: join(&path, index), node: Some(node) }).collect())
    }

    /// A structure, which may be absent: reading from it then gives nothing.
    pub fn structure(&self, name: &str) -> Params<'a> {
        Params { path: self.name_of(name), node: self.child(name) }
    }

    /// Whether there is any non-empty value at or under `name`.
    pub fn has(&self, name: &str) -> bool {
        fn any(node: &Node) -> bool {
            node.value.as_deref().is_some_and(|v| !v.is_empty()) || node.children.values().any(any)
        }
        self.child(name).is_some_and(any)
    }

    /// Refuses fields whose meaning this cloud does not have, rather than ignoring them.
    pub fn refuse(&self, names: &[&str]) -> Result<(), CloudError> {
        match names.iter().find(|name| self.has(name)) {
            None => Ok(()),
            Some(name) => Err(self.unsupported(name, "is not supported by this cloud")),
        }
    }

    /// `UnsupportedOperation` that names a field here.
    pub fn unsupported(&self, name: &str, why: &str) -> CloudError {
        CloudError::new(
            ErrorCode::UnsupportedOperation,
            format!("The parameter {} {why}", self.name_of(name)),
        )
    }

    /// `InvalidParameterValue` that names a field here, its value and the rule.
    pub fn invalid(&self, name: &str, value: &str, rule: &str) -> CloudError {
        let (name, value) = (self.name_of(name), shorten(value));
        CloudError::invalid_value(format!("Value ({value}) for parameter {name} is invalid: {rule}"))
    }

    fn indexed(&self, name: &str) -> Result<Vec<(&'a str, &'a Node)>, CloudError> {
        let Some(list) = self.child(name) else { return Ok(Vec::new()) };
        let mut items = Vec::with_capacity(list.children.len());
        for (part, node) in &list.children {
            let index: u32 = part.parse().map_err(|_| {
                let path = join(&self.name_of(name), &shorten(part));
                malformed(format!("The parameter {path} needs a number where it says '{}'", shorten(part)))
            })?;
            items.push((index, part.as_str(), node));
        }
        items.sort_by_key(|(index, ..)| *index);
        Ok(items.into_iter().map(|(_, part, node)| (part, node)).collect())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn query(form: &str) -> Query {
        Query::new(super::super::decode_pairs(form.as_bytes()).unwrap()).unwrap()
    }

    #[test]
    fn lists_come_in_the_order_of_their_numbers_whatever_the_order_of_the_form() {
        let q = query("I.10=j&I.2=b&I.0=a&I.1=&Filter.2.Value.2=y&Filter.2.Value.1=x&Filter.2.Name=n");
        assert_eq!(q.params().texts("I").unwrap(), ["a", "b", "j"]);
        let filters = q.params().structures("Filter").unwrap();
        assert_eq!(filters.len(), 1);
        assert_eq!(filters[0].text("Name"), Some("n"));
        assert_eq!(filters[0].values("Value").unwrap(), ["x", "y"]);
    }

    #[test]
    fn an_empty_scalar_is_absent_and_an_empty_filter_value_is_not() {
        let q = query("SubnetId=&Profile.Name=&Filter.1.Value.1=&DryRun=");
        let p = q.params();
        assert_eq!(p.text("SubnetId"), None);
        assert_eq!(p.raw("SubnetId"), Some(""));
        assert!(!p.has("Profile"));
        assert!(p.refuse(&["Profile"]).is_ok());
        assert_eq!(p.flag("DryRun").unwrap(), None);
        assert_eq!(p.structures("Filter").unwrap()[0].values("Value").unwrap(), [""]);
    }

    #[test]
    fn errors_name_the_field_in_full() {
        let q = query("B.3.Ebs.VolumeSize=big&B.3.Ebs.Delete=maybe&F.x.Name=n&P.N=1");
        let ebs = q.params().structures("B").unwrap()[0].structure("Ebs");
        assert!(ebs.number::<u32>("VolumeSize").unwrap_err().message.contains("B.3.Ebs.VolumeSize"));
        assert!(ebs.flag("Delete").unwrap_err().message.contains("B.3.Ebs.Delete"));
        assert_eq!(ebs.required("SnapshotId").unwrap_err().code, ErrorCode::MissingParameter);
        assert!(q.params().structures("F").unwrap_err().message.contains("F.x"));
        let refused = q.params().refuse(&["Absent", "P"]).unwrap_err();
        assert_eq!(refused.code, ErrorCode::UnsupportedOperation);
        assert!(refused.message.contains(" P "));
    }

    #[test]
    fn a_name_given_twice_is_refused() {
        let twice = Query::new([("A".into(), "1".into()), ("A".into(), "2".into())]).unwrap_err();
        assert_eq!(twice.code, ErrorCode::MalformedQueryString);
        assert!(Query::new([(["a"; MAX_DEPTH + 1].join("."), String::new())]).is_err());
    }

    #[test]
    fn what_nobody_read_is_known() {
        let q = query("A=1&B.1.C=2&B.1.D=3&E=&G.1=x");
        q.params().text("A");
        q.params().structures("B").unwrap()[0].text("D");
        q.params().texts("G").unwrap();
        assert_eq!(q.unread(), ["B.1.C"]);
    }

    proptest! {
        #[test]
        fn a_list_survives_any_order_and_any_gaps(
            items in prop::collection::btree_map(0u32..1000, "[a-z]{1,8}", 0..30).prop_flat_map(|map| {
                Just(map.into_iter().collect::<Vec<_>>()).prop_shuffle()
            })
        ) {
            let q = Query::new(items.iter().map(|(i, v)| (format!("X.{i}"), v.clone()))).unwrap();
            let mut expected = items.clone();
            expected.sort();
            let expected: Vec<_> = expected.iter().map(|(_, v)| v.as_str()).collect();
            prop_assert_eq!(q.params().texts("X").unwrap(), expected);
        }
    }
}
