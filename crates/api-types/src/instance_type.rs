//! Instance types.

use serde::{Deserialize, Serialize};

/// An instance type.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct InstanceType {
    /// Name, such as `t3.micro`.
    pub name: String,
    /// vCPUs.
    pub vcpus: u32,
    /// Memory.
    pub memory_mib: u64,
    /// Whether it bursts by CPU credits.
    pub burstable: bool,
    /// How many network interfaces it may have.
    pub max_interfaces: u32,
}

/// The catalogue, by name.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct InstanceTypeList {
    /// The types.
    pub instance_types: Vec<InstanceType>,
}
