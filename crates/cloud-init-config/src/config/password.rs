//! `chpasswd`: passwords for users.

use super::fields::Fields;
use super::write::Writer;
use crate::validate::Rule;
use crate::yaml::{Mapping, Value};

/// Passwords to set.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct Chpasswd {
    /// Whether they must be changed at the first login; true where absent.
    pub expire: Option<bool>,
    /// One entry per user; the old `list` form is read into it too.
    pub users: Vec<PasswordEntry>,
    /// Keys that this crate doesn't know.
    pub other: Mapping,
}

/// A user's password.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PasswordEntry {
    /// The login name.
    pub name: String,
    /// The password.
    pub secret: Secret,
}

/// A password, in the forms that cloud-config has.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Secret {
    /// As crypt(3) gives it.
    Hash(String),
    /// In clear.
    Text(String),
    /// Made up in the guest and shown on its console.
    Random,
}

pub(super) fn read(fields: &mut Fields<'_>) -> Option<Chpasswd> {
    let map = fields.mapping("chpasswd")?;
    let mut inner = Fields::new("chpasswd", map, fields.notes());
    let expire = inner.flag("expire");
    let mut users = Vec::new();
    for (at, item) in inner.list("users").unwrap_or_default().into_iter().enumerate() {
        let place = format!("chpasswd.users[{at}]");
        match item {
            Value::Mapping(map) => users.extend(read_entry(Fields::new(place, map, inner.notes()))),
            other => {
                let message = format!("expected a mapping, found {}", other.kind());
                inner.note(&format!("users[{at}]"), Rule::WrongType, message);
            }
        }
    }
    read_list(&mut inner, &mut users);
    Some(Chpasswd { expire, users, other: inner.finish(&[]) })
}

fn read_entry(mut fields: Fields<'_>) -> Option<PasswordEntry> {
    let name = fields.text("name");
    let kind = fields.text("type").unwrap_or_else(|| "hash".to_owned());
    let password = fields.text("password");
    let secret = match (kind.as_str(), password) {
        ("RANDOM", _) => Some(Secret::Random),
        ("hash", Some(hash)) => Some(Secret::Hash(hash)),
        ("text", Some(text)) => Some(Secret::Text(text)),
        ("hash" | "text", None) => {
            fields.note("", Rule::MissingKey, "`password` is missing: the entry is passed over");
            None
        }
        _ => {
            fields.note("type", Rule::InvalidValue, "expected hash, text or RANDOM");
            None
        }
    };
    if name.is_none() {
        fields.note("", Rule::MissingKey, "`name` is missing: the entry is passed over");
    }
    fields.finish(&[]);
    Some(PasswordEntry { name: name?, secret: secret? })
}

/// The old form: lines `name:password`, as one text or a list. `R` and `RANDOM` mean a random one.
fn read_list(fields: &mut Fields<'_>, users: &mut Vec<PasswordEntry>) {
    let lines: Vec<String> = match fields.take("list") {
        None => return,
        Some(Value::String(text)) => text.lines().map(str::to_owned).collect(),
        Some(Value::Sequence(items)) => items.iter().filter_map(Value::scalar_text).collect(),
        Some(value) => return fields.wrong("list", "lines of name:password", value),
    };
    for line in lines.iter().map(|line| line.trim()).filter(|line| !line.is_empty()) {
        match line.split_once(':') {
            Some((name, password)) => {
                users.push(PasswordEntry { name: name.to_owned(), secret: secret(password) })
            }
            None => fields.note("list", Rule::InvalidValue, "a line is not name:password"),
        }
    }
}

fn secret(password: &str) -> Secret {
    let crypted =
        ["$1$", "$2a$", "$2y$", "$5$", "$6$", "$y$"].iter().any(|prefix| password.starts_with(prefix));
    match password {
        "R" | "RANDOM" => Secret::Random,
        hash if crypted => Secret::Hash(hash.to_owned()),
        text => Secret::Text(text.to_owned()),
    }
}

pub(super) fn write(chpasswd: &Chpasswd) -> Mapping {
    Writer::default()
        .put("expire", chpasswd.expire)
        .list("users", &chpasswd.users, entry)
        .finish(&chpasswd.other)
}

fn entry(entry: &PasswordEntry) -> Value {
    let (kind, password) = match &entry.secret {
        Secret::Hash(hash) => ("hash", Some(hash.as_str())),
        Secret::Text(text) => ("text", Some(text.as_str())),
        Secret::Random => ("RANDOM", None),
    };
    Writer::default()
        .put("name", Some(entry.name.as_str()))
        .put("type", Some(kind))
        .put("password", password)
        .finish(&Mapping::new())
        .into()
}
