//! The cloud as its APIs see it: a handle that is cheap to clone, with the operations as methods that live in the
//! files of their subjects.

use std::collections::{HashMap, HashSet};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use cumulet_model::catalogue::InstanceType;
use cumulet_model::place::Region;
use cumulet_model::{CloudError, InstanceId, Mib};
use cumulet_ports::{Network, Storage, VmHost};
use cumulet_store::{Store, StoreError};
use ipnet::Ipv4Net;
use tokio::sync::mpsc;
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;
use tracing::error;

use crate::clock::Clock;
use crate::driver::Message;
use crate::fork::{ForkPoints, Greeted, SavedTouched};
use crate::layers::Layers;
use crate::network::NetworkKeeper;

/// A result with an error made for the caller.
pub type Result<T> = std::result::Result<T, CloudError>;

/// Credentials.
#[derive(Clone, PartialEq, Eq)]
pub struct AccessKey {
    /// Access key id.
    pub id: String,
    /// Secret access key.
    pub secret: String,
}

/// What may be given out of this host, already multiplied by the configured ratios.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct HostCapacity {
    /// vCPUs of all running instances together.
    pub vcpus: u32,
    /// The most vCPUs that one instance may have.
    pub vcpus_per_instance: u32,
    /// Memory of all running instances together.
    pub memory: Mib,
}

/// How long a guest may take after its power button was pressed, before its machine is killed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Graces {
    /// For StopInstances.
    pub stop: Duration,
    /// For TerminateInstances.
    pub terminate: Duration,
    /// For RebootInstances.
    pub reboot: Duration,
}

impl Default for Graces {
    fn default() -> Self {
        Self {
            stop: Duration::from_secs(120),
            terminate: Duration::from_secs(30),
            reboot: Duration::from_secs(120),
        }
    }
}

/// What the composition root decides.
#[derive(Debug, Clone)]
pub struct EngineConfig {
    /// The region with its zones.
    pub region: Region,
    /// Instance types on offer.
    pub instance_types: Vec<InstanceType>,
    /// What the host can give.
    pub capacity: HostCapacity,
    /// Addresses of the default VPC, when it has to be made.
    pub default_vpc_cidr: Ipv4Net,
    /// How long guests may take.
    pub graces: Graces,
    /// How long terminated instances stay listed.
    pub keep_terminated: Duration,
    /// How often the whole network is compared with what it should be.
    pub reconcile_every: Duration,
    /// How often CPU credits are counted, and burstable instances held to what they have.
    pub credit_turn: Duration,
}

/// The host's three ports.
#[derive(Clone)]
pub struct Ports {
    /// Machines.
    pub vms: Arc<dyn VmHost>,
    /// Network.
    pub network: Arc<dyn Network>,
    /// Storage.
    pub storage: Arc<dyn Storage>,
}

/// The cloud.
#[derive(Clone)]
pub struct Cloud {
    pub(crate) inner: Arc<Inner>,
}

pub(crate) struct Inner {
    pub config: EngineConfig,
    pub account_id: String,
    pub store: Store,
    pub ports: Ports,
    pub clock: Arc<dyn Clock>,
    pub keeper: NetworkKeeper,
    /// Held while addresses, names or capacity are looked up and taken, so that no two calls take the same.
    pub allocation: tokio::sync::Mutex<()>,
    /// Held, before the former, while a running machine's disks are frozen: what one freezes another must not write to
    /// before its machine stands still.
    pub taking: tokio::sync::Mutex<()>,
    /// Who is at work on volumes' layers. Taken while `taking` is held.
    pub layers: Layers,
    pub drivers: Mutex<HashMap<InstanceId, mpsc::UnboundedSender<Message>>>,
    pub fork_points: ForkPoints,
    pub saved_touched: SavedTouched,
    pub greeted: Greeted,
    /// Machines that an earlier daemon's death has left standing still: their drivers let them go on.
    pub found_paused: Mutex<HashSet<InstanceId>>,
    /// Ends drivers and reconcilers where they are.
    pub stop: CancellationToken,
    /// Ends drivers after the step that they are in.
    pub drain: CancellationToken,
    /// The drivers' tasks.
    pub tasks: TaskTracker,
    /// Set by teardown: the process has nothing left to do.
    pub torn_down: CancellationToken,
}

impl Cloud {
    /// The region with its zones.
    pub fn region(&self) -> &Region {
        &self.inner.config.region
    }

    /// The account, 12 digits.
    pub fn account_id(&self) -> &str {
        &self.inner.account_id
    }

    /// The instance types on offer, by name.
    pub fn instance_types(&self) -> &[InstanceType] {
        &self.inner.config.instance_types
    }

    /// Ends the cloud's tasks where they are, as the daemon's death would. Machines and network go on; the next start
    /// takes up from the facts.
    pub fn abandon(&self) {
        self.inner.stop.cancel();
    }

    /// Whether the cloud has been torn down.
    pub fn is_torn_down(&self) -> bool {
        self.inner.torn_down.is_cancelled()
    }

    /// Waits until the cloud has been torn down.
    pub async fn torn_down(&self) {
        self.inner.torn_down.cancelled().await;
    }

    /// The secret of an access key.
    pub async fn secret_key(&self, access_key_id: &str) -> Result<Option<String>> {
        let keys = self.inner.store.access_keys().await.map_err(internal)?;
        Ok(keys.into_iter().find(|key| key.id == access_key_id).map(|key| key.secret))
    }

    /// The root access key, made at the first start.
    pub async fn root_access_key(&self) -> Result<AccessKey> {
        let keys = self.inner.store.access_keys().await.map_err(internal)?;
        keys.into_iter()
            .find(|key| key.is_root)
            .map(|key| AccessKey { id: key.id, secret: key.secret })
            .ok_or_else(|| CloudError::internal("there is no root access key"))
    }

    /// The bearer token of the JSON API over TCP, made at the first start.
    pub async fn http_token(&self) -> Result<String> {
        let fresh = crate::first_start::random_token();
        self.inner.store.meta_or("http_token", &fresh).await.map_err(internal)
    }

    /// A secret of this installation for `purpose`, 64 hexadecimal digits, the same in each life of the daemon.
    pub async fn installation_secret(&self, purpose: &str) -> Result<String> {
        let fresh = crate::first_start::random_token();
        self.installation_value_or(&format!("secret:{purpose}"), &fresh).await
    }

    /// A value that the composition root keeps with the installation.
    pub async fn installation_value(&self, key: &str) -> Result<Option<String>> {
        self.inner.store.meta(key).await.map_err(internal)
    }

    /// The same; it becomes `fresh` when there is none yet.
    pub async fn installation_value_or(&self, key: &str, fresh: &str) -> Result<String> {
        self.inner.store.meta_or(key, fresh).await.map_err(internal)
    }
}

/// A store error for the log; the caller hears only that something broke here.
pub(crate) fn internal(source: StoreError) -> CloudError {
    error!(error = &source as &dyn std::error::Error, "the store failed");
    CloudError::internal("An internal error has occurred; the daemon's log tells more")
}

/// A port's error for the log and, shortened, for the caller.
pub(crate) fn port_failed(source: cumulet_ports::PortError) -> CloudError {
    error!(error = source.chain(), "the host refused");
    CloudError::internal(source.what)
}

/// Why a change of an instance was not made.
#[derive(Debug)]
pub(crate) enum ChangeError {
    /// A rule forbids it.
    Refused(CloudError),
    /// The store failed.
    Store(StoreError),
}

impl From<StoreError> for ChangeError {
    fn from(source: StoreError) -> Self {
        Self::Store(source)
    }
}

impl From<CloudError> for ChangeError {
    fn from(refusal: CloudError) -> Self {
        Self::Refused(refusal)
    }
}

impl From<ChangeError> for CloudError {
    fn from(error: ChangeError) -> Self {
        match error {
            ChangeError::Refused(refusal) => refusal,
            ChangeError::Store(source) => internal(source),
        }
    }
}
