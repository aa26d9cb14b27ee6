//! A network that remembers the last spec it was brought to.

use std::os::fd::OwnedFd;
use std::sync::Mutex;

use async_trait::async_trait;
use cumulet_model::{FlowLogId, InterfaceId, VpcId};
use cumulet_ports::network::{ApplyReport, FlowLogLine, NetworkSpec};
use cumulet_ports::{Network, PortError, PortResult};
use ipnet::Ipv4Net;
use tokio::sync::mpsc;

use crate::Faults;

/// The fake network.
pub struct FakeNetwork {
    faults: Faults,
    spec: Mutex<NetworkSpec>,
    pool: Mutex<Ipv4Net>,
    records: Mutex<Vec<String>>,
}

impl FakeNetwork {
    pub(crate) fn new(faults: Faults) -> Self {
        Self {
            faults,
            spec: Mutex::default(),
            pool: Mutex::new(Ipv4Net::new_assert([198, 18, 0, 0].into(), 24)),
            records: Mutex::default(),
        }
    }

    /// What the host's network is.
    pub fn spec(&self) -> NetworkSpec {
        self.spec.lock().unwrap_or_else(|poisoned| poisoned.into_inner()).clone()
    }

    /// From now on public addresses come from this pool.
    pub fn set_pool(&self, pool: Ipv4Net) {
        *self.pool.lock().unwrap_or_else(|poisoned| poisoned.into_inner()) = pool;
    }

    /// Adds a record to all flow logs.
    pub fn record(&self, line: &str) {
        self.records.lock().unwrap_or_else(|poisoned| poisoned.into_inner()).push(line.to_owned());
    }

    /// Ids of the interfaces that are wired.
    pub fn wired(&self) -> Vec<InterfaceId> {
        self.spec().vpcs.into_iter().flat_map(|vpc| vpc.interfaces).map(|interface| interface.id).collect()
    }
}

#[async_trait]
impl Network for FakeNetwork {
    async fn apply(&self, desired: &NetworkSpec) -> PortResult<ApplyReport> {
        self.faults.pass("network.apply").await?;
        let mut spec = self.spec.lock().unwrap_or_else(|poisoned| poisoned.into_inner());
        let changed = *spec != *desired;
        *spec = desired.clone();
        Ok(ApplyReport { changes: changed.then(|| "something".to_owned()).into_iter().collect() })
    }

    async fn open_tap(&self, _vpc: &VpcId, interface: &InterfaceId) -> PortResult<Vec<OwnedFd>> {
        self.faults.pass("network.open_tap").await?;
        if !self.wired().contains(interface) {
            return Err(PortError::plain(format!("interface {interface} is not wired")));
        }
        let file = std::fs::File::open("/dev/null").map_err(|error| PortError::new("no /dev/null", error))?;
        Ok(vec![file.into()])
    }

    async fn metadata_listener(&self, _vpc: &VpcId) -> PortResult<std::net::TcpListener> {
        self.faults.pass("network.metadata_listener").await?;
        std::net::TcpListener::bind("127.0.0.1:0").map_err(|error| PortError::new("can't listen", error))
    }

    /// The records; one who would wait for more is told of a gap instead.
    async fn flow_log_records(
        &self,
        _log: &FlowLogId,
        last: usize,
        follow: bool,
    ) -> PortResult<mpsc::Receiver<FlowLogLine>> {
        self.faults.pass("network.flow_log_records").await?;
        let records = self.records.lock().unwrap_or_else(|poisoned| poisoned.into_inner()).clone();
        let (lines, received) = mpsc::channel(records.len() + 1);
        let told = records.into_iter().rev().take(last).rev().map(FlowLogLine::Record);
        for line in told.chain(follow.then_some(FlowLogLine::Gap)) {
            lines.try_send(line).map_err(|error| PortError::new("the fake's channel is full", error))?;
        }
        Ok(received)
    }

    fn public_pool(&self) -> Ipv4Net {
        *self.pool.lock().unwrap_or_else(|poisoned| poisoned.into_inner())
    }

    async fn teardown(&self) -> PortResult<()> {
        self.faults.pass("network.teardown").await?;
        *self.spec.lock().unwrap_or_else(|poisoned| poisoned.into_inner()) = NetworkSpec::default();
        Ok(())
    }
}
