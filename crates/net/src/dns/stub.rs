//! The host's own way to public names: a DNS server at the host's end of its link to the edge, which knows the names of
//! public addresses and refuses all else, so that nothing private is told and nobody can use it to ask elsewhere.
//!
//! A host with systemd-resolved is pointed there with `resolvectl dns TAG-edge ADDRESS` and
//! `resolvectl domain TAG-edge ~compute-1.amazonaws.com`.

use std::collections::BTreeSet;
use std::net::Ipv4Addr;
use std::sync::Arc;

use cumulet_ports::network::NetworkSpec;
use tokio::sync::watch;
use tokio::task::JoinSet;
use tracing::{info, warn};

use super::zone::public_addresses;
use super::{Zone, server};
use crate::config::NetConfig;
use crate::plan;
use crate::sys::NetNs;

/// The stub, if it could be started; dropping it ends it.
#[derive(Default)]
pub struct Stub {
    running: Option<(watch::Sender<Arc<Zone>>, JoinSet<()>)>,
    /// The addresses whose names it tells.
    named: BTreeSet<Ipv4Addr>,
    /// Whether it was told that its address is taken, which is told once.
    told: bool,
}

impl Stub {
    /// Makes the stub know what is wanted now, and starts it if it does not run. Another server of the host may have its
    /// address; then there is none.
    pub async fn tell(&mut self, config: &NetConfig, host: &NetNs, desired: &NetworkSpec) {
        if !config.dns_stub {
            return;
        }
        if self.running.as_mut().is_some_and(|(_, tasks)| tasks.try_join_next().is_some()) {
            self.running = None;
        }
        let named = public_addresses(&desired.vpcs);
        if self.running.is_some() && self.named == named {
            return;
        }
        let zone = Arc::new(Zone::public(&config.region, &[config.public_pool], &named));
        self.named = named;
        match &self.running {
            Some((names, _)) => drop(names.send_replace(zone)),
            None => self.start(config, host, zone).await,
        }
    }

    async fn start(&mut self, config: &NetConfig, host: &NetNs, zone: Arc<Zone>) {
        let address = plan::host_address(config.public_pool);
        match server::bind(host, vec![address.into()]).await {
            Ok(sockets) => {
                let (names, seen) = watch::channel(zone);
                let mut tasks = JoinSet::new();
                tasks.spawn(server::serve(sockets, seen, None));
                info!(%address, "public names are answered to this host");
                (self.running, self.told) = (Some((names, tasks)), false);
            }
            Err(error) if !self.told => {
                warn!(%address, error = %error.chain(), "public names can't be answered to this host");
                self.told = true;
            }
            Err(_) => {}
        }
    }
}
