//! VPC 10.0.0.0/16: a public subnet with a bastion (1) and a NAT gateway, a private one with an instance (2).

use std::net::Ipv4Addr;

use cumulet_model::security::{Peer, PortRange, RuleSpec, Traffic};
use cumulet_model::{GroupId, InstanceId, InterfaceId, MacAddr};
use cumulet_ports::network::{
    AclEntry, AclSpec, GroupSpec, InterfaceSpec, NatGatewaySpec, NetworkSpec, RouteSpec, RouteTableSpec,
    RouteTarget, SubnetSpec, VpcSpec,
};
use cumulet_reach::{Analysis, Asked, Endpoint, Outside, Question, Sieve, analyse};

pub struct Exercise {
    pub spec: NetworkSpec,
    pub outside: Outside,
}

fn id<T: std::str::FromStr<Err: std::fmt::Debug>>(prefix: &str, n: u8) -> T {
    format!("{prefix}-{n:08x}").parse().unwrap()
}

pub fn eni(n: u8) -> InterfaceId {
    id("eni", n)
}

pub fn instance(n: u8) -> InstanceId {
    id("i", n)
}

pub fn group(n: u8) -> GroupId {
    id("sg", n)
}

pub fn port(port: u16) -> PortRange {
    PortRange { first: port, last: port }
}

pub fn default_route(target: RouteTarget) -> RouteSpec {
    RouteSpec { to: "0.0.0.0/0".parse().unwrap(), target }
}

pub fn anything(cidr: &str) -> RuleSpec {
    RuleSpec { traffic: Traffic::All, peer: Peer::Cidr(cidr.parse().unwrap()) }
}

fn ssh(peer: Peer) -> RuleSpec {
    RuleSpec { traffic: Traffic::Tcp(port(22)), peer }
}

pub fn tcp(source: Endpoint, destination: Option<Endpoint>, to: u16) -> Question {
    let at_source = Sieve { destination_ports: Some(port(to)), ..Sieve::default() };
    Question { source, destination, asked: Asked::Tcp, at_source, at_destination: Sieve::default() }
}

fn entry(number: u16, allow: bool, traffic: Traffic) -> AclEntry {
    AclEntry { number, allow, traffic, cidr: "0.0.0.0/0".parse().unwrap() }
}

impl Exercise {
    pub fn new() -> Self {
        let subnet = |n: u8| SubnetSpec {
            route_table: Some(id("rtb", n)),
            ..SubnetSpec::new(id("subnet", n), format!("10.0.{}.0/24", n - 1).parse().unwrap())
        };
        let interface = |n: u8, public: Option<&str>| InterfaceSpec {
            id: eni(n),
            instance_id: instance(n),
            subnet_id: id("subnet", n),
            mac: MacAddr([2, 0, 0, 0, 0, n]),
            private_ip: Ipv4Addr::new(10, 0, n - 1, 4),
            public_ip: public.map(|text| text.parse().unwrap()),
            secondary: vec![],
            ipv6: vec![],
            groups: vec![group(n)],
            source_dest_check: true,
            host_name: String::new(),
            queues: 1,
        };
        let table = |n: u8, target| RouteTableSpec { id: id("rtb", n), routes: vec![default_route(target)] };
        let nat = NatGatewaySpec {
            id: id("nat", 1),
            interface_id: eni(7),
            subnet_id: id("subnet", 1),
            private_ip: Ipv4Addr::new(10, 0, 0, 7),
            public_ip: Ipv4Addr::new(198, 18, 0, 7),
            max_connections: 55_000,
        };
        let groups = vec![
            GroupSpec {
                id: group(1),
                ingress: vec![ssh(Peer::Cidr("0.0.0.0/0".parse().unwrap()))],
                egress: vec![anything("0.0.0.0/0")],
            },
            GroupSpec {
                id: group(2),
                ingress: vec![ssh(Peer::Group(group(1)))],
                egress: vec![anything("0.0.0.0/0")],
            },
        ];
        let vpc = VpcSpec {
            route_tables: vec![
                table(1, RouteTarget::InternetGateway),
                table(2, RouteTarget::NatGateway(id("nat", 1))),
            ],
            subnets: vec![subnet(1), subnet(2)],
            groups,
            interfaces: vec![interface(1, Some("198.18.0.10")), interface(2, None)],
            nat_gateways: vec![nat],
            ..VpcSpec::open(id("vpc", 1), "10.0.0.0/16".parse().unwrap())
        };
        let outside = Outside { pools: vec!["198.18.0.0/24".parse().unwrap()], ..Outside::default() };
        Self { spec: NetworkSpec { vpcs: vec![vpc] }, outside }
    }

    pub fn vpc(&mut self) -> &mut VpcSpec {
        &mut self.spec.vpcs[0]
    }

    pub fn internet(&self) -> Endpoint {
        Endpoint::InternetGateway(id("vpc", 1))
    }

    pub fn ask(&self, source: Endpoint, destination: Option<Endpoint>, to: u16) -> Analysis {
        analyse(&self.spec, &self.outside, &tcp(source, destination, to))
    }

    /// Subnet `n` refuses TCP to a port, by entry `number`, and lets all else pass.
    pub fn deny_in(&mut self, n: usize, number: u16, to: u16) {
        let all = || entry(100, true, Traffic::All);
        let ingress = vec![all(), entry(number, false, Traffic::Tcp(port(to)))];
        self.vpc().subnets[n - 1].acl = Some(AclSpec { ingress, egress: vec![all()] });
    }

    /// Subnet `n` lets out TCP to a port alone.
    pub fn only_out(&mut self, n: usize, to: u16) {
        let egress = vec![entry(100, true, Traffic::Tcp(port(to)))];
        self.vpc().subnets[n - 1].acl =
            Some(AclSpec { ingress: vec![entry(100, true, Traffic::All)], egress });
    }
}
