//! `cumulet group create`.

use clap::Args;
use cumulet_client::types::security_group::CreateSecurityGroup;

use super::show;
use crate::commands::key_value;
use crate::context::Context;
use crate::failure::Result;

/// Make a group, which lets nothing in and everything out.
#[derive(Debug, Args)]
pub struct Create {
    /// Name
    name: String,
    /// What it is for [default: its name]
    #[arg(long, value_name = "TEXT")]
    description: Option<String>,
    /// The VPC [default: the default one]
    #[arg(long, value_name = "ID")]
    vpc: Option<String>,
    /// A tag; may be given again
    #[arg(long = "tag", value_name = "KEY=VALUE", value_parser = key_value)]
    tags: Vec<(String, String)>,
}

impl Create {
    pub async fn run(self, context: &Context) -> Result<()> {
        let request = CreateSecurityGroup {
            name: self.name,
            description: self.description,
            vpc_id: self.vpc,
            tags: self.tags.into_iter().collect(),
        };
        let group = context.client.create_security_group(&request).await?;
        show::print(context, &group.id).await
    }
}
