//! Resources at the edge: how each kind reads in XML, which filters it has, how it is selected. Element names and their
//! order are those of EC2's model; what this cloud has no notion of is left out.

pub mod acl;
pub mod address;
pub mod dhcp_options;
pub mod egress_only_gateway;
pub mod flow_log;
pub mod group;
pub mod group_for_vpc;
pub mod image;
pub mod insights;
pub mod instance;
mod instance_filters;
pub mod instance_type;
pub mod interface;
pub mod internet_gateway;
pub mod key_pair;
pub mod modification;
pub mod nat_gateway;
pub mod permission;
pub mod place;
pub mod prefix_list;
pub mod route_table;
pub mod rule;
pub mod snapshot;
pub mod status;
pub mod subnet;
pub mod tag;
pub mod volume;
pub mod volume_status;
pub mod vpc;

use cumulet_model::network::GroupRef;

use crate::xml::Xml;

/// The answers' word for the only architecture of this cloud.
pub const ARCHITECTURE: &str = "x86_64";

/// `groupSet`: groups by id and name.
pub fn group_set(xml: Xml, groups: &[GroupRef]) -> Xml {
    let items =
        groups.iter().map(|group| Xml::new().text("groupId", &group.id).text("groupName", &group.name));
    xml.list("groupSet", items)
}
