//! ModifyVpcAttribute and ModifySubnetAttribute: one attribute at a time.

use cumulet_model::{CloudError, SubnetId, VpcId};

use crate::api::vpc::{SubnetChange, VpcChange};
use crate::cloud::{Cloud, Result, internal};

impl Cloud {
    /// Changes one attribute of a VPC.
    pub async fn modify_vpc(&self, id: &VpcId, change: VpcChange) -> Result<()> {
        let allocation = self.inner.allocation.lock().await;
        let before = self.one_vpc(id).await?;
        let mut vpc = before.clone();
        match change {
            VpcChange::DnsSupport(on) => vpc.dns_support = on,
            VpcChange::DnsHostnames(on) => vpc.dns_hostnames = on,
            VpcChange::AddressMetrics(on) => vpc.address_metrics = on,
        }
        if vpc == before {
            return Ok(());
        }
        self.inner.store.update_vpc(&vpc).await.map_err(internal)?;
        drop(allocation);
        self.bring_about(self.inner.store.update_vpc(&before)).await
    }

    /// Changes one attribute of a subnet; it concerns what is made in it from now on.
    pub async fn modify_subnet(&self, id: &SubnetId, change: SubnetChange) -> Result<()> {
        let _allocation = self.inner.allocation.lock().await;
        let mut subnet = self.subnet(id).await?;
        match change {
            SubnetChange::MapPublicIp(on) => subnet.map_public_ip_on_launch = on,
            SubnetChange::AssignIpv6(true) if subnet.ipv6.is_none() => {
                return Err(CloudError::invalid_value(format!(
                    "Invalid value 'true' for assignIpv6AddressOnCreation. The subnet '{id}' must have an IPv6 CIDR block"
                )));
            }
            SubnetChange::AssignIpv6(on) => subnet.assign_ipv6_on_creation = on,
        }
        self.inner.store.update_subnet(&subnet).await.map_err(internal)
    }
}
