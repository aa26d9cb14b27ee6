//! `cumulet key create`.

use std::path::PathBuf;

use clap::{Args, ValueEnum};
use cumulet_client::types::key_pair::{CreateKeyPair, KeyType};

use crate::commands::key_value;
use crate::context::Context;
use crate::failure::{Failure, Result};
use crate::home::Home;
use crate::output::say;

/// Make a key pair and keep its private key in ~/.cumulet/keys, where `cumulet ssh` finds it.
#[derive(Debug, Args)]
pub struct Create {
    /// Name
    name: String,
    /// Algorithm
    #[arg(short, long = "type", value_name = "TYPE", default_value = "ed25519")]
    key_type: Algorithm,
    /// Keep the private key in this file instead
    #[arg(short, long, value_name = "FILE")]
    out: Option<PathBuf>,
    /// A tag; may be given again
    #[arg(long = "tag", value_name = "KEY=VALUE", value_parser = key_value)]
    tags: Vec<(String, String)>,
}

/// The algorithm of a key pair.
#[derive(Debug, Clone, Copy, ValueEnum)]
enum Algorithm {
    /// Ed25519
    Ed25519,
    /// RSA, 2048 bits
    Rsa,
}

impl Create {
    pub async fn run(self, context: &Context) -> Result<()> {
        let file = self.out.unwrap_or_else(|| context.home.key_file(&self.name));
        // The private key comes once: make sure beforehand that there is a place for it.
        if file.exists() {
            return Err(Failure::Other(format!(
                "{} is there already and is not overwritten",
                file.display()
            )));
        }
        let request = CreateKeyPair {
            name: self.name,
            key_type: Some(match self.key_type {
                Algorithm::Ed25519 => KeyType::Ed25519,
                Algorithm::Rsa => KeyType::Rsa,
            }),
            format: None,
            tags: self.tags.into_iter().collect(),
        };
        let created = context.client.create_key_pair(&request).await?;
        if let Err(failure) = Home::write_key(&file, &created.private_key) {
            // A key pair whose private key nobody has is of no use.
            context.client.delete_key_pair(&created.key_pair.id).await?;
            return Err(failure);
        }
        let value = serde_json::json!({ "key_pair": created.key_pair, "private_key_file": file });
        if !context.printed_json(&value)? {
            say!("Key pair {} is made; its private key is in {}", created.key_pair.name, file.display())?;
        }
        Ok(())
    }
}
