//! The network's desired state from the rows, and the keeper that brings the host to it: many changes at once are one
//! apply.

mod spec;

use std::collections::HashMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use cumulet_model::place::Region;
use cumulet_model::state::Machine;
use cumulet_ports::network::NetworkSpec;
use cumulet_ports::{Network, PortError, PortResult};
use cumulet_store::{InstanceRecord, Store, StoreError};
use tracing::{debug, info};

use crate::cloud::EngineConfig;

/// Keeps the host's network what the rows say.
pub(crate) struct NetworkKeeper {
    store: Store,
    network: Arc<dyn Network>,
    region: Region,
    account: String,
    /// How many queues the taps of each instance type have.
    queues: HashMap<String, u32>,
    /// How many syncs have been asked for.
    asked: AtomicU64,
    /// The newest ask that a finished apply has covered; held while an apply runs. `None` once closed.
    covered: tokio::sync::Mutex<Option<u64>>,
}

impl NetworkKeeper {
    pub fn new(store: Store, network: Arc<dyn Network>, config: &EngineConfig, account: &str) -> Self {
        let (region, account) = (config.region.clone(), account.to_owned());
        let queues =
            config.instance_types.iter().map(|kind| (kind.name.clone(), kind.queue_pairs())).collect();
        let (asked, covered) = (AtomicU64::new(0), tokio::sync::Mutex::new(Some(0)));
        Self { store, network, region, account, queues, asked, covered }
    }

    /// Returns when an apply that began after this call has succeeded.
    pub async fn sync(&self) -> PortResult<()> {
        let mine = self.asked.fetch_add(1, Ordering::SeqCst) + 1;
        let mut covered = self.covered.lock().await;
        match *covered {
            None => return Err(PortError::plain("the network is being torn down")),
            Some(covered) if covered >= mine => return Ok(()),
            Some(_) => {}
        }
        let newest = self.asked.load(Ordering::SeqCst);
        let spec =
            self.spec().await.map_err(|error| PortError::new("the network's rows can't be read", error))?;
        let report = self.network.apply(&spec).await?;
        for change in &report.changes {
            debug!(change, "changed the network");
        }
        if !report.changes.is_empty() {
            info!(changes = report.changes.len(), "the network is as desired");
        }
        *covered = Some(newest);
        Ok(())
    }

    /// Waits for the apply that runs and lets no other begin.
    pub async fn close(&self) {
        *self.covered.lock().await = None;
    }

    /// The network as the rows want it now.
    pub async fn spec(&self) -> Result<NetworkSpec, StoreError> {
        let wired: HashMap<_, _> = self
            .store
            .instances()
            .await?
            .into_iter()
            .filter(is_wired)
            .map(|record| (record.id.clone(), record))
            .collect();
        let interfaces: Vec<_> = self
            .store
            .interfaces()
            .await?
            .into_iter()
            .filter_map(|record| {
                let attachment = record.interface.attachment.as_ref()?;
                let queues = self.queues.get(&wired.get(&attachment.instance_id)?.instance_type);
                Some((record, queues.copied().unwrap_or(1)))
            })
            .collect();
        let store = &self.store;
        let mut spec = spec::network(&spec::Rows {
            vpcs: store.vpcs().await?,
            subnets: store.subnets().await?,
            groups: store.security_groups().await?,
            interfaces,
            route_tables: store.route_tables().await?,
            internet_gateways: store.internet_gateways().await?,
            egress_only_gateways: store.egress_only_gateways().await?,
            nat_gateways: store.nat_gateways().await?,
            dhcp_options: store.dhcp_options().await?,
            flow_logs: store.flow_logs().await?,
            region: self.region.clone(),
            account: self.account.clone(),
        });
        spec::guard(&mut spec, &store.network_acls().await?, &store.prefix_lists().await?);
        Ok(spec)
    }
}

/// Whether an instance's interfaces are on the host.
fn is_wired(record: &InstanceRecord) -> bool {
    matches!(record.machine, Machine::Starting | Machine::On | Machine::Resetting)
}
