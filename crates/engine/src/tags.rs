//! Tags of resources that exist.

use std::collections::HashSet;

use cumulet_model::tag::{check_tags, resource_type};
use cumulet_model::{CloudError, ErrorCode, Tags};

use crate::cloud::{Cloud, Result, internal};

impl Cloud {
    /// Adds tags to each of the resources.
    pub async fn create_tags(&self, resource_ids: &[String], tags: Tags) -> Result<()> {
        check_tags(&tags)?;
        self.check_resources(resource_ids).await?;
        let mut after = Tags::new();
        for id in resource_ids {
            after.clear();
            let present = self.tags().await?.into_iter().filter(|tag| tag.resource_id == *id);
            after.extend(present.map(|tag| (tag.key, tag.value)));
            after.extend(tags.clone());
            check_tags(&after)?;
        }
        self.inner.store.put_tags(resource_ids, &tags).await.map_err(internal)
    }

    /// Removes tags by key, or by key and value where one is given; all of them when `tags` is empty.
    pub async fn delete_tags(
        &self,
        resource_ids: &[String],
        tags: &[(String, Option<String>)],
    ) -> Result<()> {
        self.check_resources(resource_ids).await?;
        self.inner.store.delete_tags(resource_ids, tags).await.map_err(internal)
    }

    async fn check_resources(&self, ids: &[String]) -> Result<()> {
        let known = self.resource_ids().await?;
        match ids.iter().find(|id| !known.contains(*id)) {
            None => Ok(()),
            Some(id) => Err(unknown(id)),
        }
    }

    async fn resource_ids(&self) -> Result<HashSet<String>> {
        let mut ids = HashSet::new();
        ids.extend(self.instances().await?.into_iter().map(|r| r.id.to_string()));
        ids.extend(self.images().await?.into_iter().map(|r| r.id.to_string()));
        ids.extend(self.key_pairs().await?.into_iter().map(|r| r.id.to_string()));
        ids.extend(self.vpcs().await?.into_iter().map(|r| r.id.to_string()));
        ids.extend(self.subnets().await?.into_iter().map(|r| r.id.to_string()));
        ids.extend(self.network_interfaces().await?.into_iter().map(|r| r.id.to_string()));
        ids.extend(self.volumes().await?.into_iter().map(|r| r.id.to_string()));
        ids.extend(self.snapshots().await?.into_iter().map(|r| r.id.to_string()));
        ids.extend(self.network_acls().await?.into_iter().map(|r| r.id.to_string()));
        ids.extend(self.prefix_lists().await?.into_iter().map(|r| r.id.to_string()));
        ids.extend(self.addresses().await?.into_iter().map(|r| r.id.to_string()));
        ids.extend(self.route_tables().await?.into_iter().map(|r| r.table.id.to_string()));
        ids.extend(self.internet_gateways().await?.into_iter().map(|r| r.id.to_string()));
        ids.extend(self.egress_only_gateways().await?.into_iter().map(|r| r.id.to_string()));
        ids.extend(self.nat_gateways().await?.into_iter().map(|r| r.id.to_string()));
        ids.extend(self.dhcp_options().await?.into_iter().map(|r| r.id.to_string()));
        ids.extend(
            self.inner.store.flow_logs().await.map_err(internal)?.into_iter().map(|r| r.id.to_string()),
        );
        ids.extend(self.insights_paths().await?.into_iter().map(|r| r.id.to_string()));
        ids.extend(self.insights_analyses().await?.into_iter().map(|r| r.id.to_string()));
        for group in self.security_groups().await? {
            ids.insert(group.id.to_string());
            ids.extend(group.rules.into_iter().map(|rule| rule.id.to_string()));
        }
        Ok(ids)
    }
}

/// What EC2 answers for a resource that is not there, by the id's prefix.
fn unknown(id: &str) -> CloudError {
    let (code, what) = match resource_type(id) {
        "instance" => (ErrorCode::InvalidInstanceIdNotFound, "instance ID"),
        "image" => (ErrorCode::InvalidAmiIdNotFound, "image ID"),
        "volume" => (ErrorCode::InvalidVolumeNotFound, "volume"),
        "snapshot" => (ErrorCode::InvalidSnapshotNotFound, "snapshot"),
        "vpc" => (ErrorCode::InvalidVpcIdNotFound, "vpc ID"),
        "subnet" => (ErrorCode::InvalidSubnetIdNotFound, "subnet ID"),
        "network-interface" => (ErrorCode::InvalidInterfaceNotFound, "networkInterface ID"),
        "security-group" => (ErrorCode::InvalidGroupNotFound, "security group"),
        "security-group-rule" => (ErrorCode::InvalidRuleIdNotFound, "security group rule ID"),
        "network-acl" => (ErrorCode::InvalidNetworkAclIdNotFound, "networkAcl ID"),
        "prefix-list" => (ErrorCode::InvalidPrefixListIdNotFound, "prefix list ID"),
        "elastic-ip" => (ErrorCode::InvalidAllocationIdNotFound, "allocation ID"),
        "route-table" => (ErrorCode::InvalidRouteTableIdNotFound, "routeTable ID"),
        "internet-gateway" => (ErrorCode::InvalidInternetGatewayIdNotFound, "internetGateway ID"),
        "egress-only-internet-gateway" => (ErrorCode::InvalidEgressOnlyGatewayIdNotFound, "gateway ID"),
        "natgateway" => (ErrorCode::NatGatewayNotFound, "NAT gateway"),
        "dhcp-options" => (ErrorCode::InvalidDhcpOptionIdNotFound, "dhcpOption ID"),
        "vpc-flow-log" => (ErrorCode::InvalidFlowLogIdNotFound, "flow log ID"),
        "key-pair" => (ErrorCode::InvalidKeyPairNotFound, "key pair"),
        _ => (ErrorCode::InvalidId, "ID"),
    };
    CloudError::not_found(code, what, id.chars().take(64).collect::<String>())
}
