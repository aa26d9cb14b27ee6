//! `cumulet address disassociate`.

use clap::Args;

use crate::context::Context;
use crate::failure::Result;

/// Let an address lead nowhere; it stays yours.
#[derive(Debug, Args)]
pub struct Disassociate {
    /// The address: id, the address itself, or name
    address: String,
}

impl Disassociate {
    pub async fn run(self, context: &Context) -> Result<()> {
        let held = super::find(context, &self.address).await?;
        super::print(context, &context.client.disassociate_address(&held.id).await?)
    }
}
