//! Gateways: the internet gateway's translation of one address by one, NAT gateways, and the egress-only gateway.

use std::net::{IpAddr, Ipv4Addr};

use cumulet_model::NatGatewayId;
use cumulet_model::security::Direction;
use cumulet_ports::network::{NatGatewaySpec, RouteTarget};
use ipnet::{IpNet, Ipv4Net, Ipv6Net};

use super::{Arrival, Sent, Session, Translator, Walk, with_destination, with_source};
use crate::topology::{PublicOf, is_in, private_addresses};
use crate::{Code, Component, HopRule, Packet, Protocol, RouteHit, Way};

/// Private addresses (RFC 1918).
const PRIVATE: [Ipv4Net; 3] = [net([10, 0, 0, 0], 8), net([172, 16, 0, 0], 12), net([192, 168, 0, 0], 16)];
/// Shared addresses (RFC 6598).
const SHARED: Ipv4Net = net([100, 64, 0, 0], 10);
/// What else is never the internet: this network, this host, link-local, multicast and reserved (RFC 6890).
const NEVER: [Ipv4Net; 4] =
    [net([0, 0, 0, 0], 8), net([127, 0, 0, 0], 8), net([169, 254, 0, 0], 16), net([224, 0, 0, 0], 3)];

const fn net([a, b, c, d]: [u8; 4], length: u8) -> Ipv4Net {
    Ipv4Net::new_assert(Ipv4Addr::new(a, b, c, d), length)
}

impl<'a> Walk<'_, 'a> {
    /// Out by the internet gateway.
    pub(super) fn leave_by_internet(&mut self, sent: Sent<'a>) -> Arrival<'a> {
        let gateway = Component::InternetGateway(self.vpc(sent.vpc).spec.id.clone());
        if sent.forwarded {
            self.fault(Code::Spoofed, gateway.clone(), sent.packet);
        }
        let public = match sent.packet.source {
            IpAddr::V6(_) => Some(sent.packet.source),
            IpAddr::V4(source) => private_addresses(sent.by)
                .find(|(private, _)| *private == source)
                .and_then(|(_, public)| public)
                .map(IpAddr::V4),
        };
        let Some(public) = public else {
            let fault = self.fault(Code::NoPublicEgress, gateway, sent.packet);
            fault.interface = Some(sent.by.id.clone());
            return Arrival::Lost;
        };
        let out = with_source(sent.packet, public);
        self.hop_at(gateway, sent.vpc, Some(sent.packet), Some(out));
        self.outside(sent.vpc, out)
    }

    /// Out by the egress-only gateway, which takes only what began inside.
    pub(super) fn leave_by_egress_only(&mut self, sent: Sent<'a>, route: &RouteHit) -> Arrival<'a> {
        let gateway = Component::EgressOnlyGateway(self.vpc(sent.vpc).spec.id.clone());
        if sent.packet.source.is_ipv4() {
            self.fault(Code::CannotRoute, gateway, sent.packet).rule = Some(HopRule::Route(route.clone()));
            return Arrival::Lost;
        }
        if sent.forwarded {
            self.fault(Code::Spoofed, gateway.clone(), sent.packet);
        }
        if self.way == Way::Back {
            self.fault(Code::NoDestination, gateway, sent.packet);
            return Arrival::Lost;
        }
        self.egress_only = Some(sent.vpc);
        self.hop_at(gateway, sent.vpc, Some(sent.packet), Some(sent.packet));
        self.outside(sent.vpc, sent.packet)
    }

    /// Out by a NAT gateway: into its subnet, out of it again under its address, by its own subnet's route table.
    pub(super) fn leave_by_nat(
        &mut self,
        sent: Sent<'a>,
        id: &NatGatewayId,
        route: &RouteHit,
    ) -> Arrival<'a> {
        let (gateway, vpc, packet) = (Component::NatGateway(id.clone()), sent.vpc, sent.packet);
        let Some(nat) = self.vpc(vpc).nat(id) else { return Arrival::Lost };
        let Some(subnet) = self.vpc(vpc).subnet(&nat.subnet_id) else { return Arrival::Lost };
        if packet.source.is_ipv6() {
            self.fault(Code::CannotRoute, gateway, packet).rule = Some(HopRule::Route(route.clone()));
            return Arrival::Lost;
        }
        if self.way == Way::Back {
            // It knows nothing of the connection that this answers.
            self.fault(Code::NoDestination, gateway, packet);
            return Arrival::Lost;
        }
        if !matches!(packet.protocol, Protocol::Tcp { .. } | Protocol::Udp { .. } | Protocol::Icmp { .. }) {
            self.fault(Code::Protocol, gateway.clone(), packet);
        }
        if sent.forwarded {
            self.fault(Code::NatSource, gateway.clone(), packet);
        }
        if sent.forwarded || !is_in(subnet, packet.source) {
            self.ask_acl(vpc, subnet, Direction::Ingress, packet);
        }
        let own = with_source(packet, IpAddr::V4(nat.private_ip));
        self.hop_at(gateway, vpc, Some(packet), Some(own));
        if !is_in(subnet, packet.destination) {
            self.ask_acl(vpc, subnet, Direction::Egress, own);
        }
        let Some(next) = self.route(vpc, subnet, own) else { return Arrival::Lost };
        if next.target != Some(RouteTarget::InternetGateway) {
            let component = next.table.map_or(Component::Subnet(subnet.id.clone()), Component::RouteTable);
            self.fault(Code::NoRoute, component, own).subnet = Some(subnet.id.clone());
            return Arrival::Lost;
        }
        let out = with_source(own, IpAddr::V4(nat.public_ip));
        self.sessions.push(Session { by: Translator::Nat(id.clone()), was: packet, is: out });
        let internet = Component::InternetGateway(self.vpc(vpc).spec.id.clone());
        self.hop_at(internet, vpc, Some(own), Some(out));
        self.outside(vpc, out)
    }

    /// Beyond a gateway: another public address, the world, or nothing.
    fn outside(&mut self, vpc: usize, packet: Packet) -> Arrival<'a> {
        let to = packet.destination;
        if self.net.public(to).is_some() {
            return self.enter(packet);
        }
        let place = Component::Outside(to);
        let within = |nets: &[IpNet]| nets.iter().any(|net| net.contains(&to));
        let outside = self.net.outside;
        let code = if within(&outside.pools) {
            Some(Code::NoDestination)
        } else if within(&outside.allowed) {
            None
        } else if within(&outside.refused) {
            Some(refusal(to).unwrap_or(Code::NoDestination))
        } else {
            refusal(to)
        };
        if let Some(code) = code {
            self.fault(code, place, packet);
            return Arrival::Lost;
        }
        self.hop_at(place, vpc, Some(packet), None);
        Arrival::Outside(vpc, packet)
    }

    /// From outside to whoever has the public address.
    pub(super) fn enter(&mut self, packet: Packet) -> Arrival<'a> {
        let Some((vpc, owner)) = self.net.public(packet.destination) else {
            self.fault(Code::NoPublicIngress, Component::Outside(packet.destination), packet);
            return Arrival::Lost;
        };
        let spec = self.vpc(vpc).spec;
        let left_by_egress_only = self.egress_only == Some(vpc) && packet.destination.is_ipv6();
        let by_egress_only = self.way == Way::Back && left_by_egress_only;
        let gateway = if by_egress_only {
            Component::EgressOnlyGateway(spec.id.clone())
        } else {
            Component::InternetGateway(spec.id.clone())
        };
        if !by_egress_only && !spec.internet_gateway {
            self.fault(Code::Unassociated, gateway.clone(), packet);
        }
        match owner {
            PublicOf::Interface(interface, private) => {
                let inside = with_destination(packet, private);
                self.hop_at(gateway, vpc, Some(packet), Some(inside));
                self.deliver(vpc, interface, inside, false)
            }
            PublicOf::Nat(nat) => self.answer_by_nat(vpc, nat, packet),
        }
    }

    /// An answer to what a NAT gateway sent; it takes nothing else.
    fn answer_by_nat(&mut self, vpc: usize, nat: &NatGatewaySpec, packet: Packet) -> Arrival<'a> {
        let by = Translator::Nat(nat.id.clone());
        let session = self.sessions.iter().rev().find(|session| session.by == by);
        let original = session.filter(|session| session.is.answer() == Some(packet)).map(|s| s.was.source);
        let gateway = Component::NatGateway(nat.id.clone());
        let Some(original) = original.filter(|_| self.way == Way::Back) else {
            self.fault(Code::NoDestination, gateway, packet);
            return Arrival::Lost;
        };
        let Some(subnet) = self.vpc(vpc).subnet(&nat.subnet_id) else { return Arrival::Lost };
        let own = with_destination(packet, IpAddr::V4(nat.private_ip));
        let internet = Component::InternetGateway(self.vpc(vpc).spec.id.clone());
        self.hop_at(internet, vpc, Some(packet), Some(own));
        self.ask_acl(vpc, subnet, Direction::Ingress, own);
        let inside = with_destination(packet, original);
        self.hop_at(gateway, vpc, Some(own), Some(inside));
        if !is_in(subnet, original) {
            self.ask_acl(vpc, subnet, Direction::Egress, inside);
        }
        match self.vpc(vpc).owner(original) {
            Some(owner) => self.deliver(vpc, owner, inside, false),
            None => self.reach_nobody(vpc, inside),
        }
    }
}

/// Why an address is none of the internet's, if it is not.
fn refusal(address: IpAddr) -> Option<Code> {
    let within = |nets: &[Ipv4Net], address: Ipv4Addr| nets.iter().any(|net| net.contains(&address));
    match address {
        IpAddr::V4(address) if within(&PRIVATE, address) => Some(Code::NotToPrivate),
        IpAddr::V4(address) if SHARED.contains(&address) => Some(Code::NotToShared),
        IpAddr::V4(address) if within(&NEVER, address) => Some(Code::NoDestination),
        IpAddr::V4(_) => None,
        IpAddr::V6(address) => {
            // Unique local addresses (RFC 4193) have no code of their own.
            let local = Ipv6Net::new_assert(std::net::Ipv6Addr::new(0xfc00, 0, 0, 0, 0, 0, 0, 0), 7);
            let never = address.is_multicast() || address.is_unicast_link_local() || address.is_loopback();
            (never || local.contains(&address)).then_some(Code::NoDestination)
        }
    }
}
