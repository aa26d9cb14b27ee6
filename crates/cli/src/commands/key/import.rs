//! `cumulet key import`.

use std::io::Read;
use std::path::PathBuf;

use clap::Args;
use cumulet_client::types::key_pair::ImportKeyPair;

use crate::commands::key_value;
use crate::context::Context;
use crate::failure::{Failure, Result};

/// Far more than any public key.
const READ_LIMIT: u64 = 64 * 1024;

/// Take in a public key of yours.
#[derive(Debug, Args)]
#[command(after_help = "\
Example:
  cumulet key import me ~/.ssh/id_ed25519.pub")]
pub struct Import {
    /// Name
    name: String,
    /// The public key's file
    file: PathBuf,
    /// A tag; may be given again
    #[arg(long = "tag", value_name = "KEY=VALUE", value_parser = key_value)]
    tags: Vec<(String, String)>,
}

impl Import {
    pub async fn run(self, context: &Context) -> Result<()> {
        let mut public_key = String::new();
        std::fs::File::open(&self.file)
            .and_then(|file| file.take(READ_LIMIT).read_to_string(&mut public_key))
            .map_err(Failure::io(format!("cannot read {}", self.file.display())))?;
        if public_key.contains("PRIVATE KEY") {
            let text = format!("{} is a private key; give its public half (.pub)", self.file.display());
            return Err(Failure::Usage(text));
        }
        let request = ImportKeyPair { name: self.name, public_key, tags: self.tags.into_iter().collect() };
        let pair = context.client.import_key_pair(&request).await?;
        if context.printed_json(&pair)? { Ok(()) } else { super::table(context, &[pair]) }
    }
}
