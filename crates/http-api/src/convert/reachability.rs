//! Questions of reachability, and their answers.

use std::net::IpAddr;

use cumulet_api_types::reachability::{
    AskReachability, KernelVerdict, ReachabilityAnswer, ReachabilityHop, ReachabilityReason,
};
use cumulet_model::CloudError;
use cumulet_model::insights::{Findings, FoundHop, FoundReason, FoundRule, PathAsk, PathFilter};
use cumulet_model::security::{Peer, PortRange, Traffic};

pub(crate) fn ask_from(ask: AskReachability) -> Result<PathAsk, CloudError> {
    let address = |field: &str, text: Option<String>| -> Result<Option<IpAddr>, CloudError> {
        let Some(text) = text else { return Ok(None) };
        let wrong = |_| CloudError::invalid_value(format!("{field} is not an IP address"));
        text.parse().map(Some).map_err(wrong)
    };
    let at_source = PathFilter {
        source: address("source_address", ask.source_address)?,
        destination: address("destination_address", ask.destination_address)?,
        destination_ports: ask.port.map(|port| PortRange { first: port, last: port }),
        source_ports: None,
    };
    Ok(PathAsk {
        source: ask.source,
        destination: Some(ask.destination),
        protocol: ask.protocol.unwrap_or_else(|| "tcp".into()),
        at_source,
        at_destination: PathFilter::default(),
    })
}

pub(crate) fn reachability_to(found: Findings) -> ReachabilityAnswer {
    ReachabilityAnswer {
        reachable: found.reachable,
        packet: found.packet.map(|packet| packet.to_string()),
        forward: found.forward.iter().map(hop_to).collect(),
        back: found.back.iter().map(hop_to).collect(),
        reasons: found.explanations.into_iter().map(reason_to).collect(),
        hints: found.hints.into_iter().map(|hint| hint.id).collect(),
        warnings: found.warnings,
        kernel: found.kernel.map(|kernel| KernelVerdict {
            verdict: kernel.verdict,
            agrees: kernel.agrees,
            decided: kernel.decided,
        }),
    }
}

fn hop_to(hop: &FoundHop) -> ReachabilityHop {
    ReachabilityHop {
        kind: hop.part.kind.clone(),
        id: hop.part.id.clone(),
        inbound: hop.inbound.map(|packet| packet.to_string()),
        outbound: hop.outbound.map(|packet| packet.to_string()),
        rule: hop.rule.as_ref().map(rule_text),
    }
}

fn reason_to(reason: FoundReason) -> ReachabilityReason {
    ReachabilityReason {
        code: reason.code,
        kind: reason.part.kind,
        id: reason.part.id,
        answer: reason.answer,
        rule: reason.rule.as_ref().map(rule_text),
        text: reason.text,
        remedy: reason.remedy,
    }
}

fn traffic_text(traffic: Traffic) -> String {
    match traffic {
        Traffic::All => "all traffic".into(),
        Traffic::Tcp(range) | Traffic::Udp(range) if range == PortRange::ALL => traffic.protocol(),
        Traffic::Tcp(range) | Traffic::Udp(range) if range.first == range.last => {
            format!("{} {}", traffic.protocol(), range.first)
        }
        Traffic::Tcp(range) | Traffic::Udp(range) => {
            format!("{} {}-{}", traffic.protocol(), range.first, range.last)
        }
        Traffic::Protocol(number) => format!("protocol {number}"),
        Traffic::Icmp { .. } | Traffic::Icmpv6 { .. } => traffic.protocol(),
    }
}

fn rule_text(rule: &FoundRule) -> String {
    let way = |egress: bool| if egress { "to" } else { "from" };
    match rule {
        FoundRule::Group { egress, rule, .. } => {
            let peer = match &rule.peer {
                Peer::Cidr(net) => net.to_string(),
                Peer::Cidr6(net) => net.to_string(),
                Peer::PrefixList(id) => id.to_string(),
                Peer::Group(id) => id.to_string(),
            };
            format!("{} {} {peer}", traffic_text(rule.traffic), way(*egress))
        }
        FoundRule::Acl { number, egress, allow, traffic, cidr } => {
            let verdict = if *allow { "allow" } else { "deny" };
            format!("{number} {verdict} {} {} {cidr}", traffic_text(*traffic), way(*egress))
        }
        FoundRule::Route { to, target, active } => {
            let target = target.as_deref().unwrap_or("nowhere");
            format!("{to} -> {target}{}", if *active { "" } else { " (blackhole)" })
        }
    }
}
