//! One packet's way through the network, as EC2 documents it.
//!
//! From a guest: its groups, its subnet's ACL, its subnet's route table; then the neighbour, a gateway or another guest
//! that forwards. What would stop it is noted and, where that makes sense, walked past. Groups are asked for the first
//! packet of a connection only, ACLs and routes for its answer too.

mod gateways;
mod guests;
mod services;

use std::net::IpAddr;

use cumulet_model::InterfaceId;
use cumulet_model::security::Direction;
use cumulet_ports::network::{InterfaceSpec, RouteTarget, SubnetSpec};

use crate::matching::acl_says;
use crate::topology::{Net, Vpc, is_in};
use crate::{AclHit, Code, Component, Explanation, Hop, HopRule, Packet, RouteHit, Way};

/// How often a packet may be sent on before it is said to go round in circles.
const MOST_SENDINGS: u32 = 16;

/// A walk there and back.
pub struct Walk<'n, 'a> {
    net: &'n Net<'a>,
    way: Way,
    /// Hops there and back.
    pub hops: [Vec<Hop>; 2],
    /// What stops it.
    pub faults: Vec<Explanation>,
    sessions: Vec<Session>,
    /// The VPC that the packet left by its egress-only gateway.
    egress_only: Option<usize>,
    sendings: u32,
    /// Guests that would have to forward.
    pub forwarders: Vec<InterfaceId>,
}

/// A source address that was replaced on the way there.
struct Session {
    by: Translator,
    was: Packet,
    is: Packet,
}

#[derive(PartialEq)]
enum Translator {
    Nat(cumulet_model::NatGatewayId),
    Guest(InterfaceId),
}

/// Where a packet ended.
#[derive(Clone)]
pub enum Arrival<'a> {
    /// At an interface that has its destination's address.
    Interface(usize, &'a InterfaceSpec, Packet),
    /// Outside, by the gateway of a VPC.
    Outside(usize, Packet),
    /// At the VPC's router.
    Service,
    /// Nowhere.
    Lost,
}

/// A packet that a guest sends.
#[derive(Clone, Copy)]
struct Sent<'a> {
    vpc: usize,
    by: &'a InterfaceSpec,
    packet: Packet,
    /// Whether its source is another's.
    forwarded: bool,
}

impl<'n, 'a> Walk<'n, 'a> {
    /// A walk that has not begun.
    pub fn new(net: &'n Net<'a>) -> Self {
        Self {
            net,
            way: Way::Forward,
            hops: [vec![], vec![]],
            faults: vec![],
            sessions: vec![],
            egress_only: None,
            sendings: 0,
            forwarders: vec![],
        }
    }

    /// From now on the answer's way.
    pub fn turn(&mut self) {
        self.way = Way::Back;
        self.sendings = 0;
    }

    fn vpc(&self, at: usize) -> &'n Vpc<'a> {
        &self.net.vpcs[at]
    }

    /// Whether it belongs to a connection that was allowed.
    fn is_established(&self) -> bool {
        self.way == Way::Back
    }

    fn hop(&mut self, hop: Hop) {
        self.hops[usize::from(self.way == Way::Back)].push(hop);
    }

    fn hop_at(
        &mut self,
        component: Component,
        vpc: usize,
        inbound: Option<Packet>,
        outbound: Option<Packet>,
    ) {
        let vpc = Some(self.vpc(vpc).spec.id.clone());
        self.hop(Hop { component, vpc, subnet: None, inbound, outbound, rule: None });
    }

    fn fault(&mut self, code: Code, component: Component, packet: Packet) -> &mut Explanation {
        let explanation = Explanation { packet: Some(packet), ..Explanation::new(code, component, self.way) };
        let at = self.faults.len();
        self.faults.push(explanation);
        &mut self.faults[at]
    }

    /// A guest's packet from its interface on.
    pub fn begin_inside(&mut self, vpc: usize, by: &'a InterfaceSpec, packet: Packet) -> Arrival<'a> {
        self.hop_at(Component::Instance(by.instance_id.clone()), vpc, None, Some(packet));
        self.hop_at(Component::Interface(by.id.clone()), vpc, None, Some(packet));
        let forwarded = !crate::topology::addresses(by).contains(&packet.source);
        if forwarded && by.source_dest_check {
            let component = Component::Interface(by.id.clone());
            self.fault(Code::SourceDestCheck, component, packet).direction = Some(Direction::Egress);
        }
        self.send(vpc, by, packet, forwarded)
    }

    fn send(&mut self, vpc: usize, by: &'a InterfaceSpec, packet: Packet, forwarded: bool) -> Arrival<'a> {
        self.sendings += 1;
        let Some(subnet) = self.vpc(vpc).subnet(&by.subnet_id) else { return Arrival::Lost };
        if self.sendings > MOST_SENDINGS {
            self.fault(Code::NoPath, Component::Interface(by.id.clone()), packet);
            return Arrival::Lost;
        }
        let sent = Sent { vpc, by, packet, forwarded };
        if let Some(service) = self.vpc(vpc).service(packet.destination) {
            return self.serve(sent, service);
        }
        self.ask_groups(vpc, by, Direction::Egress, packet, forwarded);
        if !is_in(subnet, packet.destination) {
            self.ask_acl(vpc, subnet, Direction::Egress, packet);
        }
        let Some(route) = self.route(vpc, subnet, packet) else { return Arrival::Lost };
        self.follow(sent, &route)
    }

    /// The route that a subnet's packets take, if it leads on.
    fn route(&mut self, vpc: usize, subnet: &SubnetSpec, packet: Packet) -> Option<RouteHit> {
        let (id, place) = (self.vpc(vpc).spec.id.clone(), Some(subnet.id.clone()));
        let table = self.vpc(vpc).table(subnet).map(|table| table.id.clone());
        let component = table.map_or(Component::Subnet(subnet.id.clone()), Component::RouteTable);
        let Some(route) = self.vpc(vpc).route(subnet, packet.destination) else {
            let fault = self.fault(Code::NoRoute, component, packet);
            (fault.vpc, fault.subnet) = (Some(id), place);
            return None;
        };
        let rule = Some(HopRule::Route(route.clone()));
        if !route.active {
            let fault = self.fault(Code::BadStateRoute, component, packet);
            (fault.vpc, fault.subnet, fault.rule) = (Some(id), place, rule);
            return None;
        }
        let (inbound, outbound) = (Some(packet), Some(packet));
        self.hop(Hop { component, vpc: Some(id), subnet: place, inbound, outbound, rule });
        Some(route)
    }

    fn follow(&mut self, sent: Sent<'a>, route: &RouteHit) -> Arrival<'a> {
        match &route.target {
            None => self.reach_neighbour(sent),
            Some(RouteTarget::InternetGateway) => self.leave_by_internet(sent),
            Some(RouteTarget::EgressOnlyGateway) => self.leave_by_egress_only(sent, route),
            Some(RouteTarget::NatGateway(id)) => self.leave_by_nat(sent, id, route),
            Some(RouteTarget::Interface(id)) => {
                let interfaces = &self.vpc(sent.vpc).spec.interfaces;
                match interfaces.iter().find(|interface| interface.id == *id) {
                    Some(next) => self.deliver(sent.vpc, next, sent.packet, sent.forwarded),
                    None => Arrival::Lost,
                }
            }
            Some(RouteTarget::Blackhole) => Arrival::Lost,
        }
    }

    fn reach_neighbour(&mut self, sent: Sent<'a>) -> Arrival<'a> {
        match self.vpc(sent.vpc).owner(sent.packet.destination) {
            Some(owner) => self.deliver(sent.vpc, owner, sent.packet, sent.forwarded),
            None => self.reach_nobody(sent.vpc, sent.packet),
        }
    }

    fn reach_nobody(&mut self, vpc: usize, packet: Packet) -> Arrival<'a> {
        let id = self.vpc(vpc).spec.id.clone();
        let fault = self.fault(Code::NoDestination, Component::Vpc(id.clone()), packet);
        fault.vpc = Some(id);
        Arrival::Lost
    }

    fn ask_acl(&mut self, vpc: usize, subnet: &SubnetSpec, direction: Direction, packet: Packet) {
        let (allowed, entry) = acl_says(subnet, direction, &packet);
        let component = Component::Acl(subnet.id.clone());
        let rule = Some(HopRule::Acl(AclHit { subnet: subnet.id.clone(), direction, entry }));
        let (id, place) = (Some(self.vpc(vpc).spec.id.clone()), Some(subnet.id.clone()));
        if allowed {
            let (inbound, outbound) = (Some(packet), Some(packet));
            self.hop(Hop { component, vpc: id, subnet: place, inbound, outbound, rule });
        } else {
            let fault = self.fault(Code::Acl, component, packet);
            (fault.vpc, fault.subnet, fault.rule) = (id, place, rule);
            fault.direction = Some(direction);
        }
    }

    /// The answer of the interface that was reached.
    pub fn answer_from(&mut self, vpc: usize, by: &'a InterfaceSpec, packet: Packet) -> Arrival<'a> {
        self.hop_at(Component::Instance(by.instance_id.clone()), vpc, None, Some(packet));
        self.hop_at(Component::Interface(by.id.clone()), vpc, None, Some(packet));
        self.send(vpc, by, packet, false)
    }

    /// Whether this is the VPC of that id.
    pub fn is_vpc(&self, at: usize, id: &cumulet_model::VpcId) -> bool {
        self.vpc(at).spec.id == *id
    }

    /// What comes by an internet gateway, or from the world, for an address that a VPC has.
    pub fn begin_outside(&mut self, packet: Packet) -> Arrival<'a> {
        self.hop(Hop {
            component: Component::Outside(packet.source),
            vpc: None,
            subnet: None,
            inbound: None,
            outbound: Some(packet),
            rule: None,
        });
        self.enter(packet)
    }
}

fn with_source(packet: Packet, source: IpAddr) -> Packet {
    Packet { source, ..packet }
}

fn with_destination(packet: Packet, destination: IpAddr) -> Packet {
    Packet { destination, ..packet }
}
