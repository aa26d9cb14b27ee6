//! The table of actions: a line per action, and a file per action.

mod known;
mod shared;

use std::pin::Pin;
use std::sync::Arc;

use cumulet_model::{CloudError, ErrorCode};

use crate::call::{Answer, Call};
use crate::http::Service;
use known::KNOWN;

/// An action that is built.
pub struct Action {
    /// EC2's name of it.
    pub name: &'static str,
    /// Its handler.
    pub run: fn(Arc<Call>) -> Running,
}

/// A handler at work.
pub type Running = Pin<Box<dyn Future<Output = Answer> + Send>>;

macro_rules! actions {
    ($table:ident: $($name:literal => $module:ident;)*) => {
        $(mod $module;)*
        static $table: &[Action] = &[
            $(Action { name: $name, run: |call| Box::pin(async move { $module::handle(&call).await }) },)*
        ];
    };
}

actions! { EC2:
    "AllocateAddress" => allocate_address;
    "AssignPrivateIpAddresses" => assign_private_ip_addresses;
    "AssociateAddress" => associate_address;
    "AssociateDhcpOptions" => associate_dhcp_options;
    "AssociateRouteTable" => associate_route_table;
    "AssociateSubnetCidrBlock" => associate_subnet_cidr_block;
    "AssociateVpcCidrBlock" => associate_vpc_cidr_block;
    "AttachInternetGateway" => attach_internet_gateway;
    "AttachNetworkInterface" => attach_network_interface;
    "AttachVolume" => attach_volume;
    "AuthorizeSecurityGroupEgress" => authorize_security_group_egress;
    "AuthorizeSecurityGroupIngress" => authorize_security_group_ingress;
    "CreateDefaultSubnet" => create_default_subnet;
    "CreateDefaultVpc" => create_default_vpc;
    "CreateDhcpOptions" => create_dhcp_options;
    "CreateEgressOnlyInternetGateway" => create_egress_only_internet_gateway;
    "CreateFlowLogs" => create_flow_logs;
    "CreateImage" => create_image;
    "CreateInternetGateway" => create_internet_gateway;
    "CreateKeyPair" => create_key_pair;
    "CreateManagedPrefixList" => create_managed_prefix_list;
    "CreateNatGateway" => create_nat_gateway;
    "CreateNetworkAcl" => create_network_acl;
    "CreateNetworkAclEntry" => create_network_acl_entry;
    "CreateNetworkInsightsPath" => create_network_insights_path;
    "CreateNetworkInterface" => create_network_interface;
    "CreateRoute" => create_route;
    "CreateRouteTable" => create_route_table;
    "CreateSecurityGroup" => create_security_group;
    "CreateSnapshot" => create_snapshot;
    "CreateSubnet" => create_subnet;
    "CreateTags" => create_tags;
    "CreateVolume" => create_volume;
    "CreateVpc" => create_vpc;
    "DeleteDhcpOptions" => delete_dhcp_options;
    "DeleteEgressOnlyInternetGateway" => delete_egress_only_internet_gateway;
    "DeleteFlowLogs" => delete_flow_logs;
    "DeleteInternetGateway" => delete_internet_gateway;
    "DeleteKeyPair" => delete_key_pair;
    "DeleteManagedPrefixList" => delete_managed_prefix_list;
    "DeleteNatGateway" => delete_nat_gateway;
    "DeleteNetworkAcl" => delete_network_acl;
    "DeleteNetworkAclEntry" => delete_network_acl_entry;
    "DeleteNetworkInsightsAnalysis" => delete_network_insights_analysis;
    "DeleteNetworkInsightsPath" => delete_network_insights_path;
    "DeleteNetworkInterface" => delete_network_interface;
    "DeleteRoute" => delete_route;
    "DeleteRouteTable" => delete_route_table;
    "DeleteSecurityGroup" => delete_security_group;
    "DeleteSnapshot" => delete_snapshot;
    "DeleteSubnet" => delete_subnet;
    "DeleteTags" => delete_tags;
    "DeleteVolume" => delete_volume;
    "DeleteVpc" => delete_vpc;
    "DeregisterImage" => deregister_image;
    "DescribeAccountAttributes" => describe_account_attributes;
    "DescribeAddresses" => describe_addresses;
    "DescribeAddressesAttribute" => describe_addresses_attribute;
    "DescribeAvailabilityZones" => describe_availability_zones;
    "DescribeDhcpOptions" => describe_dhcp_options;
    "DescribeEgressOnlyInternetGateways" => describe_egress_only_internet_gateways;
    "DescribeFlowLogs" => describe_flow_logs;
    "DescribeImages" => describe_images;
    "DescribeInstanceAttribute" => describe_instance_attribute;
    "DescribeInstanceCreditSpecifications" => describe_instance_credit_specifications;
    "DescribeInstanceStatus" => describe_instance_status;
    "DescribeInstanceTypeOfferings" => describe_instance_type_offerings;
    "DescribeInstanceTypes" => describe_instance_types;
    "DescribeInstances" => describe_instances;
    "DescribeInternetGateways" => describe_internet_gateways;
    "DescribeKeyPairs" => describe_key_pairs;
    "DescribeManagedPrefixLists" => describe_managed_prefix_lists;
    "DescribeNatGateways" => describe_nat_gateways;
    "DescribeNetworkAcls" => describe_network_acls;
    "DescribeNetworkInsightsAnalyses" => describe_network_insights_analyses;
    "DescribeNetworkInsightsPaths" => describe_network_insights_paths;
    "DescribeNetworkInterfaceAttribute" => describe_network_interface_attribute;
    "DescribeNetworkInterfaces" => describe_network_interfaces;
    "DescribePrefixLists" => describe_prefix_lists;
    "DescribeRegions" => describe_regions;
    "DescribeRouteTables" => describe_route_tables;
    "DescribeSecurityGroupReferences" => describe_security_group_references;
    "DescribeSecurityGroupRules" => describe_security_group_rules;
    "DescribeSecurityGroups" => describe_security_groups;
    "DescribeSnapshots" => describe_snapshots;
    "DescribeStaleSecurityGroups" => describe_stale_security_groups;
    "DescribeSubnets" => describe_subnets;
    "DescribeTags" => describe_tags;
    "DescribeVolumeAttribute" => describe_volume_attribute;
    "DescribeVolumeStatus" => describe_volume_status;
    "DescribeVolumes" => describe_volumes;
    "DescribeVolumesModifications" => describe_volumes_modifications;
    "DescribeVpcAttribute" => describe_vpc_attribute;
    "DescribeVpcs" => describe_vpcs;
    "DetachInternetGateway" => detach_internet_gateway;
    "DetachNetworkInterface" => detach_network_interface;
    "DetachVolume" => detach_volume;
    "DisassociateAddress" => disassociate_address;
    "DisassociateRouteTable" => disassociate_route_table;
    "DisassociateSubnetCidrBlock" => disassociate_subnet_cidr_block;
    "DisassociateVpcCidrBlock" => disassociate_vpc_cidr_block;
    "GetConsoleOutput" => get_console_output;
    "GetManagedPrefixListAssociations" => get_managed_prefix_list_associations;
    "GetManagedPrefixListEntries" => get_managed_prefix_list_entries;
    "GetSecurityGroupsForVpc" => get_security_groups_for_vpc;
    "ImportKeyPair" => import_key_pair;
    "ModifyInstanceAttribute" => modify_instance_attribute;
    "ModifyInstanceCreditSpecification" => modify_instance_credit_specification;
    "ModifyInstanceMetadataOptions" => modify_instance_metadata_options;
    "ModifyManagedPrefixList" => modify_managed_prefix_list;
    "ModifyNetworkInterfaceAttribute" => modify_network_interface_attribute;
    "ModifySecurityGroupRules" => modify_security_group_rules;
    "ModifySubnetAttribute" => modify_subnet_attribute;
    "ModifyVolume" => modify_volume;
    "ModifyVpcAttribute" => modify_vpc_attribute;
    "RebootInstances" => reboot_instances;
    "RegisterImage" => register_image;
    "ReleaseAddress" => release_address;
    "ReplaceNetworkAclAssociation" => replace_network_acl_association;
    "ReplaceNetworkAclEntry" => replace_network_acl_entry;
    "ReplaceRoute" => replace_route;
    "ReplaceRouteTableAssociation" => replace_route_table_association;
    "RestoreManagedPrefixListVersion" => restore_managed_prefix_list_version;
    "RevokeSecurityGroupEgress" => revoke_security_group_egress;
    "RevokeSecurityGroupIngress" => revoke_security_group_ingress;
    "RunInstances" => run_instances;
    "StartInstances" => start_instances;
    "StartNetworkInsightsAnalysis" => start_network_insights_analysis;
    "StopInstances" => stop_instances;
    "TerminateInstances" => terminate_instances;
    "UnassignPrivateIpAddresses" => unassign_private_ip_addresses;
    "UpdateSecurityGroupRuleDescriptionsEgress" => update_security_group_rule_descriptions_egress;
    "UpdateSecurityGroupRuleDescriptionsIngress" => update_security_group_rule_descriptions_ingress;
}

actions! { STS:
    "GetCallerIdentity" => get_caller_identity;
}

/// STS's other actions, which need users and roles.
const STS_KNOWN: &[&str] = &[
    "AssumeRole",
    "AssumeRoleWithSAML",
    "AssumeRoleWithWebIdentity",
    "AssumeRoot",
    "DecodeAuthorizationMessage",
    "GetAccessKeyInfo",
    "GetFederationToken",
    "GetSessionToken",
];

/// The action of that name: one that does not exist is `InvalidAction`, one that is not built `UnsupportedOperation`.
pub fn find(service: Service, name: &str) -> Result<&'static Action, CloudError> {
    let (table, known) = match service {
        Service::Ec2 => (EC2, KNOWN),
        Service::Sts => (STS, STS_KNOWN),
    };
    if let Some(action) = table.iter().find(|action| action.name == name) {
        return Ok(action);
    }
    if known.binary_search(&name).is_ok() {
        let text = format!("The action {name} is not supported by this cloud yet");
        return Err(CloudError::new(ErrorCode::UnsupportedOperation, text));
    }
    let name = crate::query::shorten(name);
    let text = format!("The action {name} is not valid for this web service.");
    Err(CloudError::new(ErrorCode::InvalidAction, text))
}

/// Whether an action only looks.
pub fn is_read_only(name: &str) -> bool {
    name.starts_with("Describe") || name.starts_with("Get")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_action_of_the_table_is_one_of_ec2s() {
        assert!(EC2.iter().all(|action| KNOWN.binary_search(&action.name).is_ok()));
        assert!(EC2.windows(2).all(|pair| pair[0].name < pair[1].name));
        assert!(STS_KNOWN.windows(2).all(|pair| pair[0] < pair[1]));
    }

    #[test]
    fn what_is_not_built_is_told_from_what_does_not_exist() {
        let code = |service, name| find(service, name).err().map(|error| error.code);
        assert_eq!(code(Service::Ec2, "RunInstances"), None);
        assert_eq!(code(Service::Ec2, "CreateTransitGateway"), Some(ErrorCode::UnsupportedOperation));
        assert_eq!(code(Service::Ec2, "RunInstance"), Some(ErrorCode::InvalidAction));
        assert_eq!(code(Service::Sts, "GetCallerIdentity"), None);
        assert_eq!(code(Service::Sts, "AssumeRole"), Some(ErrorCode::UnsupportedOperation));
        assert_eq!(code(Service::Ec2, "GetCallerIdentity"), Some(ErrorCode::InvalidAction));
    }
}
