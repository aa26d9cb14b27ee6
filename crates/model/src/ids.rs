//! Resource ids: a prefix that names the kind and 17 hexadecimal digits, as EC2 makes them.
//!
//! Each kind is a type of its own, so that an instance id can't be passed where a volume id is meant. Parsing accepts
//! what EC2 accepts: the prefix and 8 (the old form) or 17 lower-case hexadecimal digits.

use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Serialize};

/// Why a text is no id of the wanted kind.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{text:?} is not {what}: expected {prefixes} and 17 hexadecimal digits")]
pub struct MalformedId {
    /// What was given, cut to a length fit for a message.
    pub text: String,
    /// The kind of id that was wanted, with its article: "an instance id".
    pub what: &'static str,
    /// The prefixes that the kind may carry.
    pub prefixes: &'static str,
}

fn has_id_form(text: &str, prefixes: &[&str]) -> bool {
    prefixes.iter().filter_map(|prefix| text.strip_prefix(prefix)).any(|digits| {
        matches!(digits.len(), 8 | 17) && digits.bytes().all(|b| matches!(b, b'0'..=b'9' | b'a'..=b'f'))
    })
}

fn random_digits(rng: &mut impl rand::Rng) -> String {
    use rand::RngExt;
    let n: u128 = rng.random();
    format!("{:017x}", n & ((1 << 68) - 1))
}

macro_rules! ids {
    ($($(#[$doc:meta])* $name:ident, $what:literal, [$first:literal $(, $more:literal)*];)*) => {$(
        $(#[$doc])*
        #[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
        #[serde(try_from = "String", into = "String")]
        pub struct $name(String);

        impl $name {
            /// The prefix that new ids of this kind carry.
            pub const PREFIX: &'static str = $first;

            /// Makes a new random id; randomness is the caller's, so that tests can repeat themselves.
            pub fn random(rng: &mut impl rand::Rng) -> Self {
                Self(format!("{}{}", $first, random_digits(rng)))
            }

            /// The id as text.
            pub fn as_str(&self) -> &str {
                &self.0
            }

            /// The hexadecimal digits behind the prefix.
            pub fn digits(&self) -> &str {
                self.0.rsplit('-').next().unwrap_or_default()
            }
        }

        impl FromStr for $name {
            type Err = MalformedId;
            fn from_str(text: &str) -> Result<Self, MalformedId> {
                if has_id_form(text, &[$first $(, $more)*]) {
                    Ok(Self(text.to_owned()))
                } else {
                    Err(MalformedId {
                        text: text.chars().take(64).collect(),
                        what: $what,
                        prefixes: concat!($first $(, " or ", $more)*),
                    })
                }
            }
        }

        impl TryFrom<String> for $name {
            type Error = MalformedId;
            fn try_from(text: String) -> Result<Self, MalformedId> {
                text.parse()
            }
        }

        impl From<$name> for String {
            fn from(id: $name) -> String {
                id.0
            }
        }

        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.pad(&self.0)
            }
        }

        impl fmt::Debug for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str(&self.0)
            }
        }

        impl AsRef<str> for $name {
            fn as_ref(&self) -> &str {
                &self.0
            }
        }
    )*};
}

ids! {
    /// An instance: `i-`.
    InstanceId, "an instance id", ["i-"];
    /// One RunInstances call's instances: `r-`.
    ReservationId, "a reservation id", ["r-"];
    /// A machine image (`ami-`), a kernel (`aki-`) or a ramdisk (`ari-`).
    ImageId, "an image id", ["ami-", "aki-", "ari-"];
    /// A volume: `vol-`.
    VolumeId, "a volume id", ["vol-"];
    /// A snapshot of a volume: `snap-`.
    SnapshotId, "a snapshot id", ["snap-"];
    /// A machine's saved state and memory: `sm-`.
    SavedMachineId, "a saved machine id", ["sm-"];
    /// A virtual private cloud: `vpc-`.
    VpcId, "a VPC id", ["vpc-"];
    /// A subnet: `subnet-`.
    SubnetId, "a subnet id", ["subnet-"];
    /// A network interface: `eni-`.
    InterfaceId, "a network interface id", ["eni-"];
    /// The attachment of an interface to an instance: `eni-attach-`.
    AttachmentId, "an attachment id", ["eni-attach-"];
    /// A security group: `sg-`.
    GroupId, "a security group id", ["sg-"];
    /// A rule of a security group: `sgr-`.
    RuleId, "a security group rule id", ["sgr-"];
    /// A key pair: `key-`.
    KeyPairId, "a key pair id", ["key-"];
    /// An internet gateway: `igw-`.
    InternetGatewayId, "an internet gateway id", ["igw-"];
    /// A route table: `rtb-`.
    RouteTableId, "a route table id", ["rtb-"];
    /// A network ACL: `acl-`.
    NetworkAclId, "a network ACL id", ["acl-"];
    /// The association of a route table with a subnet: `rtbassoc-`.
    RouteTableAssociationId, "a route table association id", ["rtbassoc-"];
    /// The association of a network ACL with a subnet: `aclassoc-`.
    AclAssociationId, "a network ACL association id", ["aclassoc-"];
    /// An egress-only internet gateway: `eigw-`.
    EgressOnlyGatewayId, "an egress-only internet gateway id", ["eigw-"];
    /// A NAT gateway: `nat-`.
    NatGatewayId, "a NAT gateway id", ["nat-"];
    /// An elastic address: `eipalloc-`.
    AllocationId, "an allocation id", ["eipalloc-"];
    /// The association of an elastic address: `eipassoc-`.
    AddressAssociationId, "an association id", ["eipassoc-"];
    /// A prefix list: `pl-`.
    PrefixListId, "a prefix list id", ["pl-"];
    /// The association of a VPC with a range of addresses: `vpc-cidr-assoc-`.
    VpcCidrAssociationId, "a VPC CIDR association id", ["vpc-cidr-assoc-"];
    /// The association of a subnet with an IPv6 range: `subnet-cidr-assoc-`.
    SubnetCidrAssociationId, "a subnet CIDR association id", ["subnet-cidr-assoc-"];
    /// A flow log: `fl-`.
    FlowLogId, "a flow log id", ["fl-"];
    /// A network insights path: `nip-`.
    InsightsPathId, "a network insights path id", ["nip-"];
    /// A network insights analysis: `nia-`.
    InsightsAnalysisId, "a network insights analysis id", ["nia-"];
    /// A DHCP options set: `dopt-`.
    DhcpOptionsId, "a DHCP options id", ["dopt-"];
    /// One start of an instance's VMM, told apart from the start before and the one after: `launch-`.
    LaunchId, "a launch id", ["launch-"];
}

impl ImageId {
    /// Makes a new random id with the prefix of `kind`.
    pub fn random_of(kind: crate::image::ImageKind, rng: &mut impl rand::Rng) -> Self {
        Self(format!("{}{}", kind.prefix(), random_digits(rng)))
    }

    /// What the id's prefix says the image is.
    pub fn kind(&self) -> crate::image::ImageKind {
        use crate::image::ImageKind;
        match &self.0[..4] {
            "aki-" => ImageKind::Kernel,
            "ari-" => ImageKind::Ramdisk,
            _ => ImageKind::Machine,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_new_id_has_its_prefix_and_seventeen_digits_and_parses() {
        let id = InstanceId::random(&mut rand::rng());
        assert_eq!(id.as_str().len(), 2 + 17);
        assert_eq!(id.to_string().parse::<InstanceId>().unwrap(), id);
        assert_eq!(id.digits().len(), 17);
    }

    #[test]
    fn ids_of_another_kind_or_form_are_refused() {
        for text in ["", "i-", "i-123", "vol-0123456789abcdef0", "i-0123456789ABCDEF0", "i-0123456789abcdefg"]
        {
            assert!(text.parse::<InstanceId>().is_err(), "{text}");
        }
        assert!("i-12345678".parse::<InstanceId>().is_ok(), "the old, short form");
        assert!("eni-attach-0123456789abcdef0".parse::<AttachmentId>().is_ok());
        assert!("eni-attach-0123456789abcdef0".parse::<InterfaceId>().is_err());
    }

    #[test]
    fn an_image_id_tells_its_kind() {
        use crate::image::ImageKind;
        let kernel = ImageId::random_of(ImageKind::Kernel, &mut rand::rng());
        assert!(kernel.as_str().starts_with("aki-"));
        assert_eq!(kernel.kind(), ImageKind::Kernel);
    }
}
