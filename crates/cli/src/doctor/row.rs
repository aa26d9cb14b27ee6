//! The outcome of a check.

use serde::Serialize;

/// How a check came out.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum Verdict {
    /// As it should be.
    Ok,
    /// It goes without, or could not be tried.
    Warn,
    /// Instances can't run so.
    Fail,
}

/// A check with its outcome.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Row {
    /// What was looked at.
    pub name: &'static str,
    /// How it came out.
    pub verdict: Verdict,
    /// What was found.
    pub what: String,
    /// A command, or an advice, that mends it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub mend: Option<String>,
}

impl Row {
    /// As it should be.
    pub fn ok(name: &'static str, what: impl Into<String>) -> Self {
        Self { name, verdict: Verdict::Ok, what: what.into(), mend: None }
    }

    /// It goes without.
    pub fn warn(name: &'static str, what: impl Into<String>, mend: impl Into<String>) -> Self {
        Self { name, verdict: Verdict::Warn, what: what.into(), mend: Some(mend.into()) }
    }

    /// It does not go.
    pub fn fail(name: &'static str, what: impl Into<String>, mend: impl Into<String>) -> Self {
        Self { name, verdict: Verdict::Fail, what: what.into(), mend: Some(mend.into()) }
    }
}
