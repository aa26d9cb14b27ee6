//! Saved machines.

use cumulet_api_types::fork::ForkInstance;
use cumulet_api_types::run::Launched;
use cumulet_api_types::saved_machine::{SaveMachine, SavedMachine, SavedMachineList};
use hyper::Method;

use crate::client::segment;
use crate::{Client, Result};

fn path(id: &str, rest: &str) -> String {
    format!("/v1/saved-machines/{}{rest}", segment(id))
}

impl Client {
    /// All saved machines, oldest first.
    pub async fn saved_machines(&self) -> Result<Vec<SavedMachine>> {
        Ok(self.get::<SavedMachineList>("/v1/saved-machines").await?.saved_machines)
    }

    /// One saved machine.
    pub async fn saved_machine(&self, id: &str) -> Result<SavedMachine> {
        self.get(&path(id, "")).await
    }

    /// Saves a running instance's machine; it comes `saving`.
    pub async fn save_instance(&self, id: &str, request: &SaveMachine) -> Result<SavedMachine> {
        self.post(&format!("/v1/instances/{}/save", segment(id)), request).await
    }

    /// Makes instances that begin from a saved machine; they come `pending`.
    pub async fn fork_saved_machine(&self, id: &str, request: &ForkInstance) -> Result<Launched> {
        self.post(&path(id, "/fork"), request).await
    }

    /// Deletes a saved machine.
    pub async fn delete_saved_machine(&self, id: &str) -> Result<()> {
        self.order(Method::DELETE, &path(id, ""), None::<&()>).await
    }
}
