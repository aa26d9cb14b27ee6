//! The VPC's own router: metadata, DNS and ping, whatever groups and ACLs say (VPC guide, "Security groups": traffic
//! that they do not filter).

use super::{Arrival, Sent, Walk};
use crate::{Code, Component, Protocol};

impl<'a> Walk<'_, 'a> {
    pub(super) fn serve(&mut self, sent: Sent<'a>, service: &'static str) -> Arrival<'a> {
        let component = Component::Service(service);
        let protocol = sent.packet.protocol;
        let dns = self.vpc(sent.vpc).spec.dns.support;
        let served = match protocol {
            Protocol::Tcp { destination, .. } => {
                (service == "metadata" && destination == 80) || (service == "dns" && destination == 53 && dns)
            }
            Protocol::Udp { source, destination } => {
                (service == "dns" && destination == 53 && dns) || (source == 68 && destination == 67)
            }
            Protocol::Icmp { icmp_type, .. } => icmp_type == 8,
            Protocol::Icmpv6 { icmp_type, .. } => icmp_type == 128,
            Protocol::Other(_) => false,
        };
        if sent.forwarded {
            self.fault(Code::Spoofed, component, sent.packet);
            return Arrival::Lost;
        }
        if !served {
            self.fault(Code::Protocol, component, sent.packet);
            return Arrival::Lost;
        }
        self.hop_at(component, sent.vpc, Some(sent.packet), None);
        Arrival::Service
    }
}
