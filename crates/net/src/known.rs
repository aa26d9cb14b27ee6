//! What the kernel is known to hold since it was last looked at. A change of the wish is then a change of what the two
//! wishes have apart, whatever else there is; the same wish once more means: look whether it is still so.

use std::collections::BTreeMap;
use std::time::{Duration, Instant};

use cumulet_model::VpcId;
use cumulet_ports::network::{NetworkSpec, RouteTableSpec, SubnetSpec, VpcSpec};

use crate::l3::Holding;
use crate::reconcile::vpc;

/// What was looked at longer ago is looked at again, however many changes come.
const LOOK_AGAIN: Duration = Duration::from_secs(60);

/// What was brought about.
pub struct Known {
    /// MTU in bytes of the host's way out.
    pub uplink_mtu: u32,
    /// What the edge's namespace holds.
    pub edge: Holding,
    /// What VPCs' namespaces hold.
    pub vpcs: BTreeMap<VpcId, vpc::Known>,
    looked: Instant,
}

impl Known {
    /// Nothing yet.
    pub fn nothing() -> Self {
        Self { uplink_mtu: 0, edge: Holding::default(), vpcs: BTreeMap::new(), looked: Instant::now() }
    }

    /// Whether `desired` is another wish for the same VPCs, subnets and gateways, so that one leads to the other by
    /// changes of interfaces, groups, ACLs and routes alone.
    pub fn leads_to(&self, desired: &NetworkSpec) -> bool {
        let held = |vpc: &VpcSpec| self.vpcs.get(&vpc.id).map(|known| &*known.spec);
        let same_frame = |vpc: &VpcSpec| held(vpc).is_some_and(|held| frame(held) == frame(vpc));
        self.looked.elapsed() < LOOK_AGAIN
            && self.vpcs.len() == desired.vpcs.len()
            && desired.vpcs.iter().all(same_frame)
            && desired.vpcs.iter().any(|vpc| held(vpc) != Some(vpc))
    }

    /// Takes out what is known of a VPC if something else is wanted of it now.
    pub fn take_changed(&mut self, desired: &VpcSpec) -> Option<vpc::Known> {
        let same = self.vpcs.get(&desired.id).is_some_and(|known| *known.spec == *desired);
        if same { None } else { self.vpcs.remove(&desired.id) }
    }
}

/// What a VPC is beside its interfaces, its rules and where its route tables' routes lead.
fn frame(vpc: &VpcSpec) -> VpcSpec {
    let tables = vpc.route_tables.iter().map(|table| RouteTableSpec { id: table.id.clone(), routes: vec![] });
    let subnets = vpc.subnets.iter().map(|subnet| SubnetSpec { acl: None, ..subnet.clone() });
    VpcSpec {
        more_cidrs: vpc.more_cidrs.clone(),
        ipv6_cidrs: vpc.ipv6_cidrs.clone(),
        internet_gateway: vpc.internet_gateway,
        egress_only_gateway: vpc.egress_only_gateway,
        route_tables: tables.collect(),
        nat_gateways: vpc.nat_gateways.clone(),
        subnets: subnets.collect(),
        ..VpcSpec::open(vpc.id.clone(), vpc.cidr)
    }
}
