//! A whole cloud for tests: the real engine on a real SQLite file, over fakes of the host's ports.
//!
//! The fakes remember what they were asked, so that a test can look for what was left behind, and can be told to fail
//! at their nth call, so that a test can break a launch at every step. They are for the engine's and the APIs' tests;
//! the host's real crates have tests of their own.
#![forbid(unsafe_code)]

mod agent;
mod fault;
mod network;
mod storage;
mod vm_host;

use std::sync::Arc;
use std::time::Duration;

use cumulet_engine::api::image::RegisterImage;
use cumulet_engine::api::instance::RunInstances;
use cumulet_engine::{Cloud, EngineConfig, Graces, HostCapacity, Ports, SystemClock};
use cumulet_model::image::{Image, ImageKind, ImageState};
use cumulet_model::instance::Instance;
use cumulet_model::place::Region;
use cumulet_model::state::InstanceState;
use cumulet_model::{InstanceId, Mib, catalogue};
use cumulet_store::Store;
use tempfile::TempDir;

pub use fault::Faults;
pub use network::FakeNetwork;
pub use storage::FakeStorage;
pub use vm_host::FakeVmHost;

/// A cloud in a temporary directory.
pub struct TestCloud {
    /// The real engine.
    pub cloud: Cloud,
    /// Its machines.
    pub vms: Arc<FakeVmHost>,
    /// Its network.
    pub network: Arc<FakeNetwork>,
    /// Its storage.
    pub storage: Arc<FakeStorage>,
    /// When the fakes fail.
    pub faults: Faults,
    dir: TempDir,
}

impl TestCloud {
    /// A new cloud: region us-east-1 with two zones, the standard catalogue, 64 vCPUs and 256 GiB to give.
    pub async fn new() -> Self {
        let dir = TempDir::new().expect("a temporary directory");
        let faults = Faults::default();
        let vms = Arc::new(FakeVmHost::new(faults.clone()));
        let network = Arc::new(FakeNetwork::new(faults.clone()));
        let storage = Arc::new(FakeStorage::new(faults.clone()));
        let cloud = start(&dir, &vms, &network, &storage).await;
        Self { cloud, vms, network, storage, faults, dir }
    }

    /// The daemon dies (no call is finished, nothing is said to the host) and is started again.
    pub async fn restart(&mut self) {
        self.cloud.abandon();
        self.cloud = start(&self.dir, &self.vms, &self.network, &self.storage).await;
    }

    /// Registers a machine image with a kernel, both of a few bytes, and waits until they are available.
    pub async fn image(&self) -> Image {
        let kernel = self.register(ImageKind::Kernel, "a kernel", None).await;
        self.register(ImageKind::Machine, "an image", Some(&kernel)).await
    }

    /// Registers an image and waits until it is available.
    pub async fn register(&self, kind: ImageKind, name: &str, kernel: Option<&Image>) -> Image {
        let source = self.dir.path().join("source");
        std::fs::write(&source, b"bytes").expect("a source file");
        let request = RegisterImage {
            kind,
            name: name.to_owned(),
            description: None,
            source,
            root_device_name: None,
            kernel_id: kernel.map(|kernel| kernel.id.clone()),
            ramdisk_id: None,
            boot_args: None,
            default_user: Some("debian".into()),
            tags: Default::default(),
        };
        let image = self.cloud.register_image(request).await.expect("the image is registered");
        eventually("the image is available", || async {
            let images = self.cloud.images().await.expect("images");
            images.into_iter().find(|i| i.id == image.id && i.state == ImageState::Available)
        })
        .await
    }

    /// From now on public addresses come from this pool.
    pub fn pool(&self, network: &str) {
        self.network.set_pool(network.parse().expect("a network"));
    }

    /// Launches one instance of a new image with EC2's defaults.
    pub async fn launch(&self) -> Instance {
        let image = self.image().await;
        let launched = self.cloud.run_instances(RunInstances::new(image.id)).await.expect("a launch");
        launched.reservation.instances.into_iter().next().expect("one instance")
    }

    /// Waits until an instance is in a state, and gives it.
    pub async fn wait_for(&self, id: &InstanceId, state: InstanceState) -> Instance {
        eventually(&format!("{id} is {state}"), || async {
            self.cloud.instance(id).await.ok().filter(|instance| instance.state == state)
        })
        .await
    }
}

async fn start(
    dir: &TempDir,
    vms: &Arc<FakeVmHost>,
    network: &Arc<FakeNetwork>,
    storage: &Arc<FakeStorage>,
) -> Cloud {
    let store = Store::open(&dir.path().join("cumulet.db")).await.expect("a store");
    let config = EngineConfig {
        region: Region::new("us-east-1", 2),
        instance_types: catalogue::standard(),
        capacity: HostCapacity { vcpus: 64, vcpus_per_instance: 32, memory: Mib(256 * 1024) },
        default_vpc_cidr: "172.31.0.0/16".parse().expect("a network"),
        graces: Graces {
            stop: Duration::from_secs(60),
            terminate: Duration::from_millis(200),
            reboot: Duration::from_secs(60),
        },
        keep_terminated: Duration::from_secs(3600),
        reconcile_every: Duration::from_secs(3600),
        credit_turn: Duration::from_millis(20),
    };
    let ports = Ports { vms: vms.clone(), network: network.clone(), storage: storage.clone() };
    Cloud::start(config, store, ports, Arc::new(SystemClock)).await.expect("the cloud starts")
}

/// Waits until `look` finds something; fails the test after a generous minute.
pub async fn eventually<T, F, Fut>(what: &str, mut look: F) -> T
where
    F: FnMut() -> Fut,
    Fut: Future<Output = Option<T>>,
{
    let deadline = tokio::time::Instant::now() + Duration::from_secs(60);
    loop {
        if let Some(found) = look().await {
            return found;
        }
        assert!(tokio::time::Instant::now() < deadline, "waited a minute in vain: {what}");
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
}
