//! The fields of flow log records, with EC2's names and the version of the record format that brought each.

use serde::{Deserialize, Serialize};

macro_rules! fields {
    ($($(#[$doc:meta])* $name:ident = $text:literal, $version:literal;)*) => {
        /// A field of a flow log record.
        #[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
        #[serde(try_from = "String", into = "String")]
        pub enum Field {$(
            $(#[$doc])*
            $name,
        )*}

        impl Field {
            /// All of them, in the order of EC2's table.
            pub const ALL: &[Self] = &[$(Self::$name),*];

            /// EC2's name.
            pub fn as_str(self) -> &'static str {
                match self {$(Self::$name => $text,)*}
            }

            /// The version of the record format that brought it.
            pub fn version(self) -> u8 {
                match self {$(Self::$name => $version,)*}
            }
        }
    };
}

fields! {
    /// The greatest version of the record's fields.
    Version = "version", 2;
    /// The account of the interface.
    AccountId = "account-id", 2;
    /// The interface.
    InterfaceId = "interface-id", 2;
    /// Where the traffic comes from; the interface's primary address for what it sends.
    SrcAddr = "srcaddr", 2;
    /// Where the traffic goes; the interface's primary address for what it is sent.
    DstAddr = "dstaddr", 2;
    /// Port that it comes from.
    SrcPort = "srcport", 2;
    /// Port that it goes to.
    DstPort = "dstport", 2;
    /// Protocol number.
    Protocol = "protocol", 2;
    /// Packets.
    Packets = "packets", 2;
    /// Bytes, with the IP headers.
    Bytes = "bytes", 2;
    /// Time of the first packet, in seconds since the Unix epoch.
    Start = "start", 2;
    /// Time of the last packet.
    End = "end", 2;
    /// `ACCEPT` or `REJECT`.
    Action = "action", 2;
    /// `OK`, `NODATA` or `SKIPDATA`.
    LogStatus = "log-status", 2;
    /// The VPC of the interface.
    VpcId = "vpc-id", 3;
    /// The subnet of the interface.
    SubnetId = "subnet-id", 3;
    /// The instance that has the interface.
    InstanceId = "instance-id", 3;
    /// FIN, SYN, RST and SYN-ACK that were seen, as bits.
    TcpFlags = "tcp-flags", 3;
    /// `IPv4` or `IPv6`.
    Type = "type", 3;
    /// The packets' own source.
    PktSrcAddr = "pkt-srcaddr", 3;
    /// The packets' own destination.
    PktDstAddr = "pkt-dstaddr", 3;
    /// The region of the interface.
    Region = "region", 4;
    /// The zone's id.
    AzId = "az-id", 4;
    /// Kind of place outside of zones; there is none here.
    SublocationType = "sublocation-type", 4;
    /// Such a place.
    SublocationId = "sublocation-id", 4;
    /// A service of the cloud that sent it; there is none here.
    PktSrcAwsService = "pkt-src-aws-service", 5;
    /// A service of the cloud that it went to.
    PktDstAwsService = "pkt-dst-aws-service", 5;
    /// `ingress` or `egress`, as the interface sees it.
    FlowDirection = "flow-direction", 5;
    /// What way traffic that is sent takes.
    TrafficPath = "traffic-path", 5;
    /// Of containers, which there are none of here, as the next nine.
    EcsClusterArn = "ecs-cluster-arn", 7;
    /// Of containers.
    EcsClusterName = "ecs-cluster-name", 7;
    /// Of containers.
    EcsContainerInstanceArn = "ecs-container-instance-arn", 7;
    /// Of containers.
    EcsContainerInstanceId = "ecs-container-instance-id", 7;
    /// Of containers.
    EcsContainerId = "ecs-container-id", 7;
    /// Of containers.
    EcsSecondContainerId = "ecs-second-container-id", 7;
    /// Of containers.
    EcsServiceName = "ecs-service-name", 7;
    /// Of containers.
    EcsTaskDefinitionArn = "ecs-task-definition-arn", 7;
    /// Of containers.
    EcsTaskArn = "ecs-task-arn", 7;
    /// Of containers.
    EcsTaskId = "ecs-task-id", 7;
    /// Why traffic was refused, where neither groups nor ACLs did it; they alone do here.
    RejectReason = "reject-reason", 8;
}

/// A name that no field has.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("there is no field of flow logs {0:?}")]
pub struct UnknownField(String);

impl std::str::FromStr for Field {
    type Err = UnknownField;
    fn from_str(text: &str) -> Result<Self, UnknownField> {
        let found = Self::ALL.iter().find(|field| field.as_str() == text);
        found.copied().ok_or_else(|| UnknownField(text.chars().take(64).collect()))
    }
}

impl TryFrom<String> for Field {
    type Error = UnknownField;
    fn try_from(text: String) -> Result<Self, UnknownField> {
        text.parse()
    }
}

impl From<Field> for String {
    fn from(field: Field) -> Self {
        field.as_str().to_owned()
    }
}
