//! `users`.

use super::fields::{Fields, flag_of};
use super::group::split_names;
use super::write::Writer;
use crate::validate::Rule;
use crate::yaml::{Mapping, Value};

/// An entry of `users`.
#[derive(Debug, Clone, PartialEq)]
pub enum UserEntry {
    /// The image's own default user (`debian`, `ubuntu`, …), which gets the instance's public keys.
    Default,
    /// A user as described.
    User(Box<User>),
}

/// A user to make, or to complete where there is one of that name.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct User {
    /// The login name.
    pub name: String,
    /// The full name.
    pub gecos: Option<String>,
    /// The primary group; one of the user's name where absent.
    pub primary_group: Option<String>,
    /// Further groups.
    pub groups: Vec<String>,
    /// The home directory; `/home/<name>` where absent.
    pub homedir: Option<String>,
    /// The login shell.
    pub shell: Option<String>,
    /// The user id.
    pub uid: Option<i64>,
    /// A system user: no ageing, no home unless asked for.
    pub system: Option<bool>,
    /// Make no home directory.
    pub no_create_home: Option<bool>,
    /// Make no group of the user's name.
    pub no_user_group: Option<bool>,
    /// Lock the password; true where absent.
    pub lock_passwd: Option<bool>,
    /// A crypted password, set when the user is made.
    pub passwd: Option<String>,
    /// A crypted password, set also where the user is there already.
    pub hashed_passwd: Option<String>,
    /// A password in clear.
    pub plain_text_passwd: Option<String>,
    /// Rules for sudoers, without the name in front. Empty means none.
    pub sudo: Vec<String>,
    /// Lines for `authorized_keys`.
    pub ssh_authorized_keys: Vec<String>,
    /// Key sources as `gh:name`.
    pub ssh_import_id: Vec<String>,
    /// The day on which the account ends, as 2030-12-31.
    pub expiredate: Option<String>,
    /// Keys that this crate doesn't know, or doesn't type.
    pub other: Mapping,
}

/// Known to cloud-init, kept untyped here.
const ALSO_KNOWN: &[&str] = &[
    "create_groups",
    "inactive",
    "no_log_init",
    "selinux_user",
    "snapuser",
    "ssh_redirect_user",
    "lock-passwd",
];

pub(super) fn read(fields: &mut Fields<'_>) -> Option<Vec<UserEntry>> {
    let mut users = Vec::new();
    match fields.take("users")? {
        Value::String(text) => users.extend(split_names(&text).into_iter().map(named)),
        Value::Sequence(items) => {
            for (at, item) in items.into_iter().enumerate() {
                read_item(fields, &format!("users[{at}]"), item, &mut users);
            }
        }
        Value::Mapping(map) => {
            for (name, value) in map {
                read_keyed(fields, name, value, &mut users);
            }
        }
        value => {
            fields.wrong("users", "a list", value);
            return None;
        }
    }
    Some(users)
}

fn named(name: String) -> UserEntry {
    if name == "default" {
        return UserEntry::Default;
    }
    UserEntry::User(Box::new(User { name, ..User::default() }))
}

fn read_item(fields: &mut Fields<'_>, place: &str, item: Value, users: &mut Vec<UserEntry>) {
    match item {
        Value::String(text) => users.extend(split_names(&text).into_iter().map(named)),
        Value::Sequence(names) => users.extend(names.iter().filter_map(Value::scalar_text).map(named)),
        Value::Mapping(map) => users.extend(read_one(Fields::new(place, map, fields.notes()))),
        other => {
            let message = format!("expected a name or a mapping, found {}", other.kind());
            fields.note(place, Rule::WrongType, message);
        }
    }
}

/// The form `name: {…}`; `name: false` leaves a user out.
fn read_keyed(fields: &mut Fields<'_>, name: String, value: Value, users: &mut Vec<UserEntry>) {
    match value {
        Value::Mapping(mut map) if name != "default" => {
            map.insert("name", name.as_str());
            users.extend(read_one(Fields::new(format!("users.{name}"), map, fields.notes())));
        }
        Value::Bool(false) => {}
        _ => users.push(named(name)),
    }
}

fn read_one(mut fields: Fields<'_>) -> Option<UserEntry> {
    let Some(name) = fields.text("name").filter(|name| !name.is_empty()) else {
        fields.note("", Rule::MissingKey, "`name` is missing: the entry is passed over");
        return None;
    };
    if name == "default" {
        fields.finish(ALSO_KNOWN);
        return Some(UserEntry::Default);
    }
    if !is_login_name(&name) {
        fields.note("name", Rule::InvalidValue, format!("`{name}` is not a login name that useradd takes"));
    }
    let user = User {
        name,
        gecos: fields.text("gecos"),
        primary_group: fields.text("primary_group"),
        groups: read_groups(&mut fields),
        homedir: fields.text("homedir"),
        shell: fields.text("shell"),
        uid: fields.integer("uid"),
        system: fields.flag("system"),
        no_create_home: fields.flag("no_create_home"),
        no_user_group: fields.flag("no_user_group"),
        lock_passwd: fields.flag("lock_passwd"),
        passwd: fields.text("passwd"),
        hashed_passwd: fields.text("hashed_passwd"),
        plain_text_passwd: fields.text("plain_text_passwd"),
        sudo: read_sudo(&mut fields),
        ssh_authorized_keys: fields.texts("ssh_authorized_keys"),
        ssh_import_id: fields.texts("ssh_import_id"),
        expiredate: fields.text("expiredate"),
        other: Mapping::new(),
    };
    Some(UserEntry::User(Box::new(User { other: fields.finish(ALSO_KNOWN), ..user })))
}

/// What Debian's `useradd` takes without `--badname`, roughly: no space, colon, slash; at most 32 characters.
fn is_login_name(name: &str) -> bool {
    let allowed = |c: char| c.is_ascii_alphanumeric() || "_.-$".contains(c);
    name.len() <= 32 && name.chars().all(allowed) && !name.starts_with(['-', '.'])
}

fn read_groups(fields: &mut Fields<'_>) -> Vec<String> {
    match fields.take("groups") {
        None => Vec::new(),
        Some(Value::String(text)) => split_names(&text),
        Some(Value::Sequence(items)) => {
            items.iter().filter_map(Value::scalar_text).flat_map(|text| split_names(&text)).collect()
        }
        Some(Value::Mapping(map)) => map.iter().map(|(name, _)| name.to_owned()).collect(),
        Some(value) => {
            fields.wrong("groups", "a list of names", value);
            Vec::new()
        }
    }
}

fn read_sudo(fields: &mut Fields<'_>) -> Vec<String> {
    match fields.take("sudo") {
        Some(value) if flag_of(&value) == Some(false) => Vec::new(),
        Some(Value::String(rule)) => vec![rule],
        Some(Value::Sequence(items)) => items.iter().filter_map(Value::scalar_text).collect(),
        Some(value) => {
            fields.wrong("sudo", "a rule or a list of rules", value);
            Vec::new()
        }
        None => Vec::new(),
    }
}

pub(super) fn write(entry: &UserEntry) -> Value {
    let UserEntry::User(user) = entry else { return "default".into() };
    Writer::default()
        .put("name", Some(user.name.as_str()))
        .put("gecos", user.gecos.as_deref())
        .put("primary_group", user.primary_group.as_deref())
        .texts("groups", &user.groups)
        .put("homedir", user.homedir.as_deref())
        .put("shell", user.shell.as_deref())
        .put("uid", user.uid)
        .put("system", user.system)
        .put("no_create_home", user.no_create_home)
        .put("no_user_group", user.no_user_group)
        .put("lock_passwd", user.lock_passwd)
        .put("passwd", user.passwd.as_deref())
        .put("hashed_passwd", user.hashed_passwd.as_deref())
        .put("plain_text_passwd", user.plain_text_passwd.as_deref())
        .texts("sudo", &user.sudo)
        .texts("ssh_authorized_keys", &user.ssh_authorized_keys)
        .texts("ssh_import_id", &user.ssh_import_id)
        .put("expiredate", user.expiredate.as_deref())
        .finish(&user.other)
        .into()
}
