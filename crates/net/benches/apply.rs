//! What a change of the network costs in a VPC of many interfaces: `cargo bench -p cumulet-net`. Needs root; all that it
//! makes is in a network namespace of its own. `CUMULET_BENCH_INTERFACES` (1000) says how many interfaces; a word after
//! `--` picks the lines that it is in.
//!
//! Every interface is in two of 20 groups of 50 rules, which refer to each other. Printed are the median and the worst
//! of some runs, in milliseconds, each from the call to its return: by then the kernel does what is wanted. Beside them
//! stands the processors' time of this process and the tools that it runs, which says more on a busy machine.

use std::net::Ipv4Addr;
use std::time::{Duration, Instant};

use cumulet_model::place::Region;
use cumulet_model::security::{Peer, PortRange, RuleSpec, Traffic};
use cumulet_model::{GroupId, MacAddr};
use cumulet_net::{HostNetwork, NetConfig, firewall, ipset, plan};
use cumulet_ports::network::{GroupSpec, InterfaceSpec, Network, NetworkSpec, SubnetSpec, VpcSpec};
use nix::sched::{CloneFlags, unshare};
use nix::sys::resource::{UsageWho, getrusage};
use nix::sys::time::TimeValLike;

const GROUPS: usize = 20;
const RULES: usize = 50;
const RUNS: usize = 21;

fn main() {
    // Cargo passes the name filter of a test run too; a list is asked for by tools that look for tests.
    if std::env::args().any(|arg| arg == "--list") {
        return;
    }
    if !nix::unistd::geteuid().is_root() {
        return println!("SKIPPED: not root");
    }
    let count = std::env::var("CUMULET_BENCH_INTERFACES").ok().and_then(|text| text.parse().ok());
    unshare(CloneFlags::CLONE_NEWNET).expect("make a host");
    let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build().expect("start a runtime");
    let records = tempfile::tempdir().expect("make a folder");
    let mut config = NetConfig::new("bench".parse().expect("a tag"), Region::new("us-east-1", 1));
    config.public_pool = "198.18.0.0/20".parse().expect("a pool");
    config.host_record = records.path().join("host");
    let network = {
        let _context = runtime.enter();
        HostNetwork::new(config.clone()).expect("a network")
    };
    let mut bench = Bench { network, config, runtime, spec: spec(count.unwrap_or(1000)) };
    bench.run();
}

struct Bench {
    network: HostNetwork,
    config: NetConfig,
    runtime: tokio::runtime::Runtime,
    spec: NetworkSpec,
}

impl Bench {
    fn run(&mut self) {
        let count = self.vpc().interfaces.len();
        println!("{count} interfaces, {GROUPS} groups of {RULES} rules; milliseconds");
        println!("{:<58} {:>8} {:>8} {:>8}", "", "median", "worst", "CPU");
        self.cold_start();
        self.measure("looking at it all, nothing to do", |_, _| {});
        self.measure("a rule with new traffic comes or goes", |bench, n| {
            let rules = &mut bench.vpc().groups[3].ingress;
            if n % 2 == 0 { rules.push(rule(9999, cidr(7))) } else { drop(rules.pop()) }
        });
        self.measure("a rule with one more CIDR comes or goes", |bench, n| {
            let rules = &mut bench.vpc().groups[3].ingress;
            if n % 2 == 0 { rules.push(rule(1, cidr(200))) } else { drop(rules.pop()) }
        });
        self.measure("an interface joins or leaves a group", |bench, n| {
            let groups = &mut bench.vpc().interfaces[17].groups;
            if n % 2 == 0 { groups.push(group_id(11)) } else { drop(groups.pop()) }
        });
        self.measure("an interface gets or loses a public address", |bench, n| {
            bench.vpc().interfaces[18].public_ip = (n % 2 == 0).then_some(Ipv4Addr::new(198, 18, 15, 9));
        });
        let next = count;
        self.measure("an interface comes", |bench, n| bench.vpc().interfaces.push(interface(next + n)));
        self.measure("an interface goes", |bench, _| drop(bench.vpc().interfaces.pop()));
        self.restart();
        self.thinking();
        self.teardown();
    }

    /// What of a change is no work of the kernel's or its tools'.
    fn thinking(&mut self) {
        let (pool, vpc) = (self.config.clone(), self.spec.vpcs[0].clone());
        let rendered = firewall::vpc::render(&vpc);
        report("  of it: rendering rules and sets", timed(|| drop(firewall::vpc::render(&vpc))));
        let compare = || {
            let rules = firewall::diff::changes(&rendered.v4, &rendered.v4);
            let sets = ipset::changes(&rendered.sets, &rendered.sets);
            assert!(rules.words.is_empty() && sets.words.is_empty());
        };
        report("  of it: comparing rules and sets", timed(compare));
        report("  of it: planning links and routes", timed(|| drop(plan::vpc(&pool, 1500, &vpc))));
    }

    fn vpc(&mut self) -> &mut VpcSpec {
        &mut self.spec.vpcs[0]
    }

    fn apply(&self) -> Cost {
        cost(|| drop(self.runtime.block_on(self.network.apply(&self.spec)).expect("apply")))
    }

    fn measure(&mut self, what: &str, mut change: impl FnMut(&mut Self, usize)) {
        let picked = std::env::args().skip(1).find(|arg| !arg.starts_with('-'));
        if picked.is_some_and(|picked| !what.contains(&picked)) {
            return;
        }
        let times = (0..RUNS).map(|n| {
            change(self, n);
            self.apply()
        });
        let times = times.collect();
        report(what, times);
        // What was changed an odd number of times is changed back.
        change(self, RUNS);
        self.apply();
    }

    fn cold_start(&mut self) {
        let times = (0..3).map(|_| {
            self.runtime.block_on(self.network.teardown()).expect("tear down");
            self.apply()
        });
        report("cold start", times.collect());
    }

    fn restart(&mut self) {
        let times = (0..3).map(|_| {
            self.network = {
                let _context = self.runtime.enter();
                HostNetwork::new(self.config.clone()).expect("a network")
            };
            self.apply()
        });
        let times = times.collect();
        report("a new daemon finds it all as it shall be", times);
    }

    fn teardown(&mut self) {
        let cost = cost(|| self.runtime.block_on(self.network.teardown()).expect("tear down"));
        report("teardown", vec![cost]);
    }
}

/// Time on the wall, and processors' time.
type Cost = (Duration, Duration);

fn cost(work: impl FnOnce()) -> Cost {
    let (start, before) = (Instant::now(), processors());
    work();
    (start.elapsed(), processors() - before)
}

/// What this process and its children that ended took so far.
fn processors() -> Duration {
    let taken = [UsageWho::RUSAGE_SELF, UsageWho::RUSAGE_CHILDREN].map(|who| {
        let usage = getrusage(who).expect("usage");
        usage.user_time().num_microseconds() + usage.system_time().num_microseconds()
    });
    Duration::from_micros(taken.iter().sum::<i64>().unsigned_abs())
}

fn timed(work: impl Fn()) -> Vec<Cost> {
    (0..RUNS).map(|_| cost(&work)).collect()
}

fn report(what: &str, costs: Vec<Cost>) {
    let (mut wall, mut processors): (Vec<_>, Vec<_>) = costs.into_iter().unzip();
    wall.sort();
    processors.sort();
    let shown = |time: Duration| time.as_secs_f64() * 1000.0;
    let (median, worst) = (wall[wall.len() / 2], wall[wall.len() - 1]);
    let taken = processors[processors.len() / 2];
    println!("{what:<58} {:>8.2} {:>8.2} {:>8.2}", shown(median), shown(worst), shown(taken));
}

fn spec(count: usize) -> NetworkSpec {
    let subnet = SubnetSpec::new(
        "subnet-00000000000000001".parse().expect("an id"),
        "172.31.0.0/18".parse().expect("a block"),
    );
    let id = "vpc-00000000000000001".parse().expect("an id");
    NetworkSpec {
        vpcs: vec![VpcSpec {
            subnets: vec![subnet],
            groups: (0..GROUPS).map(group).collect(),
            interfaces: (0..count).map(interface).collect(),
            ..VpcSpec::open(id, "172.31.0.0/16".parse().expect("a block"))
        }],
    }
}

fn group_id(n: usize) -> GroupId {
    format!("sg-{n:017x}").parse().expect("an id")
}

/// 50 rules: 25 ports for two CIDRs each, but that each tenth is for another group.
fn group(n: usize) -> GroupSpec {
    let peer = |m: usize| if m % 10 == 9 { Peer::Group(group_id((n + m) % GROUPS)) } else { cidr(m) };
    let ingress = (0..RULES - 1).map(|m| rule(1 + (m / 2) as u16, peer(m))).collect();
    let egress =
        vec![RuleSpec { traffic: Traffic::All, peer: Peer::Cidr("0.0.0.0/0".parse().expect("all")) }];
    GroupSpec { id: group_id(n), ingress, egress }
}

fn rule(port: u16, peer: Peer) -> RuleSpec {
    RuleSpec { traffic: Traffic::Tcp(PortRange { first: port, last: port }), peer }
}

fn cidr(n: usize) -> Peer {
    Peer::Cidr(format!("10.{n}.0.0/16").parse().expect("a block"))
}

fn interface(n: usize) -> InterfaceSpec {
    let private_ip = Ipv4Addr::from(u32::from(Ipv4Addr::new(172, 31, 0, 4)) + n as u32);
    InterfaceSpec {
        id: format!("eni-{n:011x}000000").parse().expect("an id"),
        instance_id: format!("i-{n:017x}").parse().expect("an id"),
        subnet_id: "subnet-00000000000000001".parse().expect("an id"),
        mac: MacAddr::for_private_ip(7, private_ip),
        private_ip,
        public_ip: n
            .is_multiple_of(4)
            .then(|| Ipv4Addr::from(u32::from(Ipv4Addr::new(198, 18, 0, 4)) + n as u32)),
        secondary: vec![],
        ipv6: vec![],
        groups: vec![group_id(n % GROUPS), group_id((n / 7 + 1 + n) % GROUPS)],
        source_dest_check: true,
        host_name: cumulet_model::address::private_host_name(private_ip),
        queues: 1,
    }
}
