//! A leg's journey: through a VPC's namespace, the edge's and the host's, as its links lead.

use std::collections::BTreeMap;
use std::net::IpAddr;

use cumulet_model::packet::{Packet, Protocol};
use cumulet_ports::walk::{Leg, LegEnd, LegStart, Step, Walked};

use super::held::Held;
use super::matches::Seen;
use super::routes::{self, Lookup, Routed};
use super::rules::{Filter, Outcome, Verdict};
use super::tracking::{Known, Tracking};
use crate::config::Tag;
use crate::error::NetError;
use crate::names;
use crate::sys::{NetNs, netns};

/// How many namespaces a leg may come through: out, over the edge, and in again, with room.
const MOST_VISITS: usize = 8;

/// Walks legs through what is read of the namespaces on the way.
pub struct Journey<'a> {
    tag: &'a Tag,
    host: NetNs,
    held: BTreeMap<String, Held>,
    tracking: Tracking,
}

/// Where a packet leaves a namespace.
enum Left {
    By(String),
    Here,
    Never(LegEnd),
}

/// A packet on its way.
struct Passage {
    namespace: String,
    /// Link that it comes in by; empty if it begins here.
    input: String,
    mac: Option<String>,
    packet: Packet,
}

impl<'a> Journey<'a> {
    /// A journey through an installation's namespaces.
    pub fn new(tag: &'a Tag, host: NetNs) -> Self {
        Self { tag, host, held: BTreeMap::new(), tracking: Tracking::default() }
    }

    /// Forgets the connections of earlier legs, so that another way can be walked; what was read is kept.
    pub fn forget(&mut self) {
        self.tracking = Tracking::default();
    }

    /// Walks one leg. The end is told by the tap's name in place of an interface's id, which `interface` finds.
    pub async fn walk(
        &mut self,
        leg: &Leg,
        interface: impl Fn(&str) -> Option<cumulet_model::InterfaceId>,
    ) -> Result<Walked, NetError> {
        let mut steps = Vec::new();
        let mut passage = self.begin(leg).await?;
        for _ in 0..MOST_VISITS {
            let end = match self.visit(&mut passage, &mut steps).await? {
                Left::Never(end) => end,
                Left::Here if passage.namespace.starts_with(&names::vpc_namespace_prefix(self.tag)) => {
                    LegEnd::Router
                }
                Left::Here => LegEnd::Elsewhere(format!("{} itself", passage.namespace)),
                Left::By(link) => match self.next(&passage.namespace, &link).await? {
                    Some((namespace, input)) => {
                        (passage.namespace, passage.input, passage.mac) = (namespace, input, None);
                        continue;
                    }
                    None if passage.namespace == self.host.name() => LegEnd::Outside,
                    None => interface(&link).map_or(LegEnd::Elsewhere(link), LegEnd::Interface),
                },
            };
            return Ok(Walked { steps, end, packet: passage.packet });
        }
        Ok(Walked { steps, end: LegEnd::Dropped, packet: passage.packet })
    }

    async fn begin(&mut self, leg: &Leg) -> Result<Passage, NetError> {
        match &leg.from {
            LegStart::Interface { vpc, id, mac } => Ok(Passage {
                namespace: names::vpc_namespace(self.tag, vpc),
                input: names::tap(id),
                mac: Some(mac.to_string()),
                packet: leg.packet,
            }),
            LegStart::Outside => {
                let name = self.host.name().to_owned();
                let input = self.uplink(leg.packet.source).await?;
                Ok(Passage { namespace: name, input, mac: None, packet: leg.packet })
            }
        }
    }

    /// The host's link that leads to an outside address; empty for one of its own.
    async fn uplink(&mut self, source: IpAddr) -> Result<String, NetError> {
        let lookup = Lookup { source: None, destination: source, input: None, mark: 0 };
        let name = self.host.name().to_owned();
        let host = self.held(&name).await?;
        match routes::route(&host.ns, lookup).await? {
            Routed::Out(index, _) => Ok(host.link(index).unwrap_or_default().to_owned()),
            Routed::Local | Routed::Nowhere(_) => Ok(String::new()),
        }
    }

    async fn held(&mut self, name: &str) -> Result<&Held, NetError> {
        if !self.held.contains_key(name) {
            let ns = if name == self.host.name() { Some(self.host.clone()) } else { NetNs::open(name)? };
            let ns = ns.ok_or_else(|| NetError::Missing { what: format!("namespace {name}") })?;
            self.held.insert(name.to_owned(), Held::read(ns).await?);
        }
        Ok(&self.held[name])
    }

    /// The other end of a link of ours.
    async fn next(&mut self, namespace: &str, link: &str) -> Result<Option<(String, String)>, NetError> {
        let from = self.held(namespace).await?.links.get(link).cloned();
        let Some((index, peer)) = from.and_then(|link| Some((link.index, link.peer?))) else {
            return Ok(None);
        };
        let edge = names::edge_namespace(self.tag);
        let mut others = Vec::new();
        if namespace == edge {
            others.push(self.host.name().to_owned());
            others.extend(netns::list(&names::vpc_namespace_prefix(self.tag)));
        } else {
            others.push(edge);
        }
        // An index is unique in its namespace alone: both ends must name each other, and be of our naming.
        for other in others.into_iter().filter(|other| *other != namespace) {
            if !could_join(self.tag, namespace, link, &other, self.host.name()) {
                continue;
            }
            let held = self.held(&other).await?;
            let found = held.links.iter().find(|(_, link)| link.index == peer && link.peer == Some(index));
            if let Some((name, _)) = found {
                return Ok(Some((other.clone(), name.clone())));
            }
        }
        Ok(None)
    }

    /// One namespace: what its rules and routes do with the packet.
    async fn visit(&mut self, passage: &mut Passage, steps: &mut Vec<Step>) -> Result<Left, NetError> {
        let (name, arrived) = (passage.namespace.clone(), passage.packet);
        let known = self.tracking.look(&name, arrived);
        let held = self.held(&name).await?;
        let mut seen = Seen {
            packet: arrived,
            input: passage.input.clone(),
            output: String::new(),
            mac: passage.mac.clone(),
            mark: 0,
            connmark: 0,
            state: match known {
                Known::New | Known::Again { answered: false, .. } => "NEW",
                Known::Again { .. } | Known::Answer { .. } => "ESTABLISHED",
            },
            reply: matches!(known, Known::Answer { .. }),
            dnat: false,
            snat: false,
        };
        let mut visit = Visit { held, steps, known };
        let left = visit.go(&mut seen).await?;
        passage.packet = seen.packet;
        if !matches!(left, Left::Never(_)) && known == Known::New {
            self.tracking.confirm(&name, arrived, seen.packet);
        }
        Ok(left)
    }
}

/// Whether a link can join two namespaces of ours, by their names.
fn could_join(tag: &Tag, namespace: &str, link: &str, other: &str, host: &str) -> bool {
    let edge = names::edge_namespace(tag);
    if namespace == host {
        return link == names::host_link(tag) && other == edge;
    }
    if namespace != edge {
        return other == edge;
    }
    if other == host {
        return link == names::EDGE_UP;
    }
    let digits = |vpc: &str| vpc.strip_prefix(&names::vpc_namespace_prefix(tag)).map(str::to_owned);
    let named = link.strip_prefix(names::VPC_LINK_PREFIX);
    named.is_none_or(|named| digits(other).is_some_and(|digits| digits == named)) && link != names::EDGE_UP
}

/// A namespace at work on one packet.
struct Visit<'v> {
    held: &'v Held,
    steps: &'v mut Vec<Step>,
    known: Known,
}

impl Visit<'_> {
    async fn go(&mut self, seen: &mut Seen) -> Result<Left, NetError> {
        let begins_here = seen.input.is_empty();
        let first = if begins_here { "OUTPUT" } else { "PREROUTING" };
        for table in ["raw", "mangle"] {
            if let Some(end) = self.ask(table, first, seen) {
                return Ok(Left::Never(end));
            }
        }
        if let Some(end) = self.new_destination(first, seen) {
            return Ok(Left::Never(end));
        }
        let routed = self.route(seen).await?;
        let output = match routed {
            Some(Routed::Out(index, own)) => (self.held.link(index).unwrap_or_default().to_owned(), own),
            Some(Routed::Local) => {
                seen.output = String::new();
                for table in ["mangle", "filter"] {
                    if let Some(end) = self.ask(table, "INPUT", seen) {
                        return Ok(Left::Never(end));
                    }
                }
                return Ok(Left::Here);
            }
            Some(Routed::Nowhere(_)) | None => return Ok(Left::Never(LegEnd::Dropped)),
        };
        seen.output = output.0;
        let middle: &[(&str, &str)] = match begins_here {
            true => &[("filter", "OUTPUT"), ("mangle", "POSTROUTING")],
            false => &[("mangle", "FORWARD"), ("filter", "FORWARD"), ("mangle", "POSTROUTING")],
        };
        for (table, chain) in middle {
            if let Some(end) = self.ask(table, chain, seen) {
                return Ok(Left::Never(end));
            }
        }
        if let Some(end) = self.new_source(seen, output.1).await? {
            return Ok(Left::Never(end));
        }
        Ok(Left::By(seen.output.clone()))
    }

    /// What one of the kernel's chains says; an end if the packet goes no further.
    fn ask(&mut self, table: &str, chain: &str, seen: &mut Seen) -> Option<LegEnd> {
        let outcome = self.outcome(table, chain, seen)?;
        match outcome.verdict {
            Verdict::Drop => Some(LegEnd::Dropped),
            Verdict::Unknown => Some(LegEnd::Unknown),
            _ => None,
        }
    }

    /// Notes what a chain says, unless it holds nothing.
    fn outcome(&mut self, table: &str, chain: &str, seen: &mut Seen) -> Option<Outcome> {
        let rules = if seen.packet.source.is_ipv4() { &self.held.ipv4 } else { &self.held.ipv6 };
        let held = rules.tables.get(table)?;
        let filter = Filter { table: held, members: &self.held.members };
        let outcome = filter.chain(chain, seen);
        let is_silent = held.chains.get(chain).is_none_or(|chain| chain.rules.is_empty());
        if !(is_silent && outcome.verdict == Verdict::Accept) {
            self.step(format!("{table}/{chain}"), outcome.rule.clone());
        }
        Some(outcome)
    }

    fn step(&mut self, place: String, rule: String) {
        self.steps.push(Step { namespace: self.held.ns.name().to_owned(), place, rule });
    }

    /// Before the route: for a new connection what `nat` says, else what tracking remembers.
    fn new_destination(&mut self, chain: &str, seen: &mut Seen) -> Option<LegEnd> {
        match self.known {
            Known::Again { translated, .. } | Known::Answer { translated } => {
                seen.dnat = translated.destination != seen.packet.destination;
                seen.packet = destination(seen.packet, translated.destination, port_to(translated));
                None
            }
            Known::New => match self.outcome("nat", chain, seen)?.verdict {
                Verdict::Destination(to, port) => {
                    seen.packet = destination(seen.packet, to, port);
                    seen.dnat = true;
                    None
                }
                Verdict::Drop => Some(LegEnd::Dropped),
                Verdict::Unknown | Verdict::Source(_) => Some(LegEnd::Unknown),
                Verdict::Accept => None,
            },
        }
    }

    /// After all else: the same for the source.
    async fn new_source(&mut self, seen: &mut Seen, own: Option<IpAddr>) -> Result<Option<LegEnd>, NetError> {
        match self.known {
            Known::Again { translated, .. } | Known::Answer { translated } => {
                seen.packet =
                    source(seen.packet, translated.source, translated.protocol.ports().map(|p| p.0));
                return Ok(None);
            }
            Known::New => {}
        }
        let Some(outcome) = self.outcome("nat", "POSTROUTING", seen) else { return Ok(None) };
        match outcome.verdict {
            Verdict::Source(Some(from)) => seen.packet = source(seen.packet, from, None),
            Verdict::Source(None) => {
                let lookup = Lookup {
                    source: None,
                    destination: seen.packet.destination,
                    input: None,
                    mark: seen.mark,
                };
                let asked = match own {
                    Some(own) => Some(own),
                    None => match routes::route(&self.held.ns, lookup).await? {
                        Routed::Out(_, own) => own,
                        _ => None,
                    },
                };
                match asked {
                    Some(from) => seen.packet = source(seen.packet, from, None),
                    None => return Ok(Some(LegEnd::Unknown)),
                }
            }
            Verdict::Drop => return Ok(Some(LegEnd::Dropped)),
            Verdict::Unknown | Verdict::Destination(..) => return Ok(Some(LegEnd::Unknown)),
            Verdict::Accept => {}
        }
        Ok(None)
    }

    async fn route(&mut self, seen: &Seen) -> Result<Option<Routed>, NetError> {
        let input = self.held.links.get(&seen.input).map(|link| link.index);
        if input.is_none() && !seen.input.is_empty() {
            self.step("route".into(), format!("there is no link {}", seen.input));
            return Ok(None);
        }
        let lookup = Lookup {
            source: Some(seen.packet.source),
            destination: seen.packet.destination,
            input,
            mark: seen.mark,
        };
        let routed = routes::route(&self.held.ns, lookup).await?;
        let shown = match &routed {
            Routed::Out(index, _) => {
                format!("{} by {}", seen.packet.destination, self.held.link(*index).unwrap_or("?"))
            }
            Routed::Local => format!("{} is here", seen.packet.destination),
            Routed::Nowhere(why) => format!("{}: {why}", seen.packet.destination),
        };
        self.step("route".into(), shown);
        Ok(Some(routed))
    }
}

fn port_to(packet: Packet) -> Option<u16> {
    packet.protocol.ports().map(|ports| ports.1)
}

fn destination(packet: Packet, to: IpAddr, port: Option<u16>) -> Packet {
    let protocol = match (packet.protocol, port) {
        (Protocol::Tcp { source, .. }, Some(destination)) => Protocol::Tcp { source, destination },
        (Protocol::Udp { source, .. }, Some(destination)) => Protocol::Udp { source, destination },
        (other, _) => other,
    };
    Packet { destination: to, protocol, ..packet }
}

fn source(packet: Packet, from: IpAddr, port: Option<u16>) -> Packet {
    let protocol = match (packet.protocol, port) {
        (Protocol::Tcp { destination, .. }, Some(source)) => Protocol::Tcp { source, destination },
        (Protocol::Udp { destination, .. }, Some(source)) => Protocol::Udp { source, destination },
        (other, _) => other,
    };
    Packet { source: from, protocol, ..packet }
}
