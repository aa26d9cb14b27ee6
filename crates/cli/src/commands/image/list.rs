//! `cumulet image ls`.

use clap::Args;
use cumulet_client::types::image::{Image, ImageKind, ImageList, ImageQuery, ImageState};
use jiff::Timestamp;

use crate::context::Context;
use crate::failure::Result;
use crate::output::{Colour, Table, age, bytes, or_dash};

/// List machine images; kernels and ramdisks only with --all.
#[derive(Debug, Args)]
pub struct List {
    /// Kernels and ramdisks too
    #[arg(short, long)]
    all: bool,
}

impl List {
    pub async fn run(self, context: &Context) -> Result<()> {
        let kind = if self.all { None } else { Some(ImageKind::Machine) };
        let images = context.client.images(&ImageQuery { kind, name: None }).await?;
        print(context, images)
    }
}

/// Prints images as a table, or as JSON where that was asked for.
pub fn print(context: &Context, images: Vec<Image>) -> Result<()> {
    let list = ImageList { images };
    if context.printed_json(&list)? {
        return Ok(());
    }
    let headings = ["NAME", "ID", "STATE", "SIZE", "USER", "KERNEL", "AGE"];
    let mut table = Table::new(context.paint, &headings);
    let now = Timestamp::now();
    for image in &list.images {
        let colour = match image.state {
            ImageState::Available => Colour::Green,
            ImageState::Pending => Colour::Yellow,
            ImageState::Failed => Colour::Red,
        };
        table
            .row()
            .cell(&image.name)
            .cell(&image.id)
            .coloured(colour, image.state.to_string())
            .cell(bytes(image.size_bytes))
            .cell(or_dash(image.default_user.as_deref()))
            .cell(or_dash(image.kernel_id.as_deref()))
            .cell(age(image.created, now));
    }
    table.print()?;
    for image in &list.images {
        if let Some(reason) = &image.state_reason {
            eprintln!("{}: {reason}", image.id);
        }
    }
    Ok(())
}
