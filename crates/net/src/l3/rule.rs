//! A rule of policy routing: which table a packet's way is looked up in.

use std::net::IpAddr;

use ipnet::IpNet;
use netlink_packet_route::AddressFamily;
use netlink_packet_route::route::RouteProtocol;
use netlink_packet_route::rule::{RuleAction, RuleAttribute, RuleMessage};

use super::{MAIN, ROUTE_PROTOCOL};
use crate::family::Family;

/// The table of a namespace's own addresses, which the kernel keeps.
const LOCAL: u32 = 255;
/// A table that is asked last, and that nobody fills.
const DEFAULT: u32 = 253;
/// Priorities of the kernel's own rules for the two.
const MAIN_PRIORITY: u32 = 32766;
const DEFAULT_PRIORITY: u32 = 32767;

/// A rule.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct RoutingRule {
    /// Of which packets.
    pub family: Family,
    /// The one with the lowest is asked first.
    pub priority: u32,
    /// Only packets whose mark has these bits under this mask.
    pub mark: Option<(u32, u32)>,
    /// Only packets from here.
    pub from: Option<IpNet>,
    /// Only packets to here.
    pub to: Option<IpNet>,
    /// The table.
    pub table: u32,
}

impl RoutingRule {
    /// A rule for all packets.
    pub fn new(family: Family, priority: u32, table: u32) -> Self {
        Self { family, priority, mark: None, from: None, to: None, table }
    }

    /// The rules that a namespace begins with.
    pub fn usual(family: Family) -> Vec<Self> {
        let mut rules = vec![Self::new(family, 0, LOCAL), Self::new(family, MAIN_PRIORITY, MAIN)];
        if family == Family::V4 {
            rules.push(Self::new(family, DEFAULT_PRIORITY, DEFAULT));
        }
        rules
    }

    /// The message that makes it.
    pub(super) fn message(&self) -> RuleMessage {
        let mut message = RuleMessage::default();
        message.header.family = match self.family {
            Family::V4 => AddressFamily::Inet,
            Family::V6 => AddressFamily::Inet6,
        };
        message.header.action = RuleAction::ToTable;
        message.header.table = u8::try_from(self.table).unwrap_or(0);
        let attributes = &mut message.attributes;
        attributes.push(RuleAttribute::Table(self.table));
        attributes.push(RuleAttribute::Priority(self.priority));
        attributes.push(RuleAttribute::Protocol(RouteProtocol::Other(ROUTE_PROTOCOL)));
        if let Some((bits, mask)) = self.mark {
            attributes.extend([RuleAttribute::FwMark(bits), RuleAttribute::FwMask(mask)]);
        }
        if let Some(net) = self.from {
            message.header.src_len = net.prefix_len();
            attributes.push(RuleAttribute::Source(net.network()));
        }
        if let Some(net) = self.to {
            message.header.dst_len = net.prefix_len();
            attributes.push(RuleAttribute::Destination(net.network()));
        }
        message
    }

    /// What a message says; `None` if it says more than we ever do.
    pub(super) fn read(message: &RuleMessage) -> Option<Self> {
        let family = match message.header.family {
            AddressFamily::Inet => Family::V4,
            AddressFamily::Inet6 => Family::V6,
            _ => return None,
        };
        let mut rule = Self::new(family, 0, message.header.table.into());
        // Of no bits the kernel tells the mask alone.
        let (mut bits, mut mask) = (None, None);
        let net = |ip: &IpAddr, length| IpNet::new(*ip, length).ok();
        for attribute in &message.attributes {
            match attribute {
                RuleAttribute::Table(number) => rule.table = *number,
                RuleAttribute::Priority(number) => rule.priority = *number,
                RuleAttribute::FwMark(number) => bits = Some(*number),
                RuleAttribute::FwMask(number) => mask = Some(*number),
                RuleAttribute::Source(ip) => rule.from = net(ip, message.header.src_len),
                RuleAttribute::Destination(ip) => rule.to = net(ip, message.header.dst_len),
                RuleAttribute::SuppressPrefixLen(u32::MAX) | RuleAttribute::SuppressIfGroup(u32::MAX) => {}
                RuleAttribute::Protocol(_) => {}
                _ => return None,
            }
        }
        if bits.is_some() || mask.is_some() {
            rule.mark = Some((bits.unwrap_or(0), mask.unwrap_or(u32::MAX)));
        }
        let plain = message.header.action == RuleAction::ToTable && message.header.tos == 0;
        // A bit beyond those of a link that is missing: `not`.
        (plain && message.header.flags.bits() & INVERTED == 0).then_some(rule)
    }
}

/// `FIB_RULE_INVERT` (linux/fib_rules.h).
const INVERTED: u32 = 2;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_said_is_read_so() {
        let marked =
            RoutingRule { mark: Some((0x700, 0xf_ff00)), ..RoutingRule::new(Family::V4, 1007, 1007) };
        let own = RoutingRule { mark: Some((0, 0xf_ff00)), ..RoutingRule::new(Family::V6, 33000, 999) };
        let between = RoutingRule {
            from: Some("10.0.0.0/24".parse().unwrap()),
            to: Some("10.0.0.0/24".parse().unwrap()),
            ..RoutingRule::new(Family::V4, 90, MAIN)
        };
        for rule in RoutingRule::usual(Family::V4).into_iter().chain([marked, own, between]) {
            assert_eq!(RoutingRule::read(&rule.message()), Some(rule));
        }
    }
}
