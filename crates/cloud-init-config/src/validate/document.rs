//! Cloud-config documents: YAML first, then key by key.

use crate::config::{CloudConfig, Note};
use crate::validate::{Rule, Warning};
use crate::yaml::{self, Document, Value, YamlError};
use crate::{ContentType, Part};

pub(super) fn check(part: &Part, number: usize) -> Vec<Warning> {
    match cloud_config(part, Some(number)) {
        Ok((_, warnings)) => warnings,
        Err(error) => vec![of_yaml(&error, part, Some(number))],
    }
}

/// Reads one document and says what is wrong in it, with lines.
pub(crate) fn cloud_config(
    part: &Part,
    number: Option<usize>,
) -> Result<(CloudConfig, Vec<Warning>), YamlError> {
    let document = yaml::load(&part.body)?;
    let mut warnings: Vec<_> = document
        .duplicates
        .iter()
        .map(|key| {
            let message = "the key is written twice, the last one counts".to_owned();
            let note = Note { key: key.clone(), rule: Rule::DuplicateKey, message };
            located(note, &document, part, number)
        })
        .collect();
    match &document.root {
        Value::Mapping(mapping) => {
            let (config, notes) = CloudConfig::from_mapping(mapping.clone());
            warnings.extend(notes.into_iter().map(|note| located(note, &document, part, number)));
            warnings.sort_by_key(|warning| warning.line);
            Ok((config, warnings))
        }
        Value::Null => Ok((CloudConfig::default(), warnings)),
        other => {
            let message =
                format!("cloud-config is a mapping of keys, this is {}: it will be ignored", other.kind());
            warnings.push(warning(part, number, None, Rule::NotAMapping, message));
            Ok((CloudConfig::default(), warnings))
        }
    }
}

/// A YAML error as a warning about its part.
pub(crate) fn of_yaml(error: &YamlError, part: &Part, number: Option<usize>) -> Warning {
    let rule = match error {
        YamlError::NotUtf8 { .. } => Rule::NotUtf8,
        YamlError::Tab { .. } => Rule::TabInYaml,
        YamlError::SecondDocument { .. } => Rule::MultipleDocuments,
        _ => Rule::Yaml,
    };
    let text = error.to_string();
    // The line has a field of its own.
    let message = match error.line().and_then(|line| text.strip_prefix(&format!("line {line}: "))) {
        Some(rest) => rest.to_owned(),
        None => text,
    };
    warning(part, number, error.line(), rule, format!("{message}; the whole part will be ignored"))
}

fn located(note: Note, document: &Document, part: &Part, number: Option<usize>) -> Warning {
    let line = document.lines.get(&note.key).copied();
    Warning { key: Some(note.key), ..warning(part, number, line, note.rule, note.message) }
}

fn warning(part: &Part, number: Option<usize>, line: Option<usize>, rule: Rule, message: String) -> Warning {
    let content_type: Option<ContentType> = number.map(|_| part.content_type.clone());
    Warning { part: number, content_type, line, key: None, rule, message }
}
