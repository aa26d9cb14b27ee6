//! Entries of network ACLs: added, replaced and removed by their numbers. The lock is held until the firewall has a
//! change, so that the undo of one that it refuses takes nobody else's away.

use cumulet_model::acl::{NetworkAcl, NumberedEntry};
use cumulet_model::security::Direction;
use cumulet_model::{CloudError, ErrorCode, NetworkAclId};
use cumulet_store::StoreResult;

use crate::cloud::{Cloud, Result, internal, port_failed};

/// The most entries in each direction (EC2's quota of 20 can be raised to this).
const MAX_ENTRIES: usize = 40;

impl Cloud {
    /// Adds an entry with a number that no other has.
    pub async fn create_acl_entry(&self, id: &NetworkAclId, entry: NumberedEntry) -> Result<()> {
        let _allocation = self.inner.allocation.lock().await;
        let acl = self.network_acl(id).await?;
        if acl.entry(entry.direction, entry.number).is_some() {
            return Err(CloudError::new(
                ErrorCode::NetworkAclEntryAlreadyExists,
                format!("The network acl entry identified by {} already exists.", entry.number),
            ));
        }
        if acl.entries_of(entry.direction).count() >= MAX_ENTRIES {
            let text = format!("The maximum number of network acl entries has been reached: {MAX_ENTRIES}");
            return Err(CloudError::new(ErrorCode::NetworkAclEntryLimitExceeded, text));
        }
        self.write_entry(&acl, entry.direction, entry.number, Some(&entry)).await
    }

    /// Puts an entry in the place of the one that has its number.
    pub async fn replace_acl_entry(&self, id: &NetworkAclId, entry: NumberedEntry) -> Result<()> {
        let _allocation = self.inner.allocation.lock().await;
        let acl = self.network_acl(id).await?;
        if acl.entry(entry.direction, entry.number).is_none() {
            return Err(no_entry(entry.number));
        }
        self.write_entry(&acl, entry.direction, entry.number, Some(&entry)).await
    }

    /// Removes an entry by its number.
    pub async fn delete_acl_entry(&self, id: &NetworkAclId, direction: Direction, number: u16) -> Result<()> {
        let _allocation = self.inner.allocation.lock().await;
        let acl = self.network_acl(id).await?;
        if acl.entry(direction, number).is_none() {
            return Err(no_entry(number));
        }
        self.write_entry(&acl, direction, number, None).await
    }

    /// Writes what stands at a number of an ACL, and puts back what stood there if the network refuses.
    async fn write_entry(
        &self,
        acl: &NetworkAcl,
        direction: Direction,
        number: u16,
        entry: Option<&NumberedEntry>,
    ) -> Result<()> {
        self.store_entry(&acl.id, direction, number, entry).await.map_err(internal)?;
        if let Err(failure) = self.inner.keeper.sync().await {
            let before = acl.entry(direction, number);
            self.store_entry(&acl.id, direction, number, before).await.map_err(internal)?;
            return Err(port_failed(failure));
        }
        Ok(())
    }

    async fn store_entry(
        &self,
        id: &NetworkAclId,
        direction: Direction,
        number: u16,
        entry: Option<&NumberedEntry>,
    ) -> StoreResult<()> {
        match entry {
            Some(entry) => self.inner.store.put_acl_entry(id, entry).await,
            None => self.inner.store.delete_acl_entry(id, direction, number).await,
        }
    }
}

fn no_entry(number: u16) -> CloudError {
    CloudError::new(
        ErrorCode::InvalidNetworkAclEntryNotFound,
        format!("The network acl entry identified by {number} does not exist."),
    )
}
