//! The network port: the desired state of all VPCs, and the few things that others need from it.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};
use std::os::fd::OwnedFd;

use async_trait::async_trait;
pub use cumulet_model::flow_log::FlowLogTraffic;
use cumulet_model::flow_log::LogFormat;
use cumulet_model::security::{RuleSpec, Traffic};
use cumulet_model::{
    FlowLogId, GroupId, InstanceId, InterfaceId, MacAddr, NatGatewayId, PrefixListId, RouteTableId, SubnetId,
    VpcId,
};
use ipnet::{IpNet, Ipv4Net, Ipv6Net};

use crate::walk::{Leg, Walked};
use crate::{PortError, PortResult};

/// The pool of IPv6 addresses where none is configured: of the unique local ones (RFC 4193), which nobody routes.
pub const DEFAULT_IPV6_POOL: Ipv6Net =
    Ipv6Net::new_assert(Ipv6Addr::new(0xfd00, 0xc0de, 0, 0, 0, 0, 0, 0), 48);

/// The desired network of the whole cloud.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct NetworkSpec {
    /// All VPCs.
    pub vpcs: Vec<VpcSpec>,
}

/// One VPC.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct VpcSpec {
    /// Id; names the namespace.
    pub id: VpcId,
    /// Its addresses.
    pub cidr: Ipv4Net,
    /// Further ranges of its addresses.
    pub more_cidrs: Vec<Ipv4Net>,
    /// Its IPv6 ranges, each a /56.
    pub ipv6_cidrs: Vec<Ipv6Net>,
    /// Whether an internet gateway is attached.
    pub internet_gateway: bool,
    /// Whether it has an egress-only internet gateway.
    pub egress_only_gateway: bool,
    /// Route tables; the first one is the main one, and without any nothing leaves the VPC.
    pub route_tables: Vec<RouteTableSpec>,
    /// NAT gateways that are available.
    pub nat_gateways: Vec<NatGatewaySpec>,
    /// Prefix lists that rules of its groups or its route tables name.
    pub prefix_lists: Vec<PrefixListSpec>,
    /// What its DNS does.
    pub dns: DnsSpec,
    /// What its DHCP tells.
    pub dhcp: DhcpSpec,
    /// Flow logs of it, its subnets and interfaces.
    pub flow_logs: Vec<FlowLogSpec>,
    /// Ports of the host's own address that lead to interfaces.
    pub forwards: Vec<PortForward>,
    /// Subnets.
    pub subnets: Vec<SubnetSpec>,
    /// Security groups; a group that a rule or an interface names is among them.
    pub groups: Vec<GroupSpec>,
    /// Interfaces that shall be wired: those of instances that run or are about to.
    pub interfaces: Vec<InterfaceSpec>,
}

impl VpcSpec {
    /// A VPC as the default one is: with an internet gateway, to which its main route table leads all that is not local.
    pub fn open(id: VpcId, cidr: Ipv4Net) -> Self {
        let main = RouteTableSpec {
            id: format!("rtb-{}", id.digits()).parse().expect("the form of an id"),
            routes: vec![RouteSpec { to: Ipv4Net::default().into(), target: RouteTarget::InternetGateway }],
        };
        Self {
            id,
            cidr,
            more_cidrs: vec![],
            ipv6_cidrs: vec![],
            internet_gateway: true,
            egress_only_gateway: false,
            route_tables: vec![main],
            nat_gateways: vec![],
            prefix_lists: vec![],
            dns: DnsSpec::default(),
            dhcp: DhcpSpec::default(),
            flow_logs: vec![],
            forwards: vec![],
            subnets: vec![],
            groups: vec![],
            interfaces: vec![],
        }
    }
}

/// One subnet.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SubnetSpec {
    /// Id.
    pub id: SubnetId,
    /// Its addresses; the first host address is the router's.
    pub cidr: Ipv4Net,
    /// Its IPv6 addresses, a /64; the first host address is the router's.
    pub ipv6_cidr: Option<Ipv6Net>,
    /// Its route table; `None` is the VPC's main one.
    pub route_table: Option<RouteTableId>,
    /// Its network ACL; `None` is one that allows all, as the default one does until it is changed.
    pub acl: Option<AclSpec>,
}

impl SubnetSpec {
    /// A subnet with the VPC's main route table and an ACL that allows all.
    pub fn new(id: SubnetId, cidr: Ipv4Net) -> Self {
        Self { id, cidr, ipv6_cidr: None, route_table: None, acl: None }
    }
}

/// A route table, without the local routes, which every table has. The longest prefix that matches decides; what none
/// matches goes nowhere.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RouteTableSpec {
    /// Id.
    pub id: RouteTableId,
    /// Routes, each to another destination.
    pub routes: Vec<RouteSpec>,
}

/// A route.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct RouteSpec {
    /// Destination: outside of the VPC, or all of one of its subnets (VPC guide, "Route tables": more specific than
    /// the local route).
    pub to: IpNet,
    /// Where it leads.
    pub target: RouteTarget,
}

/// Where a route leads. A gateway or interface that the VPC does not have (any more) is a blackhole.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub enum RouteTarget {
    /// The VPC's internet gateway.
    InternetGateway,
    /// The VPC's egress-only internet gateway, for IPv6.
    EgressOnlyGateway,
    /// A NAT gateway of the VPC.
    NatGateway(NatGatewayId),
    /// An interface of the VPC, whose instance forwards.
    Interface(InterfaceId),
    /// Nowhere.
    Blackhole,
}

/// A NAT gateway: it gives connections from the VPC its own address and lets none in.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct NatGatewaySpec {
    /// Id.
    pub id: NatGatewayId,
    /// The interface that stands for it.
    pub interface_id: InterfaceId,
    /// The subnet that it is in, by whose route table and ACL its traffic goes on.
    pub subnet_id: SubnetId,
    /// Its address in that subnet.
    pub private_ip: Ipv4Addr,
    /// Its elastic address.
    pub public_ip: Ipv4Addr,
    /// How many connections at a time it has to one destination (address, port, protocol); EC2's are 55,000.
    pub max_connections: u32,
}

/// A prefix list.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PrefixListSpec {
    /// Id.
    pub id: PrefixListId,
    /// Its prefixes, all of one address family.
    pub prefixes: Vec<IpNet>,
}

/// What a VPC's DNS does (VPC guide, "DNS attributes").
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct DnsSpec {
    /// Whether the VPC's DNS server answers.
    pub support: bool,
    /// Whether interfaces with public addresses have public names.
    pub hostnames: bool,
}

impl Default for DnsSpec {
    fn default() -> Self {
        Self { support: true, hostnames: true }
    }
}

/// What a VPC's DHCP tells (VPC guide, "DHCP option sets").
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct DhcpSpec {
    /// Domain names, the first one is the hosts' own; `None` is the region's.
    pub domain_name: Option<String>,
    /// Name servers in order; the VPC's own is `AmazonProvidedDNS`, written as `None`.
    pub domain_name_servers: Vec<Option<IpAddr>>,
    /// Time servers.
    pub ntp_servers: Vec<IpAddr>,
    /// NetBIOS name servers.
    pub netbios_name_servers: Vec<Ipv4Addr>,
    /// NetBIOS node type: 1, 2, 4 or 8.
    pub netbios_node_type: Option<u8>,
    /// How long an IPv6 address is preferred, in seconds; `None` is EC2's 140.
    pub ipv6_preferred_seconds: Option<u32>,
}

impl Default for DhcpSpec {
    fn default() -> Self {
        Self {
            domain_name: None,
            domain_name_servers: vec![None],
            ntp_servers: vec![],
            netbios_name_servers: vec![],
            netbios_node_type: None,
            ipv6_preferred_seconds: None,
        }
    }
}

/// A flow log.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct FlowLogSpec {
    /// Id; names its files.
    pub id: FlowLogId,
    /// Whose traffic it records.
    pub scope: FlowLogScope,
    /// Which traffic it records.
    pub traffic: FlowLogTraffic,
    /// The longest that packets are counted into one record, in seconds: 60 or 600.
    pub aggregation_seconds: u32,
    /// The record's fields in order.
    pub format: LogFormat,
    /// The account's number.
    pub account: String,
    /// The ids of subnets' zones, such as `use1-az1`; records tell of a zone that is not among them by `-`.
    pub zones: Vec<(SubnetId, String)>,
}

/// Whose traffic a flow log records.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum FlowLogScope {
    /// All interfaces of the VPC.
    Vpc,
    /// All interfaces of a subnet.
    Subnet(SubnetId),
    /// One interface.
    Interface(InterfaceId),
}

/// What a reader of a flow log is given.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum FlowLogLine {
    /// A record: its fields' values in order, with one space between them.
    Record(String),
    /// Records were removed before they were read.
    Gap,
    /// The log can't be read; nothing comes after it.
    Failed(String),
}

/// What became of the traffic that a flow log is of.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct FlowLogStatus {
    /// Records that were written.
    pub records: u64,
    /// Packets for whose flows there was no room in their interval.
    pub skipped_packets: u64,
    /// Messages of the kernel that came too fast: ended connections and refused packets.
    pub lost_messages: u64,
    /// Records that could not be written.
    pub lost_records: u64,
    /// Intervals that a daemon's end cut off.
    pub cut_off: u64,
    /// Why records can't be written, if they can't.
    pub failure: Option<String>,
    /// The directory that they are in.
    pub dir: std::path::PathBuf,
}

/// A port of the host's own address that leads to an interface, for those who have no public addresses to give.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PortForward {
    /// Whether it is UDP; else it is TCP.
    pub udp: bool,
    /// Port of the host, for one forward of all VPCs.
    pub host_port: u16,
    /// The interface that it leads to, whose groups are asked with the client's own address.
    pub interface_id: InterfaceId,
    /// Port there.
    pub port: u16,
}

/// A network ACL: what may cross the border of a subnet, packet by packet, whatever connection it belongs to. What stays
/// in the subnet, and what goes to the VPC's DHCP, DNS and metadata, it does not concern (VPC guide, "Network ACL
/// basics").
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct AclSpec {
    /// What comes into the subnet; `cidr` is where it comes from.
    pub ingress: Vec<AclEntry>,
    /// What leaves the subnet; `cidr` is where it goes.
    pub egress: Vec<AclEntry>,
}

/// An entry of a network ACL. The one with the lowest number that matches decides; what none matches is denied.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct AclEntry {
    /// Its number, different from those of its ACL's other entries of the same direction.
    pub number: u16,
    /// Whether it allows or denies.
    pub allow: bool,
    /// What traffic.
    pub traffic: Traffic,
    /// The other end.
    pub cidr: IpNet,
}

/// One security group.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct GroupSpec {
    /// Id.
    pub id: GroupId,
    /// What may come in.
    pub ingress: Vec<RuleSpec>,
    /// What may go out.
    pub egress: Vec<RuleSpec>,
}

/// One network interface.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct InterfaceSpec {
    /// Id; names the tap.
    pub id: InterfaceId,
    /// The instance that it belongs to.
    pub instance_id: InstanceId,
    /// The subnet that it is in.
    pub subnet_id: SubnetId,
    /// The only Ethernet address that it may use.
    pub mac: MacAddr,
    /// Its primary address. It may use no others than this, the secondary ones and those of IPv6.
    pub private_ip: Ipv4Addr,
    /// Its public address, mapped 1:1, if it has one.
    pub public_ip: Option<Ipv4Addr>,
    /// Its secondary addresses.
    pub secondary: Vec<SecondaryAddress>,
    /// Its IPv6 addresses.
    pub ipv6: Vec<Ipv6Addr>,
    /// Its security groups.
    pub groups: Vec<GroupId>,
    /// Whether it is held to its own address as source and destination.
    pub source_dest_check: bool,
    /// Host name that DHCP gives, without the domain.
    pub host_name: String,
    /// How many queues its tap has at most. 1 for a tap that can have no more, which costs the host less.
    pub queues: u32,
}

impl InterfaceSpec {
    /// Its private IPv4 addresses, the primary one first, each with its public address if it has one.
    pub fn ipv4(&self) -> impl Iterator<Item = (Ipv4Addr, Option<Ipv4Addr>)> {
        let secondary = self.secondary.iter().map(|address| (address.private_ip, address.public_ip));
        std::iter::once((self.private_ip, self.public_ip)).chain(secondary)
    }
}

/// A secondary private address of an interface.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SecondaryAddress {
    /// The address.
    pub private_ip: Ipv4Addr,
    /// Its public address, mapped 1:1, if it has one.
    pub public_ip: Option<Ipv4Addr>,
}

/// What an apply did.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct ApplyReport {
    /// Each change that was made to the host, one line each; empty when all was as desired.
    pub changes: Vec<String>,
}

/// The host's network.
#[async_trait]
pub trait Network: Send + Sync + 'static {
    /// Makes the host's network what `desired` says, touching what differs and nothing that isn't ours. Idempotent; a
    /// failure leaves what was there or what was wanted of each part, and a later call goes on.
    async fn apply(&self, desired: &NetworkSpec) -> PortResult<ApplyReport>;

    /// Opens the tap of an interface that has been applied, for a VMM to use: a descriptor for each of its queues, at least
    /// one. The tap outlives them.
    async fn open_tap(&self, vpc: &VpcId, interface: &InterfaceId) -> PortResult<Vec<OwnedFd>>;

    /// A listener in the namespace of a VPC that has been applied, which guests reach at 169.254.169.254:80 and, where
    /// they have IPv6, at [fd00:ec2::254]:80.
    async fn metadata_listener(&self, vpc: &VpcId) -> PortResult<std::net::TcpListener>;

    /// Waits until VPCs' networks have come or gone since the last call; only one may wait. Listeners for those that
    /// came have yet to be asked for, and those of VPCs that went should be closed.
    async fn networks_changed(&self) {
        std::future::pending().await
    }

    /// The last `last` records of a flow log that has been applied, and if `follow` each that comes until the log is
    /// deleted. A slow reader is waited for.
    async fn flow_log_records(
        &self,
        log: &FlowLogId,
        last: usize,
        follow: bool,
    ) -> PortResult<tokio::sync::mpsc::Receiver<FlowLogLine>> {
        let _ = (last, follow);
        Err(PortError::plain(format!("there are no records of {log}")))
    }

    /// What became of the traffic that a flow log is of; `None` if it has not been applied.
    async fn flow_log_status(&self, log: &FlowLogId) -> Option<FlowLogStatus> {
        let _ = log;
        None
    }

    /// Writes out what only this process knows, before it ends. The network stays as it is.
    async fn rest(&self) {}

    /// The pool that public addresses are given out from.
    fn public_pool(&self) -> Ipv4Net;

    /// Walks a packet through what the kernel holds now: rules, sets and routes. The legs of one way are told in order,
    /// each where the one before has ended.
    async fn walk(&self, _legs: &[Leg]) -> PortResult<Vec<Walked>> {
        Err(PortError::plain("this network can't tell what its kernel holds"))
    }

    /// The pool that VPCs' IPv6 ranges, a /56 each, are given out from.
    fn ipv6_pool(&self) -> Ipv6Net {
        DEFAULT_IPV6_POOL
    }

    /// Removes everything that this installation made on the host. Goes on through errors and reports them all;
    /// nothing to remove is a success.
    async fn teardown(&self) -> PortResult<()>;
}
