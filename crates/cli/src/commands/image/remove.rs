//! `cumulet image rm`.

use clap::Args;
use cumulet_client::types::image::{Image, ImageQuery};

use crate::context::Context;
use crate::failure::Result;
use crate::resolve;

/// Remove images, with the kernels and ramdisks that no other image boots with; instances live on.
#[derive(Debug, Args)]
pub struct Remove {
    /// Names or ids
    #[arg(required = true)]
    images: Vec<String>,
    /// Keep kernels and ramdisks
    #[arg(long)]
    keep_kernel: bool,
}

impl Remove {
    pub async fn run(self, context: &Context) -> Result<()> {
        let mut removed = Vec::new();
        for asked in &self.images {
            let image = resolve::image(&context.client, asked).await?;
            removed.extend(remove(context, &image, self.keep_kernel).await?);
        }
        context.printed_json(&serde_json::json!({ "removed": removed })).map(drop)
    }
}

/// Removes an image and what only it boots with; tells the ids of all that is gone. A kernel or ramdisk that an
/// instance still boots with stays.
pub async fn remove(context: &Context, image: &Image, keep_kernel: bool) -> Result<Vec<String>> {
    context.client.deregister_image(&image.id).await?;
    let mut removed = vec![image.id.clone()];
    if !keep_kernel {
        for part in unused_parts(context, image).await? {
            match context.client.deregister_image(&part).await {
                Err(error) if error.code() == Some("DependencyViolation") => {
                    eprintln!("cumulet: {part} stays: {error}");
                }
                done => {
                    done?;
                    removed.push(part);
                }
            }
        }
    }
    Ok(removed)
}

/// The kernel and ramdisk of an image that was removed, as far as no other image has them.
async fn unused_parts(context: &Context, gone: &Image) -> Result<Vec<String>> {
    let rest = context.client.images(&ImageQuery::default()).await?;
    let is_there = |id: &String| rest.iter().any(|image| image.id == *id);
    let is_used = |id: &String| {
        rest.iter().any(|image| image.kernel_id.as_ref() == Some(id) || image.ramdisk_id.as_ref() == Some(id))
    };
    let parts = [&gone.kernel_id, &gone.ramdisk_id].into_iter().flatten();
    Ok(parts.filter(|id| is_there(id) && !is_used(id)).cloned().collect())
}
