//! `packages`: names, or names with a version.

use super::fields::Fields;
use crate::validate::Rule;
use crate::yaml::Value;

/// A package to install.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Package {
    /// Its name, as the package manager takes it.
    pub name: String,
    /// The version asked for.
    pub version: Option<String>,
}

pub(super) fn read(fields: &mut Fields<'_>) -> Vec<Package> {
    let items = match fields.take("packages") {
        None => return Vec::new(),
        Some(Value::Sequence(items)) => items,
        Some(value) => {
            fields.wrong("packages", "a list of package names", value);
            return Vec::new();
        }
    };
    let mut packages = Vec::new();
    for (at, item) in items.into_iter().enumerate() {
        let pair =
            item.as_sequence().map(|pair| pair.iter().filter_map(Value::scalar_text).collect::<Vec<_>>());
        match (&item, pair.as_deref()) {
            (Value::String(name), _) => packages.push(Package { name: name.clone(), version: None }),
            (_, Some([name])) => packages.push(Package { name: name.clone(), version: None }),
            (_, Some([name, version])) => {
                packages.push(Package { name: name.clone(), version: Some(version.clone()) });
            }
            _ => {
                let message = format!("expected a name or [name, version], found {}", item.kind());
                fields.note(&format!("packages[{at}]"), Rule::WrongType, message);
            }
        }
    }
    packages
}

pub(super) fn write(package: &Package) -> Value {
    match &package.version {
        None => package.name.as_str().into(),
        Some(version) => vec![package.name.as_str(), version].into(),
    }
}
