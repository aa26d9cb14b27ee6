//! What a VPC's route tables become in Linux: a table each, in which what is local is thrown to the main table, and a rule
//! that has it asked for packets with its mark. What no route of a table matches is unreachable.

use std::collections::BTreeMap;

use cumulet_ports::network::{
    InterfaceSpec, NatGatewaySpec, RouteSpec, RouteTableSpec, RouteTarget, VpcSpec,
};
use ipnet::{IpNet, Ipv4Net, Ipv6Net};

use super::tables::{TABLE_MASK, TableNumber, Tables};
use super::{LINK_LOCAL, Plan, Route, SERVICES_V6, Way};
use crate::family::Family;
use crate::l3::{MAIN, RoutingRule, link_local};
use crate::names::{self, EDGE_TO_VPC, EGRESS_ONLY, IGW, ROUTER_V6};

/// Linux's table of the way out by the internet gateway, for what does not ask a subnet's route table.
const GATEWAY_TABLE: u32 = 999;
/// Rules' priorities, after that of the namespace's own addresses and before that of the main table, but for the last:
/// when the main table knows nothing, it leads out what the router itself sends, and is asked where the source of what
/// comes in is to be found. Neither has a mark; all that comes from guests does.
const WITHIN_SUBNET: u32 = 90;
const FORWARDS: u32 = 95;
const TABLES: u32 = 1000;
const ROUTER: u32 = 33000;
/// The bit of a packet's mark that says that its connection came by a port of the host's own address.
pub const FORWARD_MARK: u32 = 0x4;

/// Puts the routes and rules of all route tables into `plan`.
pub(super) fn put(plan: &mut Plan, vpc: &VpcSpec, tables: &Tables<'_>) {
    for family in super::families(vpc) {
        plan.rules.extend(RoutingRule::usual(family));
        let rule = |priority| RoutingRule::new(family, priority, GATEWAY_TABLE);
        if let Some(link) = way_out(vpc, family) {
            plan.routes.insert(Route::within(GATEWAY_TABLE, all(family), by_gateway(family, link)));
            plan.rules.insert(RoutingRule { mark: Some((0, TABLE_MASK)), ..rule(ROUTER) });
            plan.rules.insert(RoutingRule { mark: Some((FORWARD_MARK, FORWARD_MARK)), ..rule(FORWARDS) });
        }
        for (number, table) in tables.iter() {
            let linux = number.linux_table();
            let ways = ways(vpc, family, tables, table).into_iter();
            plan.routes.extend(ways.map(|(to, way)| Route::within(linux, to, way)));
            plan.rules.insert(rule_of(family, number));
        }
        plan.rules.extend(within_subnets(vpc, family, tables));
    }
}

/// The link by which the router itself gets out.
fn way_out(vpc: &VpcSpec, family: Family) -> Option<&'static str> {
    match family {
        _ if vpc.internet_gateway => Some(IGW),
        Family::V6 if vpc.egress_only_gateway => Some(EGRESS_ONLY),
        _ => None,
    }
}

fn rule_of(family: Family, number: TableNumber) -> RoutingRule {
    let linux = number.linux_table();
    let priority = TABLES + (number.mark() >> TABLE_MASK.trailing_zeros());
    RoutingRule { mark: Some((number.mark(), TABLE_MASK)), ..RoutingRule::new(family, priority, linux) }
}

/// A route that leads to all of a subnet elsewhere is for those who come from other subnets.
fn within_subnets(vpc: &VpcSpec, family: Family, tables: &Tables<'_>) -> Vec<RoutingRule> {
    let blocks = vpc.subnets.iter().filter_map(|subnet| Some((subnet, family.block(subnet)?.trunc())));
    let led_away = blocks.filter(|(subnet, net)| {
        tables
            .table_of(&subnet.id)
            .is_some_and(|table| table.routes.iter().any(|route| route.to.trunc() == *net))
    });
    led_away
        .map(|(_, net)| RoutingRule {
            from: Some(net),
            to: Some(net),
            ..RoutingRule::new(family, WITHIN_SUBNET, MAIN)
        })
        .collect()
}

/// Where a table leads, destination by destination.
fn ways(vpc: &VpcSpec, family: Family, tables: &Tables<'_>, table: &RouteTableSpec) -> BTreeMap<IpNet, Way> {
    let mut ways: BTreeMap<IpNet, Way> = local(vpc, family).map(|net| (net, Way::Throw)).collect();
    for route in routes(table, family) {
        ways.insert(route.to.trunc(), directly(vpc, family, &route.target));
    }
    let own: Vec<IpNet> = ways.keys().copied().collect();
    for route in routes(table, family) {
        match &route.target {
            RouteTarget::NatGateway(id) if family == Family::V4 => {
                let Some(gateway) = vpc.nat_gateways.iter().find(|gateway| gateway.id == *id) else {
                    continue;
                };
                let beyond = tables.table_of(&gateway.subnet_id);
                ways.extend(by_nat(vpc, gateway, beyond, route.to.trunc(), &own));
            }
            // What is for the interface itself gets there whatever it forwards.
            RouteTarget::Interface(id) => {
                let interfaces = vpc.interfaces.iter().filter(|interface| interface.id == *id);
                let addresses = interfaces.flat_map(|interface| family.addresses(interface));
                let within = addresses.map(|(own, _)| IpNet::from(own)).filter(|own| route.to.contains(own));
                let local = within.filter(|own| local(vpc, family).any(|net| net.contains(own)));
                ways.extend(local.map(|own| (own, Way::Throw)));
            }
            _ => {}
        }
    }
    ways.entry(all(family)).or_insert(Way::Unreachable);
    ways
}

/// What every table has by itself: the VPC's ranges, and link-local addresses, which the router answers.
fn local(vpc: &VpcSpec, family: Family) -> impl Iterator<Item = IpNet> {
    let ranges: Vec<IpNet> = match family {
        Family::V4 => super::ranges(vpc).chain([LINK_LOCAL]).map(IpNet::from).collect(),
        Family::V6 => {
            vpc.ipv6_cidrs.iter().map(Ipv6Net::trunc).chain([SERVICES_V6]).map(IpNet::from).collect()
        }
    };
    ranges.into_iter()
}

fn all(family: Family) -> IpNet {
    match family {
        Family::V4 => Ipv4Net::default().into(),
        Family::V6 => Ipv6Net::default().into(),
    }
}

fn routes(table: &RouteTableSpec, family: Family) -> impl Iterator<Item = &RouteSpec> {
    table.routes.iter().filter(move |route| Family::of(&route.to) == family)
}

/// The way to a target; a NAT gateway's is that of its subnet's table.
fn directly(vpc: &VpcSpec, family: Family, target: &RouteTarget) -> Way {
    match target {
        RouteTarget::InternetGateway if vpc.internet_gateway => by_gateway(family, IGW),
        RouteTarget::EgressOnlyGateway if vpc.egress_only_gateway && family == Family::V6 => {
            by_gateway(family, EGRESS_ONLY)
        }
        RouteTarget::Interface(id) => match vpc.interfaces.iter().find(|interface| interface.id == *id) {
            // One that is held to its own addresses is sent nothing for others (VPC guide, "NAT instances").
            Some(interface) if !interface.source_dest_check => by_guest(interface, family),
            _ => Way::Blackhole,
        },
        _ => Way::Blackhole,
    }
}

fn by_guest(interface: &InterfaceSpec, family: Family) -> Way {
    let router = match family {
        Family::V4 => interface.private_ip.into(),
        Family::V6 if interface.ipv6.is_empty() => return Way::Blackhole,
        Family::V6 => link_local(interface.mac).into(),
    };
    Way::Via { router, link: names::tap(&interface.id), source: None }
}

fn by_gateway(family: Family, link: &str) -> Way {
    let router = match family {
        Family::V4 => EDGE_TO_VPC.into(),
        Family::V6 => ROUTER_V6.into(),
    };
    Way::Via { router, link: link.to_owned(), source: None }
}

/// Where a route to a NAT gateway leads: there as far as the gateway's own subnet's table leads on to the internet
/// gateway, and nowhere else. `own` are the destinations that the table with the route decides itself.
fn by_nat(
    vpc: &VpcSpec,
    gateway: &NatGatewaySpec,
    beyond: Option<&RouteTableSpec>,
    to: IpNet,
    own: &[IpNet],
) -> Vec<(IpNet, Way)> {
    let lead = |target: Option<&RouteTarget>| match target {
        Some(RouteTarget::InternetGateway) if vpc.internet_gateway => {
            by_gateway(Family::V4, &names::nat_link(&gateway.id))
        }
        _ => Way::Blackhole,
    };
    let further = || beyond.into_iter().flat_map(|table| routes(table, Family::V4));
    let widest = further().filter(|route| route.to.contains(&to)).max_by_key(|route| route.to.prefix_len());
    let mut ways = vec![(to, lead(widest.map(|route| &route.target)))];
    for route in further().filter(|route| to.contains(&route.to) && route.to.prefix_len() > to.prefix_len()) {
        let net = route.to.trunc();
        let decided = own.iter().any(|own| to.contains(own) && *own != to && own.contains(&net));
        if !decided {
            ways.push((net, lead(Some(&route.target))));
        }
    }
    ways
}

#[cfg(test)]
mod tests {
    use std::net::IpAddr;

    use cumulet_ports::network::SubnetSpec;

    use super::*;
    use crate::plan::tables;

    fn net(text: &str) -> IpNet {
        text.parse().unwrap()
    }

    fn table(n: u32, routes: &[(&str, RouteTarget)]) -> RouteTableSpec {
        let routes = routes.iter().map(|(to, target)| RouteSpec { to: net(to), target: target.clone() });
        RouteTableSpec { id: format!("rtb-{n:08x}").parse().unwrap(), routes: routes.collect() }
    }

    /// A VPC with a NAT gateway in a subnet with the first of two tables.
    fn vpc(public: RouteTableSpec, private: RouteTableSpec) -> VpcSpec {
        let subnet = |n: u32, table: &RouteTableSpec| SubnetSpec {
            route_table: Some(table.id.clone()),
            ..SubnetSpec::new(
                format!("subnet-{n:08x}").parse().unwrap(),
                format!("10.0.{n}.0/24").parse().unwrap(),
            )
        };
        let gateway = NatGatewaySpec {
            id: "nat-00000001".parse().unwrap(),
            interface_id: "eni-00000001".parse().unwrap(),
            subnet_id: "subnet-00000001".parse().unwrap(),
            private_ip: "10.0.1.4".parse().unwrap(),
            public_ip: "198.18.0.9".parse().unwrap(),
            max_connections: 55_000,
        };
        VpcSpec {
            subnets: vec![subnet(1, &public), subnet(2, &private)],
            nat_gateways: vec![gateway],
            route_tables: vec![public, private],
            ..VpcSpec::open("vpc-00000001".parse().unwrap(), "10.0.0.0/16".parse().unwrap())
        }
    }

    fn nat() -> RouteTarget {
        RouteTarget::NatGateway("nat-00000001".parse().unwrap())
    }

    /// Where the longest prefix of the second table leads.
    fn way(vpc: &VpcSpec, to: &str) -> Way {
        let to: IpAddr = to.parse().unwrap();
        let family = if to.is_ipv4() { Family::V4 } else { Family::V6 };
        let ways = ways(vpc, family, &tables(vpc), &vpc.route_tables[1]);
        let longest =
            ways.into_iter().filter(|(net, _)| net.contains(&to)).max_by_key(|(net, _)| net.prefix_len());
        longest.unwrap().1
    }

    #[test]
    fn a_nat_gateway_leads_as_far_as_its_own_subnets_table_does() {
        let gateway = RouteTarget::InternetGateway;
        let public = table(
            1,
            &[
                ("0.0.0.0/0", gateway.clone()),
                ("203.0.113.0/24", RouteTarget::Blackhole),
                ("203.0.113.9/32", gateway),
                ("192.0.2.0/24", RouteTarget::Blackhole),
            ],
        );
        let private = table(2, &[("0.0.0.0/0", nat()), ("192.0.0.0/8", RouteTarget::InternetGateway)]);
        let vpc = vpc(public, private);
        let by_nat = by_gateway(Family::V4, "nat00000001");
        assert_eq!(way(&vpc, "1.1.1.1"), by_nat);
        assert_eq!(way(&vpc, "203.0.113.1"), Way::Blackhole, "the gateway's subnet leads there nowhere");
        assert_eq!(way(&vpc, "203.0.113.9"), by_nat);
        assert_eq!(
            way(&vpc, "192.0.2.1"),
            by_gateway(Family::V4, IGW),
            "the own table's longer route decides"
        );
        assert_eq!(way(&vpc, "10.0.9.9"), Way::Throw);
        assert_eq!(way(&vpc, "169.254.169.254"), Way::Throw);
    }

    #[test]
    fn a_nat_gateway_in_a_private_subnet_or_one_that_went_leads_nowhere() {
        let private = table(2, &[("0.0.0.0/0", nat())]);
        let inner = vpc(table(1, &[("0.0.0.0/0", nat())]), private.clone());
        assert_eq!(way(&inner, "1.1.1.1"), Way::Blackhole);
        let mut gone = vpc(table(1, &[("0.0.0.0/0", RouteTarget::InternetGateway)]), private);
        assert_ne!(way(&gone, "1.1.1.1"), Way::Blackhole);
        gone.internet_gateway = false;
        assert_eq!(way(&gone, "1.1.1.1"), Way::Blackhole, "without the internet gateway");
        gone.internet_gateway = true;
        gone.nat_gateways.clear();
        assert_eq!(way(&gone, "1.1.1.1"), Way::Blackhole);
    }

    #[test]
    fn without_a_default_route_the_rest_is_unreachable() {
        let vpc = vpc(table(1, &[]), table(2, &[("203.0.113.0/24", RouteTarget::InternetGateway)]));
        assert_eq!(way(&vpc, "203.0.113.1"), by_gateway(Family::V4, IGW));
        assert_eq!(way(&vpc, "203.0.114.1"), Way::Unreachable);
    }

    #[test]
    fn ipv6_gets_out_by_either_gateway_and_never_by_nat() {
        let routes = [
            ("::/0", RouteTarget::EgressOnlyGateway),
            ("2001:db8::/32", RouteTarget::InternetGateway),
            ("2001:db8:1::/48", nat()),
        ];
        let mut vpc = vpc(table(1, &[]), table(2, &routes));
        vpc.ipv6_cidrs = vec!["fd00:c0de:0:100::/56".parse().unwrap()];
        assert_eq!(way(&vpc, "2a00::1"), Way::Blackhole, "not attached");
        vpc.egress_only_gateway = true;
        assert_eq!(way(&vpc, "2a00::1"), by_gateway(Family::V6, EGRESS_ONLY));
        assert_eq!(way(&vpc, "2001:db8::1"), by_gateway(Family::V6, IGW));
        assert_eq!(way(&vpc, "2001:db8:1::1"), Way::Blackhole);
        assert_eq!(way(&vpc, "fd00:c0de:0:101::9"), Way::Throw);
        assert_eq!(way(&vpc, "fd00:ec2::254"), Way::Throw);
    }
}
