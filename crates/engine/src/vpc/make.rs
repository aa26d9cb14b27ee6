//! What a new VPC is made of. The first start, CreateDefaultVpc and CreateVpc make theirs here.

use cumulet_model::gateway::InternetGateway;
use cumulet_model::network::{Subnet, Vpc};
use cumulet_model::place::Region;
use cumulet_model::route::{Destination, Route, RouteTable, Target};
use cumulet_model::security::{Direction, Peer, RuleSpec, SecurityGroup, Traffic};
use cumulet_model::{
    DhcpOptionsId, GroupId, InternetGatewayId, RouteTableAssociationId, RouteTableId, SubnetId, Tags, VpcId,
};
use cumulet_store::NewVpc;
use ipnet::{IpNet, Ipv4Net, Ipv6Net};

use crate::first_start::{everywhere, new_rule};

/// A VPC with its default group and its main route table.
pub fn vpc(vpc: Vpc) -> NewVpc {
    let routes = table(&vpc.id, Some(RouteTableAssociationId::random(&mut rand::rng())));
    NewVpc { group: default_group(&vpc), routes, subnets: vec![], internet_gateway: None, vpc }
}

/// The default VPC as EC2 makes it: a /20 subnet for each zone, in which instances get public addresses, an internet
/// gateway, and a route to it (VPC guide, "Default VPCs").
pub fn default_vpc(cidr: Ipv4Net, region: &Region, options: DhcpOptionsId) -> NewVpc {
    let mut rng = rand::rng();
    let mut new = vpc(Vpc {
        is_default: true,
        dns_hostnames: true,
        dhcp_options_id: Some(options),
        ..Vpc::new(VpcId::random(&mut rng), cidr)
    });
    let parts = cidr.subnets(default_prefix(cidr)).into_iter().flatten();
    let subnets = region.zones.iter().zip(parts);
    new.subnets = subnets.map(|(zone, cidr)| default_subnet(&new.vpc.id, cidr, &zone.name)).collect();
    let gateway = InternetGatewayId::random(&mut rng);
    let target = Target::InternetGateway(gateway.clone());
    let destination = Destination::Cidr(IpNet::V4(Ipv4Net::default()));
    new.routes.routes.push(Route { destination, target });
    new.internet_gateway =
        Some(InternetGateway { id: gateway, vpc_id: Some(new.vpc.id.clone()), tags: Tags::new() });
    new
}

/// A /20 for a VPC that is a /16, and less for a smaller one.
pub fn default_prefix(vpc: Ipv4Net) -> u8 {
    (vpc.prefix_len() + 4).min(28)
}

/// A default subnet.
pub fn default_subnet(vpc: &VpcId, cidr: Ipv4Net, zone: &str) -> Subnet {
    let id = SubnetId::random(&mut rand::rng());
    let subnet = Subnet::new(id, vpc.clone(), cidr, zone);
    Subnet { default_for_zone: true, map_public_ip_on_launch: true, ..subnet }
}

/// A route table without routes.
pub fn table(vpc: &VpcId, main: Option<RouteTableAssociationId>) -> RouteTable {
    RouteTable {
        id: RouteTableId::random(&mut rand::rng()),
        vpc_id: vpc.clone(),
        main,
        subnets: vec![],
        routes: vec![],
        tags: Tags::new(),
    }
}

/// All IPv6 traffic to and from everywhere.
pub fn everywhere6() -> RuleSpec {
    RuleSpec { traffic: Traffic::All, peer: Peer::Cidr6(Ipv6Net::default()) }
}

/// A default group: admits its own members and lets everything out (VPC guide, "Default security groups").
fn default_group(vpc: &Vpc) -> SecurityGroup {
    let id = GroupId::random(&mut rand::rng());
    let own = RuleSpec { traffic: Traffic::All, peer: Peer::Group(id.clone()) };
    let mut rules = vec![
        new_rule(&id, Direction::Ingress, own, None, Tags::new()),
        new_rule(&id, Direction::Egress, everywhere(), None, Tags::new()),
    ];
    if !vpc.ipv6_cidrs.is_empty() {
        rules.push(new_rule(&id, Direction::Egress, everywhere6(), None, Tags::new()));
    }
    SecurityGroup {
        vpc_id: vpc.id.clone(),
        name: SecurityGroup::DEFAULT_NAME.into(),
        description: "default VPC security group".into(),
        rules,
        tags: Tags::new(),
        id,
    }
}
