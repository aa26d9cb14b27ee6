//! `cumulet address associate`.

use clap::Args;
use cumulet_client::types::address::AssociateAddress;

use crate::context::Context;
use crate::failure::Result;
use crate::resolve;

/// Lead an address to an instance or interface, in one step also away from another.
#[derive(Debug, Args)]
pub struct Associate {
    /// The address: id, the address itself, or name
    address: String,
    /// An instance (id, beginning of an id, or name), or an interface's id
    target: String,
    /// One of the private addresses there [default: the primary one]
    #[arg(long, value_name = "ADDRESS")]
    private_ip: Option<String>,
    /// Refuse if the address leads elsewhere
    #[arg(long)]
    no_reassociation: bool,
}

impl Associate {
    pub async fn run(self, context: &Context) -> Result<()> {
        let held = super::find(context, &self.address).await?;
        let mut request = AssociateAddress {
            private_ip: self.private_ip,
            allow_reassociation: self.no_reassociation.then_some(false),
            ..AssociateAddress::default()
        };
        if self.target.starts_with("eni-") {
            request.interface_id = Some(self.target);
        } else {
            request.instance_id = Some(resolve::instance(&context.client, &self.target).await?.id);
        }
        super::print(context, &context.client.associate_address(&held.id, &request).await?)
    }
}
