//! Where the facts come from.

use std::net::IpAddr;

use async_trait::async_trait;
use cumulet_model::VpcId;
use cumulet_model::instance::Instance;
use cumulet_model::network::{Subnet, Vpc};
use cumulet_model::place::Region;

/// All facts of one instance that its guest may read.
#[derive(Debug, Clone)]
pub struct InstanceMetadata {
    /// The instance, with its interfaces, block devices, tags and metadata options.
    pub instance: Instance,
    /// The account that owns it, 12 digits.
    pub account_id: String,
    /// The region that it is in, with its zones.
    pub region: Region,
    /// The VPC of its interfaces.
    pub vpc: Vpc,
    /// The subnets of its interfaces; others do no harm.
    pub subnets: Vec<Subnet>,
    /// Its architecture, by EC2's word: `x86_64`, `arm64`.
    pub architecture: String,
    /// The public keys that were named at its launch.
    pub public_keys: Vec<PublicKey>,
    /// Its user data as given, not base64.
    pub user_data: Option<Vec<u8>>,
}

/// A public key of an instance.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PublicKey {
    /// The key pair's name.
    pub name: String,
    /// The key as a line of `authorized_keys`.
    pub openssh: String,
}

/// The facts can't be had now. The guest hears of an internal error, the log of the reason.
#[derive(Debug, thiserror::Error)]
#[error("the facts of an instance can't be had")]
pub struct SourceError(#[source] pub Box<dyn std::error::Error + Send + Sync>);

/// Tells who has an address.
#[async_trait]
pub trait MetadataSource: Send + Sync + 'static {
    /// The instance one of whose interfaces has this private address in this VPC, as it is now: options that were
    /// changed hold for the next request.
    async fn by_address(&self, vpc: &VpcId, address: IpAddr)
    -> Result<Option<InstanceMetadata>, SourceError>;
}
