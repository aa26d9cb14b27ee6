//! Explanations in sentences, and how each could be mended.

use cumulet_model::security::Direction;

use crate::{Code, Explanation, HopRule, Way};

impl Explanation {
    /// The reason in a sentence.
    pub fn text(&self) -> String {
        let component = &self.component;
        let packet = self.packet.map_or_else(String::new, |packet| format!(" {packet}"));
        let way = if self.way == Way::Back { "the answer" } else { "the packet" };
        let side = match self.direction {
            Some(Direction::Ingress) => "inbound",
            Some(Direction::Egress) => "outbound",
            None => "",
        };
        match self.code {
            Code::GroupRules => {
                format!("no {side} rule of the security groups of {component} allows{packet}")
            }
            Code::Acl => match &self.rule {
                Some(HopRule::Acl(hit)) => match &hit.entry {
                    Some(entry) => {
                        format!("{side} entry {} of the {component} denies {way}{packet}", entry.number)
                    }
                    None => format!("no {side} entry of the {component} allows {way}{packet}"),
                },
                _ => format!("the {component} denies {way}{packet}"),
            },
            Code::NoRoute => format!("{component} has no route for {way}{packet}"),
            Code::BadStateRoute => format!("the route that {component} has for {way}{packet} is a blackhole"),
            Code::CannotRoute => format!("{component} does not carry{packet}"),
            Code::SourceDestCheck => {
                format!("{component} is held to its own addresses, which{packet} has not at its {side} end")
            }
            Code::Spoofed => format!("{component} takes nothing under another's address:{packet}"),
            Code::NoPublicEgress => {
                let who = self.interface.as_ref().map_or_else(|| "the source".into(), ToString::to_string);
                format!("{who} has no public address for the one that it sends from:{packet}")
            }
            Code::NoPublicIngress => format!("nobody has the public address that {way} is for:{packet}"),
            Code::NotToPrivate | Code::NotToShared => {
                format!("addresses that are private or shared are not behind an internet gateway:{packet}")
            }
            Code::NatSource => format!("{component} serves only interfaces of its VPC:{packet}"),
            Code::NoDestination => format!("{component} has nobody to give {way}{packet} to"),
            Code::Protocol => format!("{component} does not take{packet}"),
            Code::BadState => {
                format!("{component} does not run, so none of its interfaces is on the network")
            }
            Code::Disconnected => format!("{component} has no address by which the source could ask for it"),
            Code::Unassociated => format!("{component} is not there"),
            Code::NoEnd => "the source or destination is not there".into(),
            Code::NoPath => format!("{way}{packet} does not come to where it should"),
            Code::AtSourceAddress
            | Code::AtDestinationAddress
            | Code::AtDestinationPort
            | Code::AtDestinationSource
            | Code::AtDestinationSourcePort => format!("it arrives otherwise than the filter wants:{packet}"),
        }
    }

    /// How it could be mended.
    pub fn remedy(&self) -> &'static str {
        match self.code {
            Code::GroupRules => "authorize it in one of the interface's security groups",
            Code::Acl => "add an entry with a lower number that allows it, or change the one that denies",
            Code::NoRoute => "add a route to the subnet's route table",
            Code::BadStateRoute => "replace the route's target by one that is there",
            Code::CannotRoute => "route this address family by another gateway",
            Code::SourceDestCheck => "if the instance is to forward, switch its source/destination check off",
            Code::Spoofed => "let the instance that forwards masquerade, or give the source a public address",
            Code::NoPublicEgress => {
                "give the interface a public or elastic address, or route its subnet by a NAT gateway"
            }
            Code::NoPublicIngress => "give the destination a public or elastic address and ask for that",
            Code::NotToPrivate | Code::NotToShared => "ask for a public address",
            Code::NatSource => "give the source its own way out",
            Code::NoDestination => "ask for an address that somebody has",
            Code::Protocol => "use a protocol and port that it serves",
            Code::BadState => "start the instance",
            Code::Disconnected => "give the destination a public or elastic address",
            Code::Unassociated => "attach it to the VPC",
            Code::NoEnd => "name a source and a destination",
            Code::NoPath
            | Code::AtSourceAddress
            | Code::AtDestinationAddress
            | Code::AtDestinationPort
            | Code::AtDestinationSource
            | Code::AtDestinationSourcePort => "check the addresses and filters of the question",
        }
    }
}
