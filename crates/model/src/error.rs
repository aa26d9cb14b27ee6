//! The error that a caller of the cloud may see: EC2's code and a message that names the field and the rule.
//!
//! Causes that are nobody's business outside (paths, SQL, kernel errors) stay in the crate that met them and are
//! logged there; what reaches here is text made for the caller.

use std::fmt;

/// An error with EC2's code.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{code}: {message}")]
pub struct CloudError {
    /// EC2's code.
    pub code: ErrorCode,
    /// Text for the caller: the field and the rule.
    pub message: String,
}

impl CloudError {
    /// An error with `code` and a text for the caller.
    pub fn new(code: ErrorCode, message: impl Into<String>) -> Self {
        Self { code, message: message.into() }
    }

    /// What EC2 says of an id that names nothing: `The instance ID 'i-…' does not exist`.
    pub fn not_found(code: ErrorCode, what: &str, id: impl fmt::Display) -> Self {
        Self::new(code, format!("The {what} '{id}' does not exist"))
    }

    /// A value that breaks a rule of its parameter.
    pub fn invalid_value(message: impl Into<String>) -> Self {
        Self::new(ErrorCode::InvalidParameterValue, message)
    }

    /// A parameter that must be there and is not.
    pub fn missing(parameter: &str) -> Self {
        Self::new(ErrorCode::MissingParameter, format!("The request must contain the parameter {parameter}"))
    }

    /// Parameters that can't stand together.
    pub fn combination(message: impl Into<String>) -> Self {
        Self::new(ErrorCode::InvalidParameterCombination, message)
    }

    /// Something broke on our side; the caller sees no more than `message`.
    pub fn internal(message: impl Into<String>) -> Self {
        Self::new(ErrorCode::InternalError, message)
    }
}

macro_rules! codes {
    ($($name:ident = $text:literal, $status:literal;)*) => {
        /// EC2's error codes, as far as this cloud gives them (EC2 API reference, "Error codes").
        #[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
        #[non_exhaustive]
        pub enum ErrorCode {$(
            #[doc = concat!("`", $text, "`, HTTP ", stringify!($status))]
            $name,
        )*}

        impl ErrorCode {
            /// The code as clients match on it.
            pub fn as_str(self) -> &'static str {
                match self {$(Self::$name => $text,)*}
            }

            /// The HTTP status that goes with it.
            pub fn http_status(self) -> u16 {
                match self {$(Self::$name => $status,)*}
            }
        }
    };
}

codes! {
    AddressLimitExceeded = "AddressLimitExceeded", 400;
    AgentFailed = "AgentFailed", 422;
    AgentNotFound = "AgentFailed.NotFound", 404;
    AgentUnavailable = "AgentUnavailable", 409;
    AttachmentLimitExceeded = "AttachmentLimitExceeded", 400;
    AuthFailure = "AuthFailure", 401;
    CannotDelete = "CannotDelete", 400;
    CidrConflict = "CidrConflict", 400;
    CidrLimitExceeded = "CidrLimitExceeded", 400;
    DefaultSubnetAlreadyExistsInAvailabilityZone = "DefaultSubnetAlreadyExistsInAvailabilityZone", 400;
    DefaultVpcAlreadyExists = "DefaultVpcAlreadyExists", 400;
    DefaultVpcDoesNotExist = "DefaultVpcDoesNotExist", 400;
    DependencyViolation = "DependencyViolation", 400;
    DhcpOptionsLimitExceeded = "DhcpOptionsLimitExceeded", 400;
    DryRunOperation = "DryRunOperation", 412;
    EgressOnlyGatewayLimitExceeded = "EgressOnlyInternetGatewayLimitExceeded", 400;
    FlowLogAlreadyExists = "FlowLogAlreadyExists", 400;
    FlowLogsLimitExceeded = "FlowLogsLimitExceeded", 400;
    Forbidden = "UnauthorizedOperation", 403;
    GatewayNotAttached = "Gateway.NotAttached", 400;
    GroupInUse = "InvalidGroup.InUse", 400;
    IdempotentParameterMismatch = "IdempotentParameterMismatch", 400;
    IncompleteSignature = "IncompleteSignature", 400;
    IncorrectInstanceState = "IncorrectInstanceState", 400;
    IncorrectModificationState = "IncorrectModificationState", 400;
    IncorrectState = "IncorrectState", 400;
    InstanceCreditSpecificationNotSupported = "InstanceCreditSpecification.NotSupported", 400;
    InstanceLimitExceeded = "InstanceLimitExceeded", 400;
    InsufficientAddressCapacity = "InsufficientAddressCapacity", 400;
    InsufficientFreeAddressesInSubnet = "InsufficientFreeAddressesInSubnet", 400;
    InsufficientInstanceCapacity = "InsufficientInstanceCapacity", 500;
    InsufficientVolumeCapacity = "InsufficientVolumeCapacity", 500;
    InterfaceLimitExceeded = "NetworkInterfaceLimitExceeded", 400;
    InternalError = "InternalError", 500;
    InternetGatewayLimitExceeded = "InternetGatewayLimitExceeded", 400;
    InvalidAction = "InvalidAction", 400;
    InvalidAddressIdNotFound = "InvalidAddressID.NotFound", 400;
    InvalidAddressNotFound = "InvalidAddress.NotFound", 400;
    InvalidAllocationIdNotFound = "InvalidAllocationID.NotFound", 400;
    InvalidAmiAttributeItemValue = "InvalidAMIAttributeItemValue", 400;
    InvalidAmiIdMalformed = "InvalidAMIID.Malformed", 400;
    InvalidAmiIdNotFound = "InvalidAMIID.NotFound", 400;
    InvalidAmiIdUnavailable = "InvalidAMIID.Unavailable", 400;
    InvalidAmiNameDuplicate = "InvalidAMIName.Duplicate", 400;
    InvalidAmiNameMalformed = "InvalidAMIName.Malformed", 400;
    InvalidAssociationIdNotFound = "InvalidAssociationID.NotFound", 400;
    InvalidAttachmentIdNotFound = "InvalidAttachmentID.NotFound", 400;
    InvalidAttachmentNotFound = "InvalidAttachment.NotFound", 400;
    InvalidBlockDeviceMapping = "InvalidBlockDeviceMapping", 400;
    InvalidCidrBlockAssociationIdNotFound = "InvalidCidrBlockAssociationID.NotFound", 400;
    InvalidCidrNotFound = "InvalidCidr.NotFound", 400;
    InvalidClientTokenId = "InvalidClientTokenId", 403;
    InvalidDhcpOptionIdNotFound = "InvalidDhcpOptionID.NotFound", 400;
    InvalidEgressOnlyGatewayIdNotFound = "InvalidGatewayID.NotFound", 400;
    InvalidFlowLogIdNotFound = "InvalidFlowLogId.NotFound", 400;
    InvalidGatewayIdMalformed = "InvalidGatewayID.Malformed", 400;
    InvalidGroupDuplicate = "InvalidGroup.Duplicate", 400;
    InvalidGroupIdMalformed = "InvalidGroupId.Malformed", 400;
    InvalidGroupNotFound = "InvalidGroup.NotFound", 400;
    InvalidGroupReserved = "InvalidGroup.Reserved", 400;
    InvalidId = "InvalidID", 400;
    InvalidInsightsAnalysisIdNotFound = "InvalidNetworkInsightsAnalysisId.NotFound", 400;
    InvalidInsightsPathIdNotFound = "InvalidNetworkInsightsPathId.NotFound", 400;
    InvalidInstanceId = "InvalidInstanceID", 400;
    InvalidInstanceIdMalformed = "InvalidInstanceID.Malformed", 400;
    InvalidInstanceIdNotFound = "InvalidInstanceID.NotFound", 400;
    InvalidInstanceType = "InvalidInstanceType", 400;
    InvalidInterfaceInUse = "InvalidNetworkInterface.InUse", 400;
    InvalidInterfaceMalformed = "InvalidNetworkInterfaceId.Malformed", 400;
    InvalidInterfaceNotFound = "InvalidNetworkInterfaceID.NotFound", 400;
    InvalidInternetGatewayIdNotFound = "InvalidInternetGatewayID.NotFound", 400;
    InvalidIpAddressInUse = "InvalidIPAddress.InUse", 400;
    InvalidKeyFormat = "InvalidKey.Format", 400;
    InvalidKeyPairDuplicate = "InvalidKeyPair.Duplicate", 400;
    InvalidKeyPairFormat = "InvalidKeyPair.Format", 400;
    InvalidKeyPairNotFound = "InvalidKeyPair.NotFound", 400;
    InvalidNetworkAclEntryNotFound = "InvalidNetworkAclEntry.NotFound", 400;
    InvalidNetworkAclIdNotFound = "InvalidNetworkAclID.NotFound", 400;
    InvalidNatGatewayIdNotFound = "InvalidNatGatewayID.NotFound", 400;
    InvalidPaginationToken = "InvalidPaginationToken", 400;
    InvalidParameter = "InvalidParameter", 400;
    InvalidParameterCombination = "InvalidParameterCombination", 400;
    InvalidParameterDependency = "InvalidParameterDependency", 400;
    InvalidParameterValue = "InvalidParameterValue", 400;
    InvalidPermissionDuplicate = "InvalidPermission.Duplicate", 400;
    InvalidPermissionMalformed = "InvalidPermission.Malformed", 400;
    InvalidPermissionNotFound = "InvalidPermission.NotFound", 400;
    InvalidPrefixListIdMalformed = "InvalidPrefixListId.Malformed", 400;
    InvalidPrefixListIdNotFound = "InvalidPrefixListID.NotFound", 400;
    InvalidRouteNotFound = "InvalidRoute.NotFound", 400;
    InvalidRouteTableIdMalformed = "InvalidRouteTableId.Malformed", 400;
    InvalidRouteTableIdNotFound = "InvalidRouteTableID.NotFound", 400;
    InvalidRuleIdMalformed = "InvalidSecurityGroupRuleId.Malformed", 400;
    InvalidRuleIdNotFound = "InvalidSecurityGroupRuleId.NotFound", 400;
    InvalidSavedMachineMalformed = "InvalidSavedMachineID.Malformed", 400;
    InvalidSavedMachineNotFound = "InvalidSavedMachine.NotFound", 404;
    InvalidSnapshotInUse = "InvalidSnapshot.InUse", 400;
    InvalidSnapshotMalformed = "InvalidSnapshotID.Malformed", 400;
    InvalidSnapshotNotFound = "InvalidSnapshot.NotFound", 400;
    InvalidSubnetConflict = "InvalidSubnet.Conflict", 400;
    InvalidSubnetIdNotFound = "InvalidSubnetID.NotFound", 400;
    InvalidSubnetRange = "InvalidSubnet.Range", 400;
    InvalidUserDataMalformed = "InvalidUserData.Malformed", 400;
    InvalidVolumeMalformed = "InvalidParameterValue", 400;
    InvalidVolumeNotFound = "InvalidVolume.NotFound", 400;
    InvalidVolumeZoneMismatch = "InvalidVolume.ZoneMismatch", 400;
    InvalidVpcCidrBlockAssociationIdNotFound = "InvalidVpcCidrBlockAssociationID.NotFound", 400;
    InvalidVpcIdNotFound = "InvalidVpcID.NotFound", 400;
    InvalidVpcRange = "InvalidVpc.Range", 400;
    InvalidVpcState = "InvalidVpcState", 400;
    InvalidZone = "InvalidParameterValue", 400;
    InvalidZoneNotFound = "InvalidZone.NotFound", 400;
    MalformedQueryString = "MalformedQueryString", 400;
    MissingAction = "MissingAction", 400;
    MissingAuthenticationToken = "MissingAuthenticationToken", 403;
    MissingInput = "MissingInput", 400;
    MissingParameter = "MissingParameter", 400;
    NatGatewayLimitExceeded = "NatGatewayLimitExceeded", 400;
    NatGatewayMalformed = "NatGatewayMalformed", 400;
    NatGatewayNotFound = "NatGatewayNotFound", 400;
    NetworkAclEntryAlreadyExists = "NetworkAclEntryAlreadyExists", 400;
    NetworkAclEntryLimitExceeded = "NetworkAclEntryLimitExceeded", 400;
    NetworkAclLimitExceeded = "NetworkAclLimitExceeded", 400;
    OperationNotPermitted = "OperationNotPermitted", 400;
    PendingSnapshotLimitExceeded = "PendingSnapshotLimitExceeded", 400;
    PrefixListLimitExceeded = "PrefixListLimitExceeded", 400;
    PrefixListMaxEntriesExceeded = "PrefixListMaxEntriesExceeded", 400;
    PrefixListVersionMismatch = "PrefixListVersionMismatch", 400;
    PrivateIpAddressLimitExceeded = "PrivateIpAddressLimitExceeded", 400;
    RequestExpired = "RequestExpired", 400;
    RequestLimitExceeded = "RequestLimitExceeded", 503;
    RequestTooLarge = "RequestEntityTooLarge", 413;
    ResourceAlreadyAssociated = "Resource.AlreadyAssociated", 400;
    RouteAlreadyExists = "RouteAlreadyExists", 400;
    ResourceLimitExceeded = "ResourceLimitExceeded", 400;
    RouteLimitExceeded = "RouteLimitExceeded", 400;
    RouteTableLimitExceeded = "RouteTableLimitExceeded", 400;
    RulesPerSecurityGroupLimitExceeded = "RulesPerSecurityGroupLimitExceeded", 400;
    SecurityGroupLimitExceeded = "SecurityGroupLimitExceeded", 400;
    SecurityGroupsPerInstanceLimitExceeded = "SecurityGroupsPerInterfaceLimitExceeded", 400;
    SignatureDoesNotMatch = "SignatureDoesNotMatch", 403;
    SubnetLimitExceeded = "SubnetLimitExceeded", 400;
    TagLimitExceeded = "TagLimitExceeded", 400;
    Unavailable = "Unavailable", 503;
    UnknownParameter = "UnknownParameter", 400;
    Unsupported = "Unsupported", 400;
    UnsupportedHibernation = "UnsupportedHibernationConfiguration", 400;
    UnsupportedOperation = "UnsupportedOperation", 400;
    VolumeInUse = "VolumeInUse", 400;
    VolumeLimitExceeded = "VolumeLimitExceeded", 400;
    VolumeModificationNotFound = "InvalidVolumeModification.NotFound", 400;
    VpcIdNotSpecified = "VPCIdNotSpecified", 400;
    VpcLimitExceeded = "VpcLimitExceeded", 400;
}

impl fmt::Display for ErrorCode {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

macro_rules! from_malformed {
    ($($id:ty => $code:ident),* $(,)?) => {
        /// Which error code an id kind's malformed text gets.
        pub trait MalformedCode {
            /// The code.
            const CODE: ErrorCode;
        }
        $(impl MalformedCode for $id { const CODE: ErrorCode = ErrorCode::$code; })*
    };
}

from_malformed! {
    crate::InstanceId => InvalidInstanceIdMalformed,
    crate::ImageId => InvalidAmiIdMalformed,
    crate::VolumeId => InvalidVolumeMalformed,
    crate::SnapshotId => InvalidSnapshotMalformed,
    crate::SavedMachineId => InvalidSavedMachineMalformed,
    crate::AttachmentId => InvalidAttachmentIdNotFound,
    crate::SubnetId => InvalidSubnetIdNotFound,
    crate::VpcId => InvalidVpcIdNotFound,
    crate::GroupId => InvalidGroupIdMalformed,
    crate::RuleId => InvalidRuleIdMalformed,
    crate::InterfaceId => InvalidInterfaceMalformed,
    crate::KeyPairId => InvalidKeyPairNotFound,
    crate::RouteTableId => InvalidRouteTableIdMalformed,
    crate::RouteTableAssociationId => InvalidAssociationIdNotFound,
    crate::InternetGatewayId => InvalidInternetGatewayIdNotFound,
    crate::EgressOnlyGatewayId => InvalidEgressOnlyGatewayIdNotFound,
    crate::NatGatewayId => NatGatewayMalformed,
    crate::DhcpOptionsId => InvalidDhcpOptionIdNotFound,
    crate::AllocationId => InvalidAllocationIdNotFound,
    crate::AddressAssociationId => InvalidAssociationIdNotFound,
    crate::NetworkAclId => InvalidNetworkAclIdNotFound,
    crate::AclAssociationId => InvalidAssociationIdNotFound,
    crate::PrefixListId => InvalidPrefixListIdMalformed,
    crate::VpcCidrAssociationId => InvalidVpcCidrBlockAssociationIdNotFound,
    crate::SubnetCidrAssociationId => InvalidCidrBlockAssociationIdNotFound,
    crate::FlowLogId => InvalidFlowLogIdNotFound,
    crate::InsightsPathId => InvalidInsightsPathIdNotFound,
    crate::InsightsAnalysisId => InvalidInsightsAnalysisIdNotFound,
}

/// Parses an id of a caller's; a malformed one gets the error code that EC2 gives for its kind.
pub fn parse_id<T>(text: &str) -> Result<T, CloudError>
where
    T: MalformedCode + std::str::FromStr<Err = crate::ids::MalformedId>,
{
    text.parse().map_err(|_| {
        CloudError::new(T::CODE, format!("Invalid id: \"{}\"", text.chars().take(64).collect::<String>()))
    })
}
