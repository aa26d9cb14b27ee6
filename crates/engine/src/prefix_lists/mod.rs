//! Managed prefix lists: what rules and routes refer to follows a new version before the answer is given.

mod create;
mod modify;

use cumulet_model::prefix_list::{PrefixList, PrefixListEntry};
use cumulet_model::security::{Peer, SecurityGroup};
use cumulet_model::{CloudError, ErrorCode, PrefixListId};

use crate::cloud::{Cloud, Result, internal};
use crate::groups::no_list;

/// The most entries that one request adds or removes.
const MAX_CHANGES: usize = 100;

impl Cloud {
    /// All prefix lists, oldest first.
    pub async fn prefix_lists(&self) -> Result<Vec<PrefixList>> {
        self.inner.store.prefix_lists().await.map_err(internal)
    }

    /// One prefix list.
    pub async fn prefix_list(&self, id: &PrefixListId) -> Result<PrefixList> {
        let found = self.prefix_lists().await?.into_iter().find(|list| list.id == *id);
        found.ok_or_else(|| no_list(id))
    }

    /// The entries of a version of a list; of the newest when none is given.
    pub async fn prefix_list_entries(
        &self,
        id: &PrefixListId,
        version: Option<u64>,
    ) -> Result<Vec<PrefixListEntry>> {
        let list = self.prefix_list(id).await?;
        let version = version.unwrap_or(list.version);
        check_version(&list, version)?;
        self.inner.store.prefix_list_entries(id, version).await.map_err(internal)
    }

    /// The ids of what refers to a list, in order.
    pub async fn prefix_list_associations(&self, id: &PrefixListId) -> Result<Vec<String>> {
        self.prefix_list(id).await?;
        let groups = self.security_groups().await?;
        let mut ids: Vec<_> =
            groups.iter().filter(|group| names(group, id)).map(|group| group.id.to_string()).collect();
        ids.sort();
        Ok(ids)
    }
}

/// Whether a rule of a group is for a list.
fn names(group: &SecurityGroup, id: &PrefixListId) -> bool {
    group.rules.iter().any(|rule| matches!(&rule.spec.peer, Peer::PrefixList(peer) if peer == id))
}

/// Refuses a version that a list never had.
fn check_version(list: &PrefixList, version: u64) -> Result<()> {
    if (1..=list.version).contains(&version) {
        return Ok(());
    }
    Err(CloudError::invalid_value(format!(
        "The prefix list '{}' has no version {version}; its newest is {}",
        list.id, list.version
    )))
}

/// Refuses a change that was meant for another version.
fn check_current(list: &PrefixList, current: Option<u64>) -> Result<()> {
    match current.filter(|current| *current != list.version) {
        None => Ok(()),
        Some(current) => Err(CloudError::new(
            ErrorCode::PrefixListVersionMismatch,
            format!(
                "The prefix list has the incorrect version number: it is {}, not {current}",
                list.version
            ),
        )),
    }
}
