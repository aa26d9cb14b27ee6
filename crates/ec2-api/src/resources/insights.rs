//! Network insights: a path, and an analysis with what it found.

use cumulet_model::insights::{
    FoundHop, FoundReason, FoundRule, InsightsAnalysis, InsightsPath, Part, PathFilter,
};
use cumulet_model::packet::Packet;
use cumulet_model::security::{Peer, PortRange, Traffic};
use cumulet_model::tag::resource_type;
use cumulet_model::{ErrorCode, GroupId, InsightsAnalysisId, InsightsPathId};

use crate::call::Facts;
use crate::describe::{Ids, Kind, id_form};
use crate::filter::{FilterTable, one, opt};
use crate::paging::Bounds;
use crate::xml::Xml;

const PAGE: Bounds = Bounds { min: 1, max: 100 };

/// How paths are described.
pub const PATH: Kind<InsightsPath> = Kind {
    ids: Some(Ids {
        parameter: "NetworkInsightsPathId",
        of: |path| path.id.to_string(),
        check: id_form::<InsightsPathId>,
        not_found: ErrorCode::InvalidInsightsPathIdNotFound,
        noun: "network insights path ID",
    }),
    filters: &FilterTable {
        names: &[
            ("destination", |path, _| opt(path.ask.destination.as_ref())),
            ("filter-at-source.source-address", |path, _| opt(path.ask.at_source.source)),
            ("filter-at-source.source-port-range", |path, _| {
                opt(range_text(path.ask.at_source.source_ports))
            }),
            ("filter-at-source.destination-address", |path, _| opt(path.ask.at_source.destination)),
            ("filter-at-source.destination-port-range", |path, _| {
                opt(range_text(path.ask.at_source.destination_ports))
            }),
            ("filter-at-destination.source-address", |path, _| opt(path.ask.at_destination.source)),
            ("filter-at-destination.source-port-range", |path, _| {
                opt(range_text(path.ask.at_destination.source_ports))
            }),
            ("filter-at-destination.destination-address", |path, _| opt(path.ask.at_destination.destination)),
            ("filter-at-destination.destination-port-range", |path, _| {
                opt(range_text(path.ask.at_destination.destination_ports))
            }),
            ("protocol", |path, _| one(&path.ask.protocol)),
            ("source", |path, _| one(&path.ask.source)),
        ],
        absent: &[],
        tags: Some(|path| &path.tags),
    },
    page: Some((PAGE, |path| path.id.to_string())),
};

/// How analyses are described.
pub const ANALYSIS: Kind<InsightsAnalysis> = Kind {
    ids: Some(Ids {
        parameter: "NetworkInsightsAnalysisId",
        of: |analysis| analysis.id.to_string(),
        check: id_form::<InsightsAnalysisId>,
        not_found: ErrorCode::InvalidInsightsAnalysisIdNotFound,
        noun: "network insights analysis ID",
    }),
    filters: &FilterTable {
        names: &[
            ("path-found", |analysis, _| one(analysis.findings.reachable)),
            ("status", |_, _| one("succeeded")),
        ],
        absent: &[],
        tags: Some(|analysis| &analysis.tags),
    },
    page: Some((PAGE, |analysis| analysis.id.to_string())),
};

fn range_text(range: Option<PortRange>) -> Option<String> {
    range.map(|range| format!("{}-{}", range.first, range.last))
}

/// A path's fields.
pub fn path_xml(path: &InsightsPath, facts: &Facts<'_>) -> Xml {
    let ask = &path.ask;
    let arn = |id: &str| match resource_type(id) {
        "unknown" => None,
        kind => Some(facts.arn(kind, id)),
    };
    let one_port = ask.at_source.destination_ports.filter(|range| range.first == range.last);
    Xml::new()
        .text("networkInsightsPathId", &path.id)
        .text("networkInsightsPathArn", facts.arn("network-insights-path", &path.id))
        .time("createdDate", path.created)
        .text("source", &ask.source)
        .maybe("destination", ask.destination.as_ref())
        .maybe("sourceArn", arn(&ask.source))
        .maybe("destinationArn", ask.destination.as_deref().and_then(arn))
        .maybe("sourceIp", ask.at_source.source)
        .maybe("destinationIp", ask.at_source.destination.or(ask.at_destination.destination))
        .text("protocol", &ask.protocol)
        .maybe("destinationPort", one_port.map(|range| range.first))
        .tags(&path.tags)
        .maybe_node("filterAtSource", filter(&ask.at_source))
        .maybe_node("filterAtDestination", filter(&ask.at_destination))
}

fn filter(filter: &PathFilter) -> Option<Xml> {
    let range = |range: PortRange| Xml::new().text("fromPort", range.first).text("toPort", range.last);
    let all = Xml::new()
        .maybe("sourceAddress", filter.source)
        .maybe_node("sourcePortRange", filter.source_ports.map(range))
        .maybe("destinationAddress", filter.destination)
        .maybe_node("destinationPortRange", filter.destination_ports.map(range));
    (*filter != PathFilter::default()).then_some(all)
}

/// An analysis' fields.
pub fn analysis_xml(analysis: &InsightsAnalysis, facts: &Facts<'_>) -> Xml {
    let findings = &analysis.findings;
    let hops = |hops: &[FoundHop]| -> Vec<Xml> {
        hops.iter().enumerate().map(|(at, hop)| hop_xml(at + 1, hop, facts)).collect()
    };
    let warnings = findings.warnings.join("; ");
    Xml::new()
        .text("networkInsightsAnalysisId", &analysis.id)
        .text("networkInsightsAnalysisArn", facts.arn("network-insights-analysis", &analysis.id))
        .text("networkInsightsPathId", &analysis.path_id)
        .texts("filterInArnSet", &analysis.through)
        .texts("filterOutArnSet", &analysis.not_through)
        .time("startDate", analysis.started)
        .text("status", "succeeded")
        .maybe("warningMessage", (!warnings.is_empty()).then_some(warnings))
        .text("networkPathFound", findings.reachable)
        .list("forwardPathComponentSet", hops(&findings.forward))
        .list("returnPathComponentSet", hops(&findings.back))
        .list("explanationSet", findings.explanations.iter().map(|reason| reason_xml(reason, facts)))
        .list("alternatePathHintSet", findings.hints.iter().map(|hint| hint_xml(hint, facts)))
        .tags(&analysis.tags)
}

fn hint_xml(hint: &Part, facts: &Facts<'_>) -> Xml {
    Xml::new().text("componentId", &hint.id).text("componentArn", facts.arn(&hint.kind, &hint.id))
}

fn part_xml(part: &Part, facts: &Facts<'_>) -> Xml {
    let has_arn = !matches!(part.kind.as_str(), "address" | "service");
    Xml::new().text("id", &part.id).maybe("arn", has_arn.then(|| facts.arn(&part.kind, &part.id)))
}

fn by_id(kind: &str, id: &Option<String>, facts: &Facts<'_>) -> Option<Xml> {
    let id = id.as_ref()?;
    Some(Xml::new().text("id", id).text("arn", facts.arn(kind, id)))
}

fn hop_xml(number: usize, hop: &FoundHop, facts: &Facts<'_>) -> Xml {
    Xml::new()
        .text("sequenceNumber", number)
        .maybe_node("aclRule", hop.rule.as_ref().and_then(acl_rule))
        .node("component", part_xml(&hop.part, facts))
        .maybe_node("outboundHeader", hop.outbound.as_ref().map(header))
        .maybe_node("inboundHeader", hop.inbound.as_ref().map(header))
        .maybe_node("routeTableRoute", hop.rule.as_ref().and_then(route))
        .maybe_node("securityGroupRule", hop.rule.as_ref().and_then(group_rule))
        .maybe_node("subnet", by_id("subnet", &hop.subnet, facts))
        .maybe_node("vpc", by_id("vpc", &hop.vpc, facts))
}

fn reason_xml(reason: &FoundReason, facts: &Facts<'_>) -> Xml {
    let rule = reason.rule.as_ref();
    let kind = reason.part.kind.as_str();
    let named = |wanted: &str| (kind == wanted).then(|| part_xml(&reason.part, facts));
    let group = |id: &GroupId| Xml::new().text("id", id).text("arn", facts.arn("security-group", id));
    let direction = reason.egress.map(|egress| if egress { "egress" } else { "ingress" });
    let ports = reason.packet.and_then(|packet| packet.protocol.ports());
    let protocols = reason.packet.map(|packet| packet.protocol.number().to_string());
    Xml::new()
        .maybe_node("acl", named("network-acl"))
        .maybe_node("aclRule", rule.and_then(acl_rule))
        .maybe("address", reason.packet.map(|packet| packet.destination))
        .node("component", part_xml(&reason.part, facts))
        .maybe("direction", direction)
        .text("explanationCode", &reason.code)
        .maybe_node("internetGateway", named("internet-gateway"))
        .maybe_node("natGateway", named("natgateway"))
        .maybe_node("networkInterface", by_id("network-interface", &reason.interface, facts))
        .maybe("port", ports.map(|ports| ports.1))
        .texts("protocolSet", protocols)
        .maybe_node("routeTableRoute", rule.and_then(route))
        .maybe_node("routeTable", named("route-table"))
        .list("securityGroupSet", reason.groups.iter().map(group))
        .maybe_node("subnet", by_id("subnet", &reason.subnet, facts))
        .maybe_node("vpc", by_id("vpc", &reason.vpc, facts))
}

fn port_range(first: u16, last: u16) -> Xml {
    Xml::new().text("from", first).text("to", last)
}

fn header(packet: &Packet) -> Xml {
    let ports = packet.protocol.ports();
    let length = if packet.source.is_ipv4() { 32 } else { 128 };
    Xml::new()
        .texts("destinationAddressSet", [format!("{}/{length}", packet.destination)])
        .list("destinationPortRangeSet", ports.map(|ports| port_range(ports.1, ports.1)))
        .text("protocol", packet.protocol.number())
        .texts("sourceAddressSet", [format!("{}/{length}", packet.source)])
        .list("sourcePortRangeSet", ports.map(|ports| port_range(ports.0, ports.0)))
}

fn ports_of(traffic: Traffic) -> Option<Xml> {
    match traffic {
        Traffic::Tcp(range) | Traffic::Udp(range) => Some(port_range(range.first, range.last)),
        _ => None,
    }
}

fn acl_rule(rule: &FoundRule) -> Option<Xml> {
    let FoundRule::Acl { number, egress, allow, traffic, cidr } = rule else { return None };
    Some(
        Xml::new()
            .text("cidr", cidr)
            .text("egress", egress)
            .maybe_node("portRange", ports_of(*traffic))
            .text("protocol", traffic.protocol())
            .text("ruleAction", if *allow { "allow" } else { "deny" })
            .text("ruleNumber", number),
    )
}

fn group_rule(rule: &FoundRule) -> Option<Xml> {
    let FoundRule::Group { egress, rule, .. } = rule else { return None };
    let (mut cidr, mut list, mut group) = (None, None, None);
    match &rule.peer {
        Peer::Cidr(net) => cidr = Some(net.to_string()),
        Peer::Cidr6(net) => cidr = Some(net.to_string()),
        Peer::PrefixList(id) => list = Some(id),
        Peer::Group(id) => group = Some(id),
    }
    Some(
        Xml::new()
            .maybe("cidr", cidr)
            .text("direction", if *egress { "egress" } else { "ingress" })
            .maybe("securityGroupId", group)
            .maybe_node("portRange", ports_of(rule.traffic))
            .maybe("prefixListId", list)
            .text("protocol", rule.traffic.protocol()),
    )
}

fn route(rule: &FoundRule) -> Option<Xml> {
    let FoundRule::Route { to, target, active } = rule else { return None };
    let target = target.as_deref();
    let of = |prefix: &str| target.filter(|id| id.starts_with(prefix));
    let gateway = target.filter(|id| *id == "local" || id.starts_with("igw"));
    Some(
        Xml::new()
            .text("destinationCidr", to)
            .maybe("egressOnlyInternetGatewayId", of("eigw"))
            .maybe("gatewayId", gateway)
            .maybe("natGatewayId", of("nat-"))
            .maybe("networkInterfaceId", of("eni-"))
            .text("origin", if target == Some("local") { "createroutetable" } else { "createroute" })
            .text("state", if *active { "active" } else { "blackhole" }),
    )
}
