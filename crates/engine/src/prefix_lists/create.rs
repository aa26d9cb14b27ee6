//! Making and deleting prefix lists.

use cumulet_model::prefix_list::{MAX_ENTRIES, PrefixList, PrefixListState, check_entries, check_name};
use cumulet_model::tag::check_tags;
use cumulet_model::{CloudError, ErrorCode, PrefixListId};
use tracing::info;

use super::MAX_CHANGES;
use crate::api::prefix_list::CreatePrefixList;
use crate::cloud::{Cloud, Result, internal};
use crate::idempotent::token_of;

/// The most prefix lists (EC2's quota for a region).
const MAX_LISTS: usize = 100;

impl Cloud {
    /// Makes a prefix list with its first version. The same client token with the same parameters gives the same list.
    pub async fn create_prefix_list(&self, request: CreatePrefixList) -> Result<PrefixList> {
        let _allocation = self.inner.allocation.lock().await;
        let token = token_of("CreateManagedPrefixList", request.client_token.as_deref(), &request);
        if let Some(id) = self.made_before(token.as_ref()).await? {
            let id: PrefixListId =
                id.parse().map_err(|_| CloudError::internal("a request's token is damaged"))?;
            return self.prefix_list(&id).await;
        }
        check_tags(&request.tags)?;
        check_name(&request.name)?;
        check_size(request.max_entries)?;
        super::modify::check_count(request.entries.len())?;
        check_entries(request.family, request.max_entries, &request.entries)?;
        if self.prefix_lists().await?.len() >= MAX_LISTS {
            let text = format!("The maximum number of prefix lists has been reached: {MAX_LISTS}");
            return Err(CloudError::new(ErrorCode::PrefixListLimitExceeded, text));
        }
        let mut entries = request.entries;
        entries.sort();
        let list = PrefixList {
            id: PrefixListId::random(&mut rand::rng()),
            name: request.name,
            family: request.family,
            max_entries: request.max_entries,
            version: 1,
            state: PrefixListState::CreateComplete,
            entries,
            created: self.inner.clock.now(),
            tags: request.tags,
        };
        self.inner.store.add_prefix_list(&list, token.as_ref()).await.map_err(internal)?;
        info!(prefix_list = %list.id, entries = list.entries.len(), "made a prefix list");
        Ok(list)
    }

    /// Deletes a list that nothing refers to, and gives what it was.
    pub async fn delete_prefix_list(&self, id: &PrefixListId) -> Result<PrefixList> {
        let _allocation = self.inner.allocation.lock().await;
        let list = self.prefix_list(id).await?;
        if let Some(user) = self.prefix_list_associations(id).await?.first() {
            let text = format!("The prefix list '{id}' is used by {user} and cannot be deleted.");
            return Err(CloudError::new(ErrorCode::DependencyViolation, text));
        }
        self.inner.store.delete_prefix_list(id).await.map_err(internal)?;
        info!(prefix_list = %id, "deleted a prefix list");
        Ok(list)
    }
}

/// How large a list may be.
pub(super) fn check_size(max_entries: u32) -> Result<()> {
    if (1..=MAX_ENTRIES).contains(&max_entries) {
        return Ok(());
    }
    Err(CloudError::invalid_value(format!("MaxEntries must be 1 to {MAX_ENTRIES}, not {max_entries}")))
}

const _: () = assert!(MAX_CHANGES <= MAX_ENTRIES as usize);
