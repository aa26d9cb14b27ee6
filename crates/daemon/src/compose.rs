//! Puts the parts together: ports on this host, the store, the engine.

use std::fs::{DirBuilder, Permissions};
use std::os::unix::fs::{DirBuilderExt, PermissionsExt};
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use anyhow::Context;
use cumulet_engine::{Cloud, EngineConfig, Ports, SystemClock};
use cumulet_net::{HostNetwork, NetConfig};
use cumulet_storage::{HostStorage, StorageConfig};
use cumulet_store::Store;
use cumulet_supervisor::{Jail, Supervisor, SupervisorConfig};
use tracing::info;

use crate::config::Config;
use crate::lock::{self, StateLock};

/// A cloud that runs, with the lock that makes it the only one.
pub struct Running {
    /// The engine.
    pub cloud: Cloud,
    /// The host's ports, of which the metadata service needs the network.
    pub ports: Ports,
    _lock: StateLock,
}

/// Makes the directories, takes the lock, and starts the cloud.
pub async fn start(config: &Config) -> anyhow::Result<Running> {
    private_dir(&config.state_dir)?;
    private_dir(&config.run_dir)?;
    let lock = lock::take(&config.state_dir)?;
    let ports = ports(config).await?;
    let database = config.state_dir.join("cumulet.db");
    let store = Store::open(&database).await.with_context(|| format!("can't open {}", database.display()))?;
    // The database holds secret keys.
    std::fs::set_permissions(&database, Permissions::from_mode(0o600))
        .context("can't protect the database")?;
    let engine = EngineConfig {
        region: config.region.clone(),
        instance_types: config.instance_types.clone(),
        capacity: config.capacity,
        default_vpc_cidr: config.default_vpc,
        graces: config.graces,
        keep_terminated: Duration::from_secs(3600),
        reconcile_every: Duration::from_secs(15),
        credit_turn: Duration::from_secs(5),
    };
    let cloud = Cloud::start(engine, store, ports.clone(), Arc::new(SystemClock))
        .await
        .context("can't start the cloud")?;
    Ok(Running { cloud, ports, _lock: lock })
}

async fn ports(config: &Config) -> anyhow::Result<Ports> {
    let net = NetConfig {
        public_pool: config.public_pool,
        ipv6_pool: config.ipv6_pool,
        guest_networks: config.guest_networks.clone(),
        resolvers: config.resolvers.clone(),
        flow_logs: config.flow_logs.clone(),
        dns_stub: config.dns_stub,
        ..NetConfig::new(config.tag.clone(), config.region.clone())
    };
    let network = HostNetwork::new(net).context("can't reach the host's network")?;
    let storage_config = StorageConfig::new(&config.state_dir);
    let storage = tokio::task::spawn_blocking(move || HostStorage::open(storage_config))
        .await?
        .context("can't open the storage")?;
    let vms = Supervisor::new(supervisor(config)).context("can't supervise machines")?;
    Ok(Ports { vms: Arc::new(vms), network: Arc::new(network), storage: Arc::new(storage) })
}

fn supervisor(config: &Config) -> SupervisorConfig {
    let mut vms = SupervisorConfig::new(&config.run_dir);
    if let Some(vmm) = &config.vmm {
        vms.vmm_program = vmm.clone();
    }
    match (&config.jailer, &mut vms.jail) {
        _ if config.no_jail => vms.jail = Jail::Off,
        (Some(jailer), Jail::On { program, .. }) => program.clone_from(jailer),
        _ => {}
    }
    vms
}

/// Removes what is left in the run directory, and what jails have left on the host, once all machines are gone.
pub fn clear_run_dir(config: &Config) -> anyhow::Result<()> {
    cumulet_supervisor::leave_host(&supervisor(config));
    remove_contents(&config.run_dir)
}

/// Removes everything from the host while no daemon runs; with `purge` also what is kept.
pub async fn teardown(config: Config, purge: bool) -> anyhow::Result<()> {
    let running = start(&config).await?;
    running.cloud.teardown().await.context("the teardown is not complete")?;
    clear_run_dir(&config)?;
    if purge {
        remove_contents(&config.state_dir)?;
        info!(dir = %config.state_dir.display(), "removed images, volumes and the database");
    }
    Ok(())
}

/// A directory that only root may look into.
fn private_dir(path: &Path) -> anyhow::Result<()> {
    let made = DirBuilder::new().recursive(true).mode(0o700).create(path);
    made.with_context(|| format!("can't make the directory {}", path.display()))
}

/// Empties a directory; the directory itself may be a mount point or somebody's choice, and stays.
fn remove_contents(dir: &Path) -> anyhow::Result<()> {
    let entries = match std::fs::read_dir(dir) {
        Ok(entries) => entries,
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => return Ok(()),
        Err(error) => return Err(error).with_context(|| format!("can't look into {}", dir.display())),
    };
    for entry in entries {
        let path = entry?.path();
        let removed =
            if path.is_dir() { std::fs::remove_dir_all(&path) } else { std::fs::remove_file(&path) };
        removed.with_context(|| format!("can't remove {}", path.display()))?;
    }
    Ok(())
}
