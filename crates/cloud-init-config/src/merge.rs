//! Several cloud-config parts become one document.
//!
//! cloud-init merges parts in their order. How, a part says itself: by a key `merge_how` (or `merge_type`) or a
//! header `Merge-Type`, as `list(append)+dict(no_replace,recurse_list)+str(append)`. Without a word it is
//! [`MergeHow::default`]: keys of a later part replace those of earlier ones, whole.
//!
//! All of cloud-init's mergers and their options are here: `dict` with `replace`, `no_replace`, `recurse_list` (or
//! `recurse_array`), `recurse_str`, `allow_delete`; `list` with `append`, `prepend`, `replace`, `no_replace`,
//! `recurse_dict`, `recurse_list`, `recurse_str`; `str` with `append`. Not here: JSON patches (`#cloud-config-jsonp`),
//! which are reported.

mod how;

pub use how::{BadMergeType, MergeHow};

use crate::validate::{Rule, Warning, of_yaml};
use crate::yaml::{self, Mapping, Value};
use crate::{ContentType, Part};

/// Merges the cloud-config parts among these in their order. A part that can't be read is left out with a
/// warning; parts of other types are passed over.
pub fn parts(parts: &[Part]) -> (Mapping, Vec<Warning>) {
    let mut merged = Mapping::new();
    let mut warnings = Vec::new();
    for (at, part) in parts.iter().enumerate() {
        let number = at + 1;
        match part.content_type {
            ContentType::CloudConfig => match document(part, number) {
                Ok(Some((mapping, how))) => merged = how.merge(merged, mapping),
                Ok(None) => {}
                Err(warning) => warnings.push(warning),
            },
            ContentType::CloudConfigJsonp => {
                let message = "JSON patches are not applied here";
                warnings.push(Warning::part(part, number, Rule::NotActedOn, message));
            }
            _ => {}
        }
    }
    (merged, warnings)
}

fn document(part: &Part, number: usize) -> Result<Option<(Mapping, MergeHow)>, Warning> {
    let root = yaml::load(&part.body).map_err(|error| of_yaml(&error, part, Some(number)))?.root;
    let mut mapping = match root {
        Value::Mapping(mapping) => mapping,
        Value::Null => return Ok(None),
        other => {
            let message =
                format!("cloud-config is a mapping of keys, this is {}: it is ignored", other.kind());
            return Err(Warning::part(part, number, Rule::NotAMapping, message));
        }
    };
    let own = mapping.remove("merge_how");
    let own = own.or_else(|| mapping.remove("merge_type"));
    let how = MergeHow::choose(own.as_ref(), part.merge_type.as_deref());
    let how = how.map_err(|error| Warning::part(part, number, Rule::BadMergeType, error.to_string()))?;
    Ok(Some((mapping, how)))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn merged(texts: &[&str]) -> String {
        let parts: Vec<_> = texts.iter().map(|text| Part::new(ContentType::CloudConfig, *text)).collect();
        let (mapping, warnings) = super::parts(&parts);
        assert_eq!(warnings, []);
        yaml::to_string(&Value::Mapping(mapping))
    }

    #[test]
    fn later_keys_replace_earlier_ones() {
        assert_eq!(merged(&["a: [1]\nb: {x: 1}\n", "b: {z: 2}\nc: 3\n"]), "a:\n  - 1\nb:\n  z: 2\nc: 3\n");
    }

    #[test]
    fn lists_append_where_a_part_says_so() {
        let second =
            "merge_how: list(append)+dict(no_replace,recurse_list)+str()\nruncmd: [b]\nhostname: two\n";
        let expected = "runcmd:\n  - a\n  - b\nhostname: one\n";
        assert_eq!(merged(&["runcmd: [a]\nhostname: one\n", second]), expected);
        let listed = "merge_how:\n - {name: list, settings: [prepend]}\n - {name: dict, settings: [no_replace, recurse_list]}\n\
                      runcmd: [b]\n";
        assert_eq!(merged(&["runcmd: [a]\n", listed]), "runcmd:\n  - b\n  - a\n");
    }

    #[test]
    fn a_header_says_how_too() {
        let mut part = Part::new(ContentType::CloudConfig, "runcmd: [b]\n");
        part.merge_type = Some("list(append)+dict(recurse_list)".into());
        let (mapping, _) = super::parts(&[Part::new(ContentType::CloudConfig, "runcmd: [a]\n"), part]);
        assert_eq!(yaml::to_string(&Value::Mapping(mapping)), "runcmd:\n  - a\n  - b\n");
    }

    #[test]
    fn a_broken_part_leaves_the_others_standing() {
        let texts = ["a: 1\n", "a: [\n", "- x\n", "merge_how: nonsense\na: 2\n"];
        let parts: Vec<_> = texts.iter().map(|text| Part::new(ContentType::CloudConfig, *text)).collect();
        let (mapping, warnings) = super::parts(&parts);
        assert_eq!(mapping.get("a"), Some(&Value::Int(1)));
        let found: Vec<_> = warnings.iter().map(|warning| (warning.part, warning.rule)).collect();
        assert_eq!(
            found,
            [(Some(2), Rule::Yaml), (Some(3), Rule::NotAMapping), (Some(4), Rule::BadMergeType)]
        );
    }
}
