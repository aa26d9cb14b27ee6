//! Flows that EC2 does not track, and so cuts at once when the rules that let them through go (EC2 user guide, "Security
//! group connection tracking"): TCP and UDP that a rule lets through from or to everybody, whose answers another rule lets
//! through to or from everybody and all ports. What leaves by a NAT gateway or an egress-only gateway is tracked all the
//! same, as is every other protocol. A tracked connection goes on until it ends or is idle for too long.
//!
//! The kernel tracks all of them; those that count as untracked and that the new rules would not let through any more
//! are found here and ended.

use std::collections::{BTreeSet, HashMap, HashSet};
use std::net::IpAddr;
use std::sync::Arc;

use cumulet_model::security::{Direction, Peer, PortRange, RuleSpec, Traffic};
use cumulet_model::{GroupId, InterfaceId};
use cumulet_ports::network::{GroupSpec, InterfaceSpec, RouteTarget, VpcSpec};
use ipnet::IpNet;

use crate::family::Family;
use crate::plan;
use crate::sys::conntrack::{Flow, Way};

const TCP: u8 = 6;
const UDP: u8 = 17;

/// Which flows a change of a VPC's rules cuts.
pub struct Cut {
    /// The old and the new rules of addresses that have others now.
    changes: HashMap<IpAddr, Change>,
    /// The addresses of NAT gateways.
    gateways: BTreeSet<IpAddr>,
}

struct Change {
    old: Arc<Rules>,
    new: Arc<Rules>,
    /// Where an interface's IPv6 routes lead, and whether that is out by the egress-only gateway.
    routes: Arc<Vec<(IpNet, bool)>>,
}

/// What an interface's groups allow together.
struct Rules {
    ingress: Vec<(Traffic, Whom)>,
    egress: Vec<(Traffic, Whom)>,
}

enum Whom {
    Blocks(Vec<IpNet>),
    Members(Arc<HashSet<IpAddr>>),
}

impl Cut {
    /// `None` if the change can't cut any.
    pub fn of(old: &VpcSpec, new: &VpcSpec) -> Option<Self> {
        let changed = changed_groups(old, new);
        let now: HashMap<&InterfaceId, &InterfaceSpec> = new.interfaces.iter().map(|i| (&i.id, i)).collect();
        let (mut was, mut is) = (Resolver::new(old), Resolver::new(new));
        let tables = plan::tables(old);
        let mut changes = HashMap::new();
        for interface in &old.interfaces {
            let Some(then) = now.get(&interface.id) else { continue };
            if interface.groups == then.groups
                && !interface.groups.iter().any(|group| changed.contains(group))
            {
                continue;
            }
            let rules = was.rules(&interface.groups);
            if !rules.may_be_untracked() {
                continue;
            }
            let routes = tables.table_of(&interface.subnet_id).into_iter().flat_map(|table| &table.routes);
            let routes = routes.filter(|route| Family::of(&route.to) == Family::V6);
            let routes = routes.map(|route| (route.to, route.target == RouteTarget::EgressOnlyGateway));
            let routes = Arc::new(routes.collect());
            for (address, _) in Family::BOTH.into_iter().flat_map(|family| family.addresses(interface)) {
                let (new, routes) = (is.rules(&then.groups), Arc::clone(&routes));
                changes.insert(address, Change { old: Arc::clone(&rules), new, routes });
            }
        }
        let gateways = old.nat_gateways.iter().map(|gateway| gateway.public_ip.into()).collect();
        (!changes.is_empty()).then_some(Self { changes, gateways })
    }

    /// Whether the kernel shall track a flow no longer.
    pub fn cuts(&self, flow: &Flow) -> bool {
        let (first, answer) = (&flow.original, &flow.reply);
        if ![TCP, UDP].contains(&first.protocol) {
            return false;
        }
        // Whom each end's groups are asked about, after translation of the destination and before that of the source.
        let (sender, receiver) = (first.source, answer.source);
        let leaves = self.changes.get(&sender).is_some_and(|change| {
            let tracked =
                self.gateways.contains(&answer.destination) || change.leads_to_egress_only(receiver);
            !tracked && change.cuts(Direction::Egress, receiver, first, answer.source_port)
        });
        let arrives = self.changes.get(&receiver);
        leaves
            || arrives
                .is_some_and(|change| change.cuts(Direction::Ingress, sender, first, answer.source_port))
    }
}

impl Change {
    fn cuts(&self, direction: Direction, other: IpAddr, first: &Way, port: u16) -> bool {
        let (protocol, back) = (first.protocol, opposite(direction));
        let was_untracked = self.old.lets_everybody(direction, other, protocol, port)
            && self.old.lets_everything(back, other, protocol);
        let is_allowed = self.new.lets(direction, other, protocol, port)
            && self.new.lets(back, other, protocol, first.source_port);
        was_untracked && !is_allowed
    }

    fn leads_to_egress_only(&self, to: IpAddr) -> bool {
        let matching = self.routes.iter().filter(|(block, _)| block.contains(&to));
        matching.max_by_key(|(block, _)| block.prefix_len()).is_some_and(|(_, egress_only)| *egress_only)
    }
}

impl Rules {
    fn of(&self, direction: Direction) -> &[(Traffic, Whom)] {
        match direction {
            Direction::Ingress => &self.ingress,
            Direction::Egress => &self.egress,
        }
    }

    /// Whether there is a flow that they leave untracked.
    fn may_be_untracked(&self) -> bool {
        let for_everybody = |direction| self.of(direction).iter().any(|(_, whom)| whom.is_everybody(None));
        for_everybody(Direction::Ingress) && for_everybody(Direction::Egress)
    }

    fn lets(&self, direction: Direction, other: IpAddr, protocol: u8, port: u16) -> bool {
        self.of(direction).iter().any(|(traffic, whom)| means(*traffic, protocol, port) && whom.has(other))
    }

    fn lets_everybody(&self, direction: Direction, other: IpAddr, protocol: u8, port: u16) -> bool {
        let rules = self.of(direction).iter();
        rules
            .filter(|(_, whom)| whom.is_everybody(Some(other)))
            .any(|(traffic, _)| means(*traffic, protocol, port))
    }

    fn lets_everything(&self, direction: Direction, other: IpAddr, protocol: u8) -> bool {
        let whole = |traffic: Traffic| match traffic {
            Traffic::All => true,
            Traffic::Tcp(range) => protocol == TCP && range == PortRange::ALL,
            Traffic::Udp(range) => protocol == UDP && range == PortRange::ALL,
            Traffic::Protocol(number) => number == protocol,
            Traffic::Icmp { .. } | Traffic::Icmpv6 { .. } => false,
        };
        self.of(direction).iter().any(|(traffic, whom)| whole(*traffic) && whom.is_everybody(Some(other)))
    }
}

impl Whom {
    fn has(&self, address: IpAddr) -> bool {
        match self {
            Self::Blocks(blocks) => blocks.iter().any(|block| block.contains(&address)),
            Self::Members(members) => members.contains(&address),
        }
    }

    /// Whether it is everybody, of the family of an address if one is given.
    fn is_everybody(&self, of: Option<IpAddr>) -> bool {
        match self {
            Self::Blocks(blocks) => blocks
                .iter()
                .any(|block| block.prefix_len() == 0 && of.is_none_or(|address| block.contains(&address))),
            Self::Members(_) => false,
        }
    }
}

/// Resolves lists of groups, each once.
struct Resolver<'a> {
    vpc: &'a VpcSpec,
    groups: HashMap<&'a GroupId, &'a GroupSpec>,
    members: HashMap<GroupId, Arc<HashSet<IpAddr>>>,
    rules: HashMap<Vec<GroupId>, Arc<Rules>>,
}

impl<'a> Resolver<'a> {
    fn new(vpc: &'a VpcSpec) -> Self {
        let groups = vpc.groups.iter().map(|group| (&group.id, group)).collect();
        Self { vpc, groups, members: HashMap::new(), rules: HashMap::new() }
    }

    fn rules(&mut self, list: &[GroupId]) -> Arc<Rules> {
        if let Some(known) = self.rules.get(list) {
            return Arc::clone(known);
        }
        let groups: Vec<&GroupSpec> = list.iter().filter_map(|id| self.groups.get(id).copied()).collect();
        let mut all = |rules: fn(&GroupSpec) -> &[RuleSpec]| -> Vec<(Traffic, Whom)> {
            let rules = groups.iter().flat_map(|group| rules(group));
            rules.map(|rule| (rule.traffic, self.whom(&rule.peer))).collect()
        };
        let rules = Rules { ingress: all(|group| &group.ingress), egress: all(|group| &group.egress) };
        let rules = Arc::new(rules);
        self.rules.insert(list.to_vec(), Arc::clone(&rules));
        rules
    }

    fn whom(&mut self, peer: &Peer) -> Whom {
        match peer {
            Peer::Cidr(block) => Whom::Blocks(vec![(*block).into()]),
            Peer::Cidr6(block) => Whom::Blocks(vec![(*block).into()]),
            Peer::PrefixList(id) => {
                let list = self.vpc.prefix_lists.iter().find(|list| list.id == *id);
                Whom::Blocks(list.map(|list| list.prefixes.clone()).unwrap_or_default())
            }
            Peer::Group(id) => {
                let members = self.members.entry(id.clone()).or_insert_with(|| {
                    let members = self.vpc.interfaces.iter().filter(|i| i.groups.contains(id));
                    let both = members.flat_map(|i| Family::BOTH.map(|family| family.addresses(i)));
                    Arc::new(both.flatten().map(|(own, _)| own).collect())
                });
                Whom::Members(Arc::clone(members))
            }
        }
    }
}

/// Groups of the old state that the new one has otherwise.
fn changed_groups<'a>(old: &'a VpcSpec, new: &VpcSpec) -> HashSet<&'a GroupId> {
    let now: HashMap<&GroupId, &GroupSpec> = new.groups.iter().map(|group| (&group.id, group)).collect();
    let changed = old.groups.iter().filter(|group| now.get(&group.id) != Some(group));
    changed.map(|group| &group.id).collect()
}

fn opposite(direction: Direction) -> Direction {
    match direction {
        Direction::Ingress => Direction::Egress,
        Direction::Egress => Direction::Ingress,
    }
}

fn means(traffic: Traffic, protocol: u8, port: u16) -> bool {
    match traffic {
        Traffic::All => true,
        Traffic::Tcp(range) => protocol == TCP && range.contains(port),
        Traffic::Udp(range) => protocol == UDP && range.contains(port),
        Traffic::Protocol(number) => number == protocol,
        Traffic::Icmp { .. } | Traffic::Icmpv6 { .. } => false,
    }
}
