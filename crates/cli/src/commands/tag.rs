//! `cumulet tag`.

use clap::Args;
use cumulet_client::types::tag::{RemoveTags, SetTags, TagList, TagQuery};

use super::key_value;
use crate::context::Context;
use crate::failure::Result;
use crate::output::Table;
use crate::resolve;

/// Set, remove or show tags of a resource.
#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  cumulet tag web role=frontend Name=web-1
  cumulet tag vol-0123456789abcdef0 --remove role")]
pub struct Tag {
    /// The resource: any id, or an instance's name
    resource: String,
    /// Tags to set
    #[arg(value_name = "KEY=VALUE", value_parser = key_value)]
    tags: Vec<(String, String)>,
    /// A tag to remove; may be given again
    #[arg(long, value_name = "KEY")]
    remove: Vec<String>,
}

impl Tag {
    pub async fn run(self, context: &Context) -> Result<()> {
        let id = match self.resource.split_once('-') {
            // Ids of all kinds end in 8 or 17 hexadecimal digits.
            Some((_, digits)) if digits.len() >= 8 && !self.resource.starts_with("i-") => self.resource,
            _ => resolve::instance(&context.client, &self.resource).await?.id,
        };
        if !self.tags.is_empty() {
            let request = SetTags { resource_ids: vec![id.clone()], tags: self.tags.into_iter().collect() };
            context.client.set_tags(&request).await?;
        }
        if !self.remove.is_empty() {
            let request = RemoveTags { resource_ids: vec![id.clone()], keys: self.remove };
            context.client.remove_tags(&request).await?;
        }
        let tags = context.client.tags(&TagQuery { resource_id: Some(id) }).await?;
        let list = TagList { tags };
        if context.printed_json(&list)? {
            return Ok(());
        }
        let mut table = Table::new(context.paint, &["RESOURCE", "KEY", "VALUE"]);
        for tag in &list.tags {
            table.row().cell(&tag.resource_id).cell(&tag.key).cell(&tag.value);
        }
        table.print()
    }
}
