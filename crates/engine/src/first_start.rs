//! The start of the cloud: what the first start makes (account, root key, default VPC), taking up the machines that
//! run, and the tasks that go on for the daemon's life.

use std::collections::{HashMap, HashSet};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use cumulet_model::security::{Direction, Peer, Rule, RuleSpec, Traffic};
use cumulet_model::state::{Intent, Machine};
use cumulet_model::{GroupId, InstanceId, RuleId, Tags};
use cumulet_ports::vm_host::{FoundState, FoundVm, VmEnd, VmEvent};
use cumulet_store::{AccessKeyRecord, Store, StoreError};
use ipnet::Ipv4Net;
use rand::RngExt;
use tokio::sync::mpsc;
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;
use tracing::{error, info, warn};

use crate::clock::Clock;
use crate::cloud::{ChangeError, Cloud, EngineConfig, Inner, Ports, Result, internal, port_failed};
use crate::driver::Message;
use crate::layers::Layers;
use crate::network::NetworkKeeper;
use crate::vpc;

/// How long a request's token is remembered (EC2 guide, "Ensuring idempotency": it expires after 24 hours or more).
const TOKEN_HOURS: i64 = 48;

/// The installation's value that says that the first start's default VPC was made.
const HAD_DEFAULT_VPC: &str = "had_default_vpc";

/// A random token of 64 hexadecimal digits.
pub(crate) fn random_token() -> String {
    let bytes: [u8; 32] = rand::rng().random();
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}

impl Cloud {
    /// Starts the cloud on its store and ports: makes what the first start must, takes up the machines that run,
    /// brings the network to what it should be, and sets the drivers going. Returns when the APIs can be served.
    pub async fn start(
        config: EngineConfig,
        store: Store,
        ports: Ports,
        clock: Arc<dyn Clock>,
    ) -> Result<Self> {
        let account_id = first_values(&config, &store, clock.as_ref()).await.map_err(internal)?;
        let keeper = NetworkKeeper::new(store.clone(), ports.network.clone(), &config, &account_id);
        let cloud = Self {
            inner: Arc::new(Inner {
                config,
                account_id,
                store,
                ports,
                clock,
                keeper,
                allocation: tokio::sync::Mutex::new(()),
                taking: tokio::sync::Mutex::new(()),
                layers: Layers::default(),
                drivers: Mutex::new(HashMap::new()),
                fork_points: Default::default(),
                saved_touched: Default::default(),
                greeted: Default::default(),
                found_paused: Default::default(),
                stop: CancellationToken::new(),
                drain: CancellationToken::new(),
                tasks: TaskTracker::new(),
                torn_down: CancellationToken::new(),
            }),
        };
        cloud.fail_unfinished_images().await?;
        cloud.fail_unfinished_snapshots().await?;
        cloud.settle_saved_machines().await?;
        cloud.reconcile_storage().await?;
        let (events, incoming) = mpsc::unbounded_channel();
        let found = cloud.inner.ports.vms.recover(events).await.map_err(port_failed)?;
        let ended = cloud.reconcile_found(found).await?;
        cloud.inner.keeper.sync().await.map_err(port_failed)?;
        cloud.tend_nat_gateways().await?;
        cloud.take_up_modifications().await?;
        cloud.spawn_drivers(ended).await?;
        cloud.take_up_volumes().await?;
        tokio::spawn(dispatch(cloud.clone(), incoming));
        tokio::spawn(keep_house(cloud.clone()));
        tokio::spawn(cloud.clone().count_credits());
        Ok(cloud)
    }

    /// Compares the machines found with the rows: gives the ends that the drivers have to hear of.
    async fn reconcile_found(&self, found: Vec<FoundVm>) -> Result<Vec<VmEvent>> {
        let mut by_instance: HashMap<_, _> =
            found.into_iter().map(|vm| (vm.instance_id.clone(), vm)).collect();
        let mut ended = Vec::new();
        for record in self.inner.store.instances().await.map_err(internal)? {
            if record.machine == Machine::Off && record.intent != Intent::Run {
                // Takes back a public address that a start had given when the daemon died before it was written.
                self.inner.store.change_instance::<ChangeError>(&record.id, |_| Ok(())).await?;
            }
            let vm = by_instance.remove(&record.id);
            let Some(launch_id) = record.launch_id.clone() else {
                if let Some(vm) = vm.filter(|vm| lives(&vm.state)) {
                    warn!(instance = %vm.instance_id, launch = %vm.launch_id, "killing a machine that should not run");
                    if let Err(error) = self.inner.ports.vms.kill(&vm.instance_id).await {
                        error!(instance = %vm.instance_id, error = error.chain(), "it could not be killed");
                    }
                }
                continue;
            };
            match vm.filter(|vm| vm.launch_id == launch_id).map(|vm| vm.state) {
                // A fork that may still take itself for its source: the driver clears it away.
                Some(FoundState::Running | FoundState::Paused)
                    if record.forked_from.is_some() && !record.has_run => {}
                // It was restored from memory that is whole still, so that nothing of it has run; or it was saved and has
                // only to be ended.
                Some(FoundState::Running | FoundState::Paused) if record.saved.is_some() => {}
                Some(state @ (FoundState::Running | FoundState::Paused)) => {
                    if state == FoundState::Paused {
                        self.found_paused().insert(record.id.clone());
                    }
                    info!(instance = %record.id, "a running machine is taken up again");
                    if matches!(record.machine, Machine::Starting | Machine::Resetting) {
                        self.machine_is_on(&record.id, &launch_id, &[]).await?;
                    }
                }
                // What was being started has not come up; the driver clears it away and begins again.
                _ if record.machine == Machine::Starting => {}
                Some(FoundState::Ended(end)) => {
                    ended.push(VmEvent { instance_id: record.id, launch_id, end });
                }
                None => ended.push(VmEvent { instance_id: record.id, launch_id, end: VmEnd::Silent }),
            }
        }
        for (id, vm) in by_instance {
            if lives(&vm.state) {
                error!(instance = %id, "a machine runs for which there is no instance; it is left alone");
            }
        }
        Ok(ended)
    }

    pub(crate) fn found_paused(&self) -> MutexGuard<'_, HashSet<InstanceId>> {
        self.inner.found_paused.lock().unwrap_or_else(PoisonError::into_inner)
    }

    async fn spawn_drivers(&self, ended: Vec<VmEvent>) -> Result<()> {
        for record in self.inner.store.instances().await.map_err(internal)? {
            if record.machine != Machine::Released {
                self.poke(&record.id);
            }
        }
        for event in ended {
            self.tell(event);
        }
        Ok(())
    }

    fn tell(&self, event: VmEvent) {
        let id = event.instance_id.clone();
        self.send(&id, Message::Ended(event));
    }
}

fn lives(state: &FoundState) -> bool {
    !matches!(state, FoundState::Ended(_))
}

/// Passes what the machines did on to the drivers.
async fn dispatch(cloud: Cloud, mut incoming: mpsc::UnboundedReceiver<VmEvent>) {
    loop {
        tokio::select! {
            () = cloud.inner.stop.cancelled() => return,
            event = incoming.recv() => match event {
                Some(event) => cloud.tell(event),
                None => return,
            },
        }
    }
}

/// The reconcilers: the network is compared as a whole, and instances terminated long ago are forgotten.
async fn keep_house(cloud: Cloud) {
    let inner = &cloud.inner;
    loop {
        tokio::select! {
            () = inner.stop.cancelled() => return,
            () = tokio::time::sleep(inner.config.reconcile_every) => {}
        }
        if let Err(error) = inner.keeper.sync().await {
            warn!(error = error.chain(), "the network could not be reconciled");
        }
        if let Err(error) = cloud.tend_nat_gateways().await {
            warn!(error = &error as &dyn std::error::Error, "the NAT gateways could not be tended");
        }
        let keep =
            jiff::SignedDuration::try_from(inner.config.keep_terminated).unwrap_or(jiff::SignedDuration::MAX);
        if let Ok(before) = inner.clock.now().checked_sub(keep)
            && let Err(error) = inner.store.forget_terminated(before).await
        {
            warn!(error = &error as &dyn std::error::Error, "terminated instances could not be forgotten");
        }
        if let Ok(before) = inner.clock.now().checked_sub(keep)
            && let Err(error) = inner.store.forget_nat_gateways(before).await
        {
            warn!(error = &error as &dyn std::error::Error, "ended NAT gateways could not be forgotten");
        }
        if let Ok(before) = inner.clock.now().checked_sub(jiff::SignedDuration::from_hours(TOKEN_HOURS))
            && let Err(error) = inner.store.forget_request_tokens(before).await
        {
            warn!(error = &error as &dyn std::error::Error, "old request tokens could not be forgotten");
        }
    }
}

/// Makes what the first start must make, and gives the account's number.
async fn first_values(
    config: &EngineConfig,
    store: &Store,
    clock: &dyn Clock,
) -> std::result::Result<String, StoreError> {
    let fresh = format!("{:012}", rand::rng().random_range(100_000_000_000u64..1_000_000_000_000));
    let account_id = store.meta_or("account_id", &fresh).await?;
    if store.access_keys().await?.is_empty() {
        let key = new_access_key(clock);
        info!(access_key = key.id, "made the root access key");
        store.add_access_key(&key).await?;
    }
    // Once: a default VPC that was deleted comes back by CreateDefaultVpc alone.
    if store.vpcs().await?.is_empty() && store.meta(HAD_DEFAULT_VPC).await?.is_none() {
        let options = vpc::dhcp::default_of(store).await?;
        let new = vpc::make::default_vpc(config.default_vpc_cidr, &config.region, options);
        info!(vpc = %new.vpc.id, cidr = %new.vpc.cidr, "made the default VPC");
        store.add_vpc(&new).await?;
    }
    store.meta_or(HAD_DEFAULT_VPC, "yes").await?;
    Ok(account_id)
}

fn new_access_key(clock: &dyn Clock) -> AccessKeyRecord {
    const ID: &[u8] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZ234567";
    const SECRET: &[u8] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
    let mut rng = rand::rng();
    let mut text = |alphabet: &[u8], length| -> String {
        (0..length).map(|_| char::from(alphabet[rng.random_range(0..alphabet.len())])).collect()
    };
    AccessKeyRecord {
        id: format!("AKIA{}", text(ID, 16)),
        secret: text(SECRET, 40),
        is_root: true,
        created: clock.now(),
    }
}

/// All traffic to and from everywhere.
pub(crate) fn everywhere() -> RuleSpec {
    RuleSpec { traffic: Traffic::All, peer: Peer::Cidr(Ipv4Net::default()) }
}

/// A rule with a new id.
pub(crate) fn new_rule(
    group_id: &GroupId,
    direction: Direction,
    spec: RuleSpec,
    description: Option<String>,
    tags: Tags,
) -> Rule {
    Rule {
        id: RuleId::random(&mut rand::rng()),
        group_id: group_id.clone(),
        direction,
        spec,
        description,
        tags,
    }
}
