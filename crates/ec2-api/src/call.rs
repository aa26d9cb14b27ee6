//! One call of an action: what its handler may use, and the facts of this cloud that answers repeat.

use std::sync::{Mutex, PoisonError};

use cumulet_engine::Cloud;
use cumulet_model::place::Region;
use cumulet_model::{CloudError, ErrorCode};

use crate::query::{Params, Query};
use crate::xml::Xml;

/// What a handler gives: the answer's elements behind `requestId`.
pub type Answer = Result<Xml, CloudError>;

/// One call.
pub struct Call {
    /// The cloud.
    pub cloud: Cloud,
    /// The action's name, which page tokens are bound to.
    pub action: &'static str,
    /// Id of the access key that signed it.
    pub access_key: String,
    /// The host and port that the client used.
    pub host: String,
    query: Query,
    warnings: Mutex<Vec<String>>,
}

/// What every answer knows about this cloud.
#[derive(Debug, Clone, Copy)]
pub struct Facts<'a> {
    /// Region and zones.
    pub region: &'a Region,
    /// The account, twelve digits.
    pub account: &'a str,
}

impl Call {
    /// A call of `action` with the parameters of `query`.
    pub fn new(cloud: Cloud, action: &'static str, access_key: String, host: String, query: Query) -> Self {
        Self { cloud, action, access_key, host, query, warnings: Mutex::default() }
    }

    /// The parameters.
    pub fn params(&self) -> Params<'_> {
        self.query.params()
    }

    /// Facts of this cloud.
    pub fn facts(&self) -> Facts<'_> {
        Facts { region: self.cloud.region(), account: self.cloud.account_id() }
    }

    /// Tells the caller something that EC2's answer has no place for.
    pub fn warn(&self, text: impl Into<String>) {
        self.warnings.lock().unwrap_or_else(PoisonError::into_inner).push(text.into());
    }

    /// Ends here with `DryRunOperation` if the caller asked for a dry run; to be called when everything that can be
    /// checked without doing it has been.
    pub fn check_dry_run(&self) -> Result<(), CloudError> {
        if self.params().flag("DryRun")? == Some(true) {
            let text = "Request would have succeeded, but DryRun flag is set.";
            return Err(CloudError::new(ErrorCode::DryRunOperation, text));
        }
        Ok(())
    }

    /// The warnings, with one for parameters that no one read.
    pub fn warnings(&self) -> Vec<String> {
        let mut warnings = self.warnings.lock().unwrap_or_else(PoisonError::into_inner).clone();
        let unread = self.query.unread();
        if !unread.is_empty() {
            warnings.push(format!(
                "{} does not know these parameters and ignored them: {}",
                self.action,
                unread.join(", ")
            ));
        }
        warnings
    }
}

impl Facts<'_> {
    /// The Amazon resource name of something of ours.
    pub fn arn(&self, kind: &str, id: impl std::fmt::Display) -> String {
        format!("arn:aws:ec2:{}:{}:{kind}/{id}", self.region.name, self.account)
    }

    /// The id of a zone by its name.
    pub fn zone_id(&self, zone: &str) -> Option<&str> {
        self.region.zone(zone).map(|zone| zone.id.as_str())
    }
}

/// The answer of actions that only say that they were done.
pub fn done() -> Xml {
    Xml::new().text("return", true)
}
