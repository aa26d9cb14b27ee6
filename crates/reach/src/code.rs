//! Why a packet does not get on, in EC2's words (Reachability Analyzer guide, "Explanation codes").

macro_rules! codes {
    ($($(#[$doc:meta])* $name:ident = $text:literal;)*) => {
        /// An explanation code.
        #[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
        pub enum Code { $($(#[$doc])* $name,)* }

        impl Code {
            /// EC2's text.
            pub fn as_str(self) -> &'static str {
                match self { $(Self::$name => $text,)* }
            }
        }
    };
}

codes! {
    /// The component is not in a state to work: an instance that does not run.
    BadState = "BAD_STATE";
    /// The route's target does not work (any more): a blackhole.
    BadStateRoute = "BAD_STATE_ROUTE";
    /// A route of this table could not take the packet, as its kind of target carries no such packets.
    CannotRoute = "CANNOT_ROUTE";
    /// No rule of the groups applies.
    GroupRules = "ENI_SG_RULES_MISMATCH";
    /// The interface is held to its own addresses.
    SourceDestCheck = "ENI_SOURCE_DEST_CHECK_RESTRICTION";
    /// A gateway takes nothing that a guest forwards under another's address.
    Spoofed = "GATEWAY_REJECTS_SPOOFED_TRAFFIC";
    /// Private addresses are not outside (RFC 1918).
    NotToPrivate = "IGW_DESTINATION_ADDRESS_NOT_IN_RFC1918_EGRESS";
    /// Shared addresses are not outside (RFC 6598).
    NotToShared = "IGW_DESTINATION_ADDRESS_NOT_IN_RFC6598_EGRESS";
    /// What comes in is for nobody's public address.
    NoPublicIngress = "IGW_PRIVATE_IP_ASSOCIATION_FOR_INGRESS";
    /// The sender has no public address.
    NoPublicEgress = "IGW_PUBLIC_IP_ASSOCIATION_FOR_EGRESS";
    /// The NAT gateway serves only interfaces of its own VPC.
    NatSource = "NGW_REQUIRES_SOURCE_IN_VPC";
    /// Nobody is there to take it.
    NoDestination = "NO_POSSIBLE_DESTINATION";
    /// No route of the table leads there.
    NoRoute = "NO_ROUTE_TO_DESTINATION";
    /// The component takes only certain traffic.
    Protocol = "PROTOCOL_RESTRICTION";
    /// The network ACL does not let it across the subnet's border.
    Acl = "SUBNET_ACL_RESTRICTION";
    /// The two VPCs are not connected.
    Disconnected = "DISCONNECTED_VPCS";
    /// There is no way at all that the question's ends and filters leave open.
    NoPath = "NO_PATH";
    /// The source or destination does not exist.
    NoEnd = "NO_SOURCE_OR_DESTINATION";
    /// The component belongs to no VPC.
    Unassociated = "UNASSOCIATED_COMPONENT";
    /// It would arrive under another destination address.
    AtDestinationAddress = "FILTER_AT_DESTINATION_DESTINATION_ADDRESS";
    /// It would arrive at another port.
    AtDestinationPort = "FILTER_AT_DESTINATION_DESTINATION_PORT_RANGE";
    /// It would arrive from another address.
    AtDestinationSource = "FILTER_AT_DESTINATION_SOURCE_ADDRESS";
    /// It would arrive from another port.
    AtDestinationSourcePort = "FILTER_AT_DESTINATION_SOURCE_PORT_RANGE";
    /// The source has no such address.
    AtSourceAddress = "FILTER_AT_SOURCE_SOURCE_ADDRESS";
}
