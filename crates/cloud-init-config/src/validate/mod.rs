//! What in user data can't work, or won't do what was meant. A warning never means that the data is refused.

mod document;
mod script;
pub(crate) mod suggest;
mod unknown;
mod warning;

pub(crate) use document::{cloud_config, of_yaml};
pub use warning::{Rule, Warning};

use crate::{ContentType, Part, UserData, include, limits};

/// More warnings than a person reads; the rest is left out.
const MOST_WARNINGS: usize = 100;

/// Looks at user data as it is handed to an instance (not base64) and says what is wrong, part by part in
/// their order. An empty answer means that nothing was found, not that commands will succeed.
pub fn validate(bytes: &[u8]) -> Vec<Warning> {
    let mut warnings = Vec::new();
    if bytes.len() > limits::EC2_USER_DATA_BYTES {
        let message = format!("{} bytes; EC2 takes at most {}", bytes.len(), limits::EC2_USER_DATA_BYTES);
        warnings.push(Warning::whole(Rule::TooLarge, message));
    }
    match UserData::parse(bytes) {
        Err(error) => {
            let cause =
                std::error::Error::source(&error).map(|cause| format!(": {cause}")).unwrap_or_default();
            warnings.push(Warning::whole(Rule::Unreadable, format!("{error}{cause}")));
        }
        Ok(data) => {
            warnings.extend(data.problems);
            for (at, part) in data.parts.iter().enumerate() {
                warnings.extend(check(part, at + 1));
            }
        }
    }
    warnings.sort_by_key(|warning| warning.part);
    warnings.truncate(MOST_WARNINGS);
    warnings
}

fn check(part: &Part, number: usize) -> Vec<Warning> {
    let about = |rule, message: String| vec![Warning::part(part, number, rule, message)];
    match &part.content_type {
        ContentType::CloudConfig => document::check(part, number),
        ContentType::BootHook => script::check(part.program(), part, number),
        kind if kind.is_script() => script::check(part.program(), part, number),
        ContentType::Include | ContentType::IncludeOnce => check_include(part, number),
        ContentType::UpstartJob => about(Rule::Ignored, "upstart is no more: the part is ignored".to_owned()),
        ContentType::Unknown => vec![unknown::explain(part, number)],
        ContentType::Other(name) => about(Rule::Ignored, format!("cloud-init has no handler for {name}")),
        _ => Vec::new(),
    }
}

fn check_include(part: &Part, number: usize) -> Vec<Warning> {
    let about = |rule, message: String| Warning::part(part, number, rule, message);
    let Ok(text) = std::str::from_utf8(&part.body) else {
        return vec![about(Rule::NotUtf8, "the list of addresses is not UTF-8".to_owned())];
    };
    let urls = include::urls(text);
    if urls.is_empty() {
        return vec![about(Rule::InvalidValue, "no address to include".to_owned())];
    }
    let known = |url: &str| ["http://", "https://", "file://"].iter().any(|scheme| url.starts_with(scheme));
    urls.iter()
        .filter(|(url, _)| !known(url))
        .map(|(url, _)| {
            let shown: String = url.chars().take(80).collect();
            about(Rule::InvalidValue, format!("`{shown}` is not an http, https or file address"))
        })
        .collect()
}

#[cfg(test)]
mod tests;
