//! How many there may be of each kind. The default quotas of EC2 where they are per VPC or table; those that EC2 has per
//! region are larger here, as one host is one region for all who share it.

use cumulet_model::{CloudError, ErrorCode};

use crate::cloud::Result;

/// A quota.
pub struct Limit {
    /// How many.
    pub most: usize,
    /// The code of an answer that one more would pass it.
    pub code: ErrorCode,
    /// What is counted, in the plural.
    pub what: &'static str,
}

pub const VPCS: Limit = Limit { most: 100, code: ErrorCode::VpcLimitExceeded, what: "VPCs" };
pub const INTERNET_GATEWAYS: Limit =
    Limit { most: 100, code: ErrorCode::InternetGatewayLimitExceeded, what: "internet gateways" };
pub const EGRESS_ONLY_GATEWAYS: Limit = Limit {
    most: 100,
    code: ErrorCode::EgressOnlyGatewayLimitExceeded,
    what: "egress-only internet gateways",
};
pub const DHCP_OPTIONS: Limit =
    Limit { most: 200, code: ErrorCode::DhcpOptionsLimitExceeded, what: "DHCP options sets" };
pub const NAT_GATEWAYS: Limit =
    Limit { most: 20, code: ErrorCode::NatGatewayLimitExceeded, what: "NAT gateways in a zone" };
pub const SUBNETS: Limit =
    Limit { most: 200, code: ErrorCode::SubnetLimitExceeded, what: "subnets in a VPC" };
pub const ROUTE_TABLES: Limit =
    Limit { most: 200, code: ErrorCode::RouteTableLimitExceeded, what: "route tables in a VPC" };
pub const ROUTES: Limit =
    Limit { most: 50, code: ErrorCode::RouteLimitExceeded, what: "routes in a route table" };
pub const RANGES: Limit =
    Limit { most: 5, code: ErrorCode::CidrLimitExceeded, what: "IPv4 CIDR blocks of a VPC" };
pub const RANGES6: Limit =
    Limit { most: 5, code: ErrorCode::CidrLimitExceeded, what: "IPv6 CIDR blocks of a VPC" };

impl Limit {
    /// Whether there is room for one more beside those that there are.
    pub fn check(&self, there_are: usize) -> Result<()> {
        if there_are < self.most {
            return Ok(());
        }
        let text = format!("The maximum number of {} has been reached: {}", self.what, self.most);
        Err(CloudError::new(self.code, text))
    }
}
