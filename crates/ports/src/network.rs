//! The network port: the desired state of all VPCs, and the few things that others need from it.

use std::net::Ipv4Addr;
use std::os::fd::OwnedFd;

use async_trait::async_trait;
use cumulet_model::security::{RuleSpec, Traffic};
use cumulet_model::{GroupId, InstanceId, InterfaceId, MacAddr, SubnetId, VpcId};
use ipnet::Ipv4Net;

use crate::PortResult;

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
    /// Subnets.
    pub subnets: Vec<SubnetSpec>,
    /// Security groups; a group that a rule or an interface names is among them.
    pub groups: Vec<GroupSpec>,
    /// Interfaces that shall be wired: those of instances that run or are about to.
    pub interfaces: Vec<InterfaceSpec>,
}

/// One subnet.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SubnetSpec {
    /// Id.
    pub id: SubnetId,
    /// Its addresses; the first host address is the router's.
    pub cidr: Ipv4Net,
    /// Its network ACL; `None` is one that allows all, as the default one does until it is changed.
    pub acl: Option<AclSpec>,
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
    pub cidr: Ipv4Net,
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
    /// The only address that it may use.
    pub private_ip: Ipv4Addr,
    /// Its public address, mapped 1:1, if it has one.
    pub public_ip: Option<Ipv4Addr>,
    /// Its security groups.
    pub groups: Vec<GroupId>,
    /// Whether it is held to its own address as source and destination.
    pub source_dest_check: bool,
    /// Host name that DHCP gives, without the domain.
    pub host_name: String,
    /// How many queues its tap has at most. 1 for a tap that can have no more, which costs the host less.
    pub queues: u32,
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

    /// A listener on 169.254.169.254:80 in the namespace of a VPC that has been applied.
    async fn metadata_listener(&self, vpc: &VpcId) -> PortResult<std::net::TcpListener>;

    /// Waits until VPCs' networks have come or gone since the last call; only one may wait. Listeners for those that
    /// came have yet to be asked for, and those of VPCs that went should be closed.
    async fn networks_changed(&self) {
        std::future::pending().await
    }

    /// The pool that public addresses are given out from.
    fn public_pool(&self) -> Ipv4Net;

    /// Removes everything that this installation made on the host. Goes on through errors and reports them all;
    /// nothing to remove is a success.
    async fn teardown(&self) -> PortResult<()>;
}
