//! A test's world: a namespace as its host, an installation's network on it, and specs to change.

use std::future::Future;
use std::io::Write;
use std::net::Ipv4Addr;
use std::panic::AssertUnwindSafe;
use std::sync::atomic::{AtomicU32, Ordering};

use cumulet_model::place::Region;
use cumulet_model::security::{Peer, PortRange, RuleSpec, Traffic};
use cumulet_model::{GroupId, InterfaceId, MacAddr, VpcId};
use cumulet_net::sys::NetNs;
use cumulet_net::{HostNetwork, NetConfig};
use cumulet_ports::network::{
    GroupSpec, InterfaceSpec, Network, NetworkSpec, SecondaryAddress, SubnetSpec, VpcSpec,
};
use futures::FutureExt;
use nix::sched::{CloneFlags, unshare};

use crate::guest::Guest;

/// A test's world.
pub struct World {
    /// The installation's network.
    pub net: HostNetwork,
    /// How it is configured.
    pub config: NetConfig,
    /// The host.
    pub host: NetNs,
    /// What is wanted of it.
    pub spec: NetworkSpec,
    _records: tempfile::TempDir,
}

/// Runs a story on a host of its own and tears the network down after it, whatever came of it.
pub fn story<F: Future<Output = World>>(name: &str, tell: impl FnOnce(World) -> F + Send + 'static) {
    if let Some(reason) = lacking() {
        return skip(name, &reason);
    }
    let thread = std::thread::Builder::new().name(name.to_owned()).spawn(move || {
        unshare(CloneFlags::CLONE_NEWNET).expect("make a host");
        // A new namespace begins with some of the machine's own values.
        sh_here("ip link set lo up; sysctl -q -w net.ipv4.ip_forward=0");
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
        runtime.block_on(async {
            let world = World::new();
            let config = world.config.clone();
            let told = AssertUnwindSafe(tell(world)).catch_unwind().await;
            let after = HostNetwork::new(config).unwrap().teardown().await;
            match told {
                Err(panic) => std::panic::resume_unwind(panic),
                Ok(_) => after.expect("tear the network down"),
            }
        });
    });
    if let Err(panic) = thread.unwrap().join() {
        std::panic::resume_unwind(panic);
    }
}

/// What this machine lacks to run the stories.
fn lacking() -> Option<String> {
    if !nix::unistd::geteuid().is_root() {
        return Some("not root".into());
    }
    let tools = ["iptables-restore", "ip6tables-restore", "ipset", "ip", "conntrack", "ping"];
    let missing: Vec<_> =
        tools.into_iter().filter(|tool| !sh_succeeds(&format!("command -v {tool}"))).collect();
    if !missing.is_empty() {
        return Some(format!("no {}", missing.join(", ")));
    }
    (!std::path::Path::new("/dev/net/tun").exists()).then(|| "no /dev/net/tun".into())
}

fn skip(name: &str, reason: &str) {
    let line = format!("SKIPPED {name}: {reason}");
    println!("{line}");
    if let Ok(path) = std::env::var("CUMULET_SKIP_LOG") {
        let log = std::fs::OpenOptions::new().create(true).append(true).open(path);
        writeln!(log.expect("open the log of skipped tests"), "{line}").expect("note a skipped test");
    }
}

impl World {
    fn new() -> Self {
        Self::with_pool("198.18.0.0/24")
    }

    /// Another installation on the calling thread's namespace.
    pub fn with_pool(pool: &str) -> Self {
        static COUNT: AtomicU32 = AtomicU32::new(0);
        let n = COUNT.fetch_add(1, Ordering::Relaxed);
        let tag = format!("n{:04x}{n:x}", std::process::id() & 0xffff).parse().unwrap();
        let records = tempfile::tempdir().unwrap();
        let mut config = NetConfig::new(tag, Region::new("us-east-1", 2));
        config.public_pool = pool.parse().unwrap();
        config.host_record = records.path().join("host");
        let net = HostNetwork::new(config.clone()).unwrap();
        let host = NetNs::current("host").unwrap();
        Self { net, config, host, spec: NetworkSpec { vpcs: vec![vpc(1)] }, _records: records }
    }

    /// Changes the configuration before anything is applied.
    pub fn reconfigure(&mut self, change: impl FnOnce(&mut NetConfig)) {
        change(&mut self.config);
        self.restart();
    }

    /// As when the daemon ends and starts again.
    pub fn restart(&mut self) {
        self.net = HostNetwork::new(self.config.clone()).unwrap();
    }

    /// The default VPC.
    pub fn vpc(&mut self) -> &mut VpcSpec {
        &mut self.spec.vpcs[0]
    }

    /// Applies the spec and gives what changed.
    pub async fn apply(&self) -> Vec<String> {
        match self.net.apply(&self.spec).await {
            Ok(report) => report.changes,
            Err(error) => panic!("apply: {}", error.chain()),
        }
    }

    /// Wires interface `n` with these groups, applies, and boots a guest on it that asks DHCP for its address.
    pub async fn launch(&mut self, n: u8, groups: &[u8]) -> Guest {
        self.launch_public(n, None, groups).await
    }

    /// The same, with a public address.
    pub async fn launch_public(&mut self, n: u8, public: Option<&str>, groups: &[u8]) -> Guest {
        let mut interface = interface(n, groups);
        interface.public_ip = public.map(|text| text.parse().unwrap());
        self.vpc().interfaces.push(interface.clone());
        self.apply().await;
        self.boot(0, &interface).await
    }

    /// Boots a guest on an interface of a VPC that has been applied.
    pub async fn boot(&self, vpc: usize, interface: &InterfaceSpec) -> Guest {
        let tap = self.net.open_tap(&self.spec.vpcs[vpc].id, &interface.id).await.unwrap().remove(0);
        let guest = Guest::boot(interface, tap).await;
        guest.configure_by_dhcp().await;
        guest
    }

    /// Adds rules to group `n`, which is made if it is not there: it lets all out, and in what it is told.
    pub fn group(&mut self, n: u8) -> &mut GroupSpec {
        let id = group_id(n);
        let groups = &mut self.vpc().groups;
        let at = groups.iter().position(|group| group.id == id).unwrap_or_else(|| {
            groups.push(GroupSpec { id, ingress: vec![], egress: vec![to_all()] });
            groups.len() - 1
        });
        &mut groups[at]
    }

    /// Runs a command line in a VPC's namespace.
    pub fn in_vpc(&self, line: &str) -> String {
        let name = cumulet_net::names::vpc_namespace(&self.config.tag, &self.spec.vpcs[0].id);
        sh_here(&format!("ip netns exec {name} {line}"))
    }
}

/// VPC `n` with the default addresses and two subnets.
pub fn vpc(n: u8) -> VpcSpec {
    let subnet = |m: u8| {
        SubnetSpec::new(
            format!("subnet-{n:08x}{m:09x}").parse().unwrap(),
            format!("172.31.{}.0/20", (m - 1) * 16).parse().unwrap(),
        )
    };
    VpcSpec {
        subnets: vec![subnet(1), subnet(2)],
        ..VpcSpec::open(vpc_id(n), "172.31.0.0/16".parse().unwrap())
    }
}

/// Id of VPC `n`.
pub fn vpc_id(n: u8) -> VpcId {
    format!("vpc-{n:08x}000000000").parse().unwrap()
}

/// Id of group `n`.
pub fn group_id(n: u8) -> GroupId {
    format!("sg-{n:017x}").parse().unwrap()
}

/// Id of interface `n`.
pub fn interface_id(n: u8) -> InterfaceId {
    format!("eni-{n:011x}000000").parse().unwrap()
}

/// Interface `n`: 172.31.0.n, or 172.31.16.n-100 in the second subnet from 100 on.
pub fn interface(n: u8, groups: &[u8]) -> InterfaceSpec {
    let (subnet, private_ip) = match n {
        0..100 => (1, Ipv4Addr::new(172, 31, 0, n)),
        _ => (2, Ipv4Addr::new(172, 31, 16, n - 100)),
    };
    InterfaceSpec {
        id: interface_id(n),
        instance_id: format!("i-{n:017x}").parse().unwrap(),
        subnet_id: format!("subnet-{:08x}{subnet:09x}", 1).parse().unwrap(),
        mac: MacAddr::for_private_ip(7, private_ip),
        private_ip,
        public_ip: None,
        secondary: vec![],
        ipv6: vec![],
        groups: groups.iter().map(|n| group_id(*n)).collect(),
        source_dest_check: true,
        host_name: cumulet_model::address::private_host_name(private_ip),
        queues: 1,
    }
}

/// A secondary address 172.31.0.n of an interface in the first subnet.
pub fn secondary(n: u8, public: Option<&str>) -> SecondaryAddress {
    let public_ip = public.map(|text| text.parse().unwrap());
    SecondaryAddress { private_ip: Ipv4Addr::new(172, 31, 0, n), public_ip }
}

/// All traffic to everybody.
pub fn to_all() -> RuleSpec {
    RuleSpec { traffic: Traffic::All, peer: cidr("0.0.0.0/0") }
}

/// TCP to one port from or to a peer.
pub fn tcp(port: u16, peer: Peer) -> RuleSpec {
    RuleSpec { traffic: Traffic::Tcp(PortRange { first: port, last: port }), peer }
}

/// All traffic from or to a peer.
pub fn all(peer: Peer) -> RuleSpec {
    RuleSpec { traffic: Traffic::All, peer }
}

/// A range of addresses as a peer.
pub fn cidr(text: &str) -> Peer {
    Peer::Cidr(text.parse().unwrap())
}

/// A group as a peer.
pub fn members(n: u8) -> Peer {
    Peer::Group(group_id(n))
}

/// Runs a command line in the calling thread's namespace; it must succeed.
pub fn sh_here(line: &str) -> String {
    let output = std::process::Command::new("sh").args(["-c", line]).output().unwrap();
    assert!(output.status.success(), "{line}: {}", String::from_utf8_lossy(&output.stderr));
    String::from_utf8(output.stdout).unwrap()
}

/// Whether a command line succeeds in the calling thread's namespace.
pub fn sh_succeeds(line: &str) -> bool {
    std::process::Command::new("sh").args(["-c", line]).output().unwrap().status.success()
}

/// Runs a command line in a namespace; it must succeed.
pub async fn sh(ns: &NetNs, line: impl Into<String>) -> String {
    let line = line.into();
    ns.run(move || sh_here(&line)).await.unwrap()
}
