//! Real packets through the real firewall, beside what the analyser, the model and the walk through the kernel's rules
//! say of them.

use std::collections::BTreeMap;
use std::net::{IpAddr, Ipv4Addr};

use cumulet_model::address;
use cumulet_net::explain::Journey;
use cumulet_net::names;
use cumulet_net::sys::NetNs;
use cumulet_ports::network::{InterfaceSpec, Network, NetworkSpec, SubnetSpec};
use cumulet_reach::{Analysis, Kernel, compare, legs};

use crate::guest::Guest;
use crate::probes::{self, Servers};
use crate::pure::{analysed, modelled, outside};
use crate::random::{Dice, OUTSIDE, Parts, Sender, Trial, addresses, network, trial};
use crate::world::{World, sh, story};

/// What the host's network does by now.
const PARTS: Parts = Parts { ipv6: false, nat: true, tables: true, secondary: true, prefix_lists: true };
/// How many flows are sent through each world.
const FLOWS: u16 = 600;
const UPLINK: Ipv4Addr = Ipv4Addr::new(192, 0, 2, 1);
const NEIGHBOUR: Ipv4Addr = Ipv4Addr::new(192, 0, 2, 9);

/// How many cases agreed.
#[derive(Debug, Default)]
struct Count {
    passed: [usize; 2],
    stopped: [usize; 2],
    outward: usize,
    inward: usize,
    inside: usize,
}

#[test]
fn analyser_model_kernel_and_packets_agree() {
    story("analyser_model_kernel_and_packets_agree", |mut world: World| async {
        let seeds = std::env::var("CUMULET_WHOLE_SEEDS").ok();
        let seeds: Vec<u64> = match seeds {
            Some(text) => text.split(',').map(|seed| seed.parse().unwrap()).collect(),
            None => (1..=4).collect(),
        };
        let outside = internet(&world).await;
        let mut count = Count::default();
        for seed in seeds {
            one_world(&mut world, &outside, seed, &mut count).await;
        }
        let all = count.passed.iter().chain(&count.stopped).sum::<usize>();
        println!(
            "{all} cases agree four times over (analyser, model, kernel's rules, packets): IPv4 {} through, {} \
             stopped; IPv6 {} through, {} stopped; {} out of a VPC, {} into one, {} within",
            count.passed[0],
            count.stopped[0],
            count.passed[1],
            count.stopped[1],
            count.outward,
            count.inward,
            count.inside
        );
        assert!(count.passed[0] > 100 && count.stopped[0] > 100, "{count:?}");
        world
    });
}

/// The other side of the host's uplink.
async fn internet(world: &World) -> NetNs {
    let outside = NetNs::anonymous("outside").unwrap();
    let fd = format!("/proc/{}/fd/{}", std::process::id(), outside.raw_fd());
    sh(&world.host, format!("ip link add up0 type veth peer name eth0; ip link set eth0 netns {fd}")).await;
    sh(&world.host, format!("ip addr add {UPLINK}/24 dev up0; ip link set up0 up")).await;
    for address in OUTSIDE {
        sh(&outside, format!("ip addr add {address}/32 dev lo; ip link set lo up")).await;
    }
    sh(&outside, format!("ip addr add {NEIGHBOUR}/24 dev eth0; ip link set eth0 up")).await;
    sh(&outside, format!("ip route add 198.18.0.0/24 via {UPLINK}")).await;
    sh(&world.host, format!("ip route add default via {NEIGHBOUR}")).await;
    outside
}

async fn one_world(world: &mut World, internet: &NetNs, seed: u64, count: &mut Count) {
    let mut dice = Dice(seed);
    world.spec = network(&mut dice, PARTS);
    world.apply().await;
    let mut guests = BTreeMap::new();
    let mut servers = vec![Servers::start(internet, OUTSIDE.map(IpAddr::V4).to_vec()).await];
    for (vpc, spec) in world.spec.vpcs.iter().enumerate() {
        for (at, interface) in spec.interfaces.iter().enumerate() {
            let subnet = spec.subnets.iter().find(|subnet| subnet.id == interface.subnet_id).unwrap();
            let tap = world.net.open_tap(&spec.id, &interface.id).await.unwrap().remove(0);
            let guest = Guest::boot(interface, tap).await;
            configure(&guest, interface, subnet).await;
            servers.push(Servers::start(&guest.ns, addresses(interface)).await);
            guests.insert(Sender::Guest(vpc, at), guest);
        }
    }
    let trials: Vec<Trial> =
        (0..FLOWS).filter_map(|n| trial(&mut dice, &world.spec, 40000 + n)).filter(is_sendable).collect();
    let told = judge(&world.spec, &trials);
    let mut disagreements = kernel(world, &trials, &told).await;
    let mut runs = Vec::new();
    for sender in guests.keys().copied().chain([Sender::Outside]) {
        let ns = guests.get(&sender).map_or(internet, |guest| &guest.ns);
        let mine: Vec<usize> = (0..trials.len()).filter(|at| trials[*at].sender == sender).collect();
        let flows = mine.iter().map(|at| (trials[*at].flow, told[*at].1)).collect();
        runs.push(async move { (mine, probes::run(ns, flows).await) });
    }
    for (mine, passed) in futures::future::join_all(runs).await {
        for (at, passed) in mine.into_iter().zip(passed) {
            if passed != told[at].1 {
                disagreements.push(format!("packets say {passed}: {}", shown(&trials[at], &told[at])));
            }
            note(count, &trials[at], passed);
        }
    }
    assert!(
        disagreements.is_empty(),
        "seed {seed}: {} of {}:\n{}",
        disagreements.len(),
        trials.len(),
        disagreements.join("\n")
    );
}

fn is_sendable(trial: &Trial) -> bool {
    PARTS.ipv6 || trial.flow.to.0.is_ipv4()
}

/// What the analyser and the model say of each.
fn judge(spec: &NetworkSpec, trials: &[Trial]) -> Vec<(Analysis, bool)> {
    let (outside, surroundings) = outside();
    trials
        .iter()
        .map(|trial| {
            let analysis = analysed(spec, &outside, trial);
            let expected = modelled(spec, &surroundings, trial);
            assert_eq!(analysis.reachable, expected, "{trial:?}: {:#?}", analysis.explanations);
            (analysis, expected)
        })
        .collect()
}

/// What a walk through the kernel's rules says otherwise.
async fn kernel(world: &World, trials: &[Trial], told: &[(Analysis, bool)]) -> Vec<String> {
    let interfaces = world.spec.vpcs.iter().flat_map(|vpc| &vpc.interfaces);
    let taps: BTreeMap<_, _> = interfaces.map(|i| (names::tap(&i.id), i.id.clone())).collect();
    let mut journey = Journey::new(&world.config.tag, world.host.clone());
    let mut otherwise = Vec::new();
    for (trial, told) in trials.iter().zip(told) {
        let mut walked = Vec::new();
        for leg in legs(&world.spec, &told.0) {
            walked.push(journey.walk(&leg, |tap| taps.get(tap).cloned()).await.unwrap());
        }
        journey.forget();
        let comparison = compare(&world.spec, &told.0, &walked);
        if comparison.agrees != Some(true) {
            assert!(comparison.kernel != Kernel::Unknown || !walked.is_empty());
            let decided = comparison.decided;
            otherwise.push(format!("kernel {}: {}: {decided:?}", comparison.kernel, shown(trial, told)));
        }
    }
    otherwise
}

fn shown(trial: &Trial, told: &(Analysis, bool)) -> String {
    let why: Vec<_> =
        told.0.explanations.iter().map(|e| format!("{} at {}", e.code.as_str(), e.component)).collect();
    format!("{trial:?} should be {}: {}", told.1, why.join(", "))
}

fn note(count: &mut Count, trial: &Trial, passed: bool) {
    let family = usize::from(trial.flow.to.0.is_ipv6());
    if passed {
        count.passed[family] += 1
    } else {
        count.stopped[family] += 1
    }
    let to = trial.flow.to.0;
    let private = |address: IpAddr| match address {
        IpAddr::V4(address) => address.is_private() || address.octets()[0] == 100,
        IpAddr::V6(address) => address.segments()[0] == 0xfd00,
    };
    match trial.sender {
        Sender::Outside => count.inward += 1,
        Sender::Guest(..) if private(to) => count.inside += 1,
        Sender::Guest(..) => count.outward += 1,
    }
}

async fn configure(guest: &Guest, interface: &InterfaceSpec, subnet: &SubnetSpec) {
    let (router, length) = (address::router(subnet.cidr), subnet.cidr.prefix_len());
    let mut line =
        format!("ip addr add {}/{length} dev eth0; ip route add default via {router}", interface.private_ip);
    for second in &interface.secondary {
        line.push_str(&format!("; ip addr add {}/{length} dev eth0", second.private_ip));
    }
    for ipv6 in &interface.ipv6 {
        line.push_str(&format!("; ip addr add {ipv6}/128 dev eth0 nodad"));
    }
    if !interface.ipv6.is_empty() {
        line.push_str("; ip -6 route add default via fe80::1 dev eth0");
    }
    sh(&guest.ns, line).await;
}
