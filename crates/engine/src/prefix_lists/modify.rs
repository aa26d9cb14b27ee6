//! Changing prefix lists. Other entries make a new version; another name or size does not.

use cumulet_model::prefix_list::{PrefixList, PrefixListEntry, PrefixListState, check_entries, check_name};
use cumulet_model::security::Direction;
use cumulet_model::{CloudError, PrefixListId};
use cumulet_store::StoreError;
use tracing::info;

use super::create::check_size;
use super::{MAX_CHANGES, check_current, check_version};
use crate::api::prefix_list::ModifyPrefixList;
use crate::cloud::{Cloud, Result, internal, port_failed};
use crate::groups::check_weights;

impl Cloud {
    /// Changes a list and gives it as it is then.
    pub async fn modify_prefix_list(&self, request: ModifyPrefixList) -> Result<PrefixList> {
        let allocation = self.inner.allocation.lock().await;
        let before = self.prefix_list(&request.id).await?;
        check_current(&before, request.current_version)?;
        let mut after = before.clone();
        after.state = PrefixListState::ModifyComplete;
        if let Some(name) = &request.name {
            check_name(name)?;
            after.name = name.clone();
        }
        let of_entries = !request.add.is_empty() || !request.remove.is_empty();
        match request.max_entries {
            Some(_) if of_entries => {
                let text = "MaxEntries cannot be modified together with the entries of a prefix list";
                return Err(CloudError::combination(text));
            }
            Some(max_entries) => self.resize(&mut after, max_entries).await?,
            None if of_entries => {
                after.entries = changed_entries(&before, request.add, &request.remove)?;
                after.version += 1;
            }
            None if request.name.is_none() => {
                return Err(CloudError::combination("No modifications specified."));
            }
            None => {}
        }
        check_entries(after.family, after.max_entries, &after.entries)?;
        drop_after(allocation, self.write_list(&before, after)).await
    }

    /// Makes the entries of an earlier version those of a new one.
    pub async fn restore_prefix_list(
        &self,
        id: &PrefixListId,
        previous: u64,
        current: u64,
    ) -> Result<PrefixList> {
        let allocation = self.inner.allocation.lock().await;
        let before = self.prefix_list(id).await?;
        check_current(&before, Some(current))?;
        check_version(&before, previous)?;
        let entries = self.inner.store.prefix_list_entries(id, previous).await.map_err(internal)?;
        let state = PrefixListState::RestoreComplete;
        let after = PrefixList { entries, state, version: before.version + 1, ..before.clone() };
        check_entries(after.family, after.max_entries, &after.entries)?;
        drop_after(allocation, self.write_list(&before, after)).await
    }

    /// Another size, which the rules that refer to the list must still have room for.
    async fn resize(&self, list: &mut PrefixList, max_entries: u32) -> Result<()> {
        check_size(max_entries)?;
        list.max_entries = max_entries;
        let mut lists = self.prefix_lists().await?;
        lists.retain(|other| other.id != list.id);
        lists.push(list.clone());
        for group in self.security_groups().await?.iter().filter(|group| super::names(group, &list.id)) {
            for direction in [Direction::Ingress, Direction::Egress] {
                check_weights(group.rules_of(direction).map(|rule| &rule.spec), &lists)?;
            }
        }
        Ok(())
    }

    async fn write_list(&self, before: &PrefixList, after: PrefixList) -> Result<PrefixList> {
        let store = &self.inner.store;
        match store.update_prefix_list(&after, before.version).await {
            Err(StoreError::Gone(_)) => {
                check_current(&self.prefix_list(&before.id).await?, Some(before.version))?
            }
            done => done.map_err(internal)?,
        }
        if let Err(failure) = self.inner.keeper.sync().await {
            // The caller hears of a failure: then the version must not be there.
            store.revert_prefix_list(before, after.version).await.map_err(internal)?;
            return Err(port_failed(failure));
        }
        info!(prefix_list = %after.id, version = after.version, "a prefix list has changed");
        Ok(after)
    }
}

/// Holds the lock while the change is written and applied: no other change of the list may come in between, which the undo
/// would take away.
async fn drop_after<T>(lock: tokio::sync::MutexGuard<'_, ()>, change: impl Future<Output = T>) -> T {
    let done = change.await;
    drop(lock);
    done
}

/// The entries of a list after a change.
fn changed_entries(
    list: &PrefixList,
    add: Vec<PrefixListEntry>,
    remove: &[ipnet::IpNet],
) -> Result<Vec<PrefixListEntry>> {
    check_count(add.len())?;
    check_count(remove.len())?;
    // Entries given twice are refused with the rest of what they may not be; here they must not hide each other.
    check_entries(list.family, u32::MAX, &add)?;
    let mut entries = list.entries.clone();
    for cidr in remove {
        if add.iter().any(|entry| entry.cidr == *cidr) {
            let text = format!("The CIDR '{cidr}' cannot be added and removed in the same request");
            return Err(CloudError::invalid_value(text));
        }
        let place = entries.iter().position(|entry| entry.cidr == *cidr).ok_or_else(|| {
            CloudError::invalid_value(format!("The prefix list '{}' has no entry for '{cidr}'", list.id))
        })?;
        entries.remove(place);
    }
    entries.retain(|entry| !add.iter().any(|new| new.cidr == entry.cidr));
    entries.extend(add);
    entries.sort();
    Ok(entries)
}

/// How many entries one request may bring.
pub(super) fn check_count(count: usize) -> Result<()> {
    if count <= MAX_CHANGES {
        return Ok(());
    }
    let text = format!("A request can add or remove at most {MAX_CHANGES} entries, not {count}");
    Err(CloudError::invalid_value(text))
}
