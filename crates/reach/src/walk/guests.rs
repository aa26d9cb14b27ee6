//! At a guest: its subnet's ACL, its groups, its source/destination check; and guests that forward.

use std::net::IpAddr;

use cumulet_model::security::Direction;
use cumulet_ports::network::InterfaceSpec;

use super::{Arrival, Session, Translator, Walk, with_destination, with_source};
use crate::matching::allowed_by;
use crate::topology::{addresses, is_in};
use crate::{Code, Component, Hop, HopRule, Packet, Way};

impl<'a> Walk<'_, 'a> {
    pub(super) fn ask_groups(
        &mut self,
        vpc: usize,
        interface: &InterfaceSpec,
        direction: Direction,
        packet: Packet,
        forwarded: bool,
    ) {
        if self.is_established() {
            return;
        }
        let id = Some(self.vpc(vpc).spec.id.clone());
        match allowed_by(self.vpc(vpc), interface, direction, &packet, forwarded) {
            Some(hit) => {
                let component = Component::Group(hit.group.clone());
                let (inbound, outbound) = (Some(packet), Some(packet));
                let rule = Some(HopRule::Group(hit));
                self.hop(Hop { component, vpc: id, subnet: None, inbound, outbound, rule });
            }
            None => {
                let component = Component::Interface(interface.id.clone());
                let fault = self.fault(Code::GroupRules, component, packet);
                (fault.vpc, fault.interface) = (id, Some(interface.id.clone()));
                (fault.groups, fault.direction) = (interface.groups.clone(), Some(direction));
            }
        }
    }

    /// A packet comes to an interface, be it the destination or one that forwards.
    pub(super) fn deliver(
        &mut self,
        vpc: usize,
        to: &'a InterfaceSpec,
        packet: Packet,
        forwarded: bool,
    ) -> Arrival<'a> {
        let Some(subnet) = self.vpc(vpc).subnet(&to.subnet_id) else { return Arrival::Lost };
        if forwarded || !is_in(subnet, packet.source) {
            self.ask_acl(vpc, subnet, Direction::Ingress, packet);
        }
        self.ask_groups(vpc, to, Direction::Ingress, packet, forwarded);
        let own = addresses(to).contains(&packet.destination);
        if !own && to.source_dest_check {
            let component = Component::Interface(to.id.clone());
            self.fault(Code::SourceDestCheck, component, packet).direction = Some(Direction::Ingress);
            return Arrival::Lost;
        }
        self.hop_at(Component::Interface(to.id.clone()), vpc, Some(packet), None);
        self.hop_at(Component::Instance(to.instance_id.clone()), vpc, Some(packet), None);
        if !own {
            return self.forward(vpc, to, packet);
        }
        match self.translated_by(to, packet) {
            Some(original) => self.send_on(vpc, to, with_destination(packet, original), true),
            None => Arrival::Interface(vpc, to, packet),
        }
    }

    /// A guest sends on what is not for it: as it is within the VPC, under its own address out of it.
    fn forward(&mut self, vpc: usize, by: &'a InterfaceSpec, packet: Packet) -> Arrival<'a> {
        if !self.forwarders.contains(&by.id) {
            self.forwarders.push(by.id.clone());
        }
        let inside = self.vpc(vpc).ranges().any(|range| range.contains(&packet.destination));
        if inside || self.way == Way::Back || packet.source.is_ipv6() {
            return self.send_on(vpc, by, packet, true);
        }
        let sent = with_source(packet, IpAddr::V4(by.private_ip));
        self.sessions.push(Session { by: Translator::Guest(by.id.clone()), was: packet, is: sent });
        self.send_on(vpc, by, sent, false)
    }

    fn send_on(&mut self, vpc: usize, by: &'a InterfaceSpec, packet: Packet, forwarded: bool) -> Arrival<'a> {
        self.hop_at(Component::Interface(by.id.clone()), vpc, None, Some(packet));
        self.send(vpc, by, packet, forwarded)
    }

    /// For the answer to what a guest sent on under its own address: whose it is.
    fn translated_by(&self, guest: &InterfaceSpec, packet: Packet) -> Option<IpAddr> {
        if self.way == Way::Forward {
            return None;
        }
        let by = Translator::Guest(guest.id.clone());
        let session = self.sessions.iter().rev().find(|session| session.by == by)?;
        (session.is.answer() == Some(packet)).then_some(session.was.source)
    }
}
