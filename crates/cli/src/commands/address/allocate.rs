//! `cumulet address allocate`.

use clap::Args;
use cumulet_client::types::address::AllocateAddress;

use crate::commands::key_value;
use crate::context::Context;
use crate::failure::Result;

/// Have an elastic address: a public one that stays yours until you release it.
#[derive(Debug, Args)]
pub struct Allocate {
    /// A certain address of the public pool [default: the next free one]
    #[arg(long, value_name = "ADDRESS")]
    public_ip: Option<String>,
    /// A name for it, its tag Name
    #[arg(short, long)]
    name: Option<String>,
    /// A tag; may be given again
    #[arg(long = "tag", value_name = "KEY=VALUE", value_parser = key_value)]
    tags: Vec<(String, String)>,
}

impl Allocate {
    pub async fn run(self, context: &Context) -> Result<()> {
        let name = self.name.map(|name| ("Name".to_owned(), name));
        let tags = self.tags.into_iter().chain(name).collect();
        let request = AllocateAddress { public_ip: self.public_ip, tags };
        super::print(context, &context.client.allocate_address(&request).await?)
    }
}
