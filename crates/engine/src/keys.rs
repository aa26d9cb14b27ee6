//! Key pairs: made, imported, deleted.

use cumulet_model::key::KeyPair;
use cumulet_model::tag::check_tags;
use cumulet_model::{CloudError, ErrorCode, KeyPairId};
use cumulet_store::StoreError;

use crate::api::key::{CreateKeyPair, CreatedKeyPair, ImportKeyPair};
use crate::cloud::{Cloud, Result, internal};
use crate::keygen::{self, PublicHalf};

impl Cloud {
    /// Makes a key pair. The private key is in the answer and nowhere else.
    pub async fn create_key_pair(&self, request: CreateKeyPair) -> Result<CreatedKeyPair> {
        check_name(&request.name)?;
        check_tags(&request.tags)?;
        let (key_type, format, name) = (request.key_type, request.format, request.name.clone());
        // An RSA key takes a while to find: not on a thread that serves others.
        let made = tokio::task::spawn_blocking(move || keygen::generate(key_type, format, &name)).await;
        let made = made.map_err(|_| CloudError::internal("the key could not be made"))??;
        let key_pair = self.add_key(request.name, made.public, request.tags).await?;
        Ok(CreatedKeyPair { key_pair, private_key: made.private_key })
    }

    /// Imports a public key.
    pub async fn import_key_pair(&self, request: ImportKeyPair) -> Result<KeyPair> {
        check_name(&request.name)?;
        check_tags(&request.tags)?;
        let public = keygen::import(&request.public_key, &request.name)?;
        self.add_key(request.name, public, request.tags).await
    }

    /// Deletes a key pair by name and gives what it was; instances that were launched with it keep it.
    pub async fn delete_key_pair(&self, name: &str) -> Result<Option<KeyPair>> {
        let Some(key) = self.key_pairs().await?.into_iter().find(|key| key.name == name) else {
            return Ok(None);
        };
        self.inner.store.delete_key_pair(&key).await.map_err(internal)?;
        Ok(Some(key))
    }

    async fn add_key(&self, name: String, public: PublicHalf, tags: cumulet_model::Tags) -> Result<KeyPair> {
        let key = KeyPair {
            id: KeyPairId::random(&mut rand::rng()),
            name,
            key_type: public.key_type,
            fingerprint: public.fingerprint,
            public_key: public.line,
            created: self.inner.clock.now(),
            tags,
        };
        match self.inner.store.add_key_pair(&key).await {
            Ok(()) => Ok(key),
            Err(StoreError::Duplicate(_)) => Err(CloudError::new(
                ErrorCode::InvalidKeyPairDuplicate,
                format!("The keypair '{}' already exists.", key.name),
            )),
            Err(error) => Err(internal(error)),
        }
    }
}

/// EC2's rule: up to 255 ASCII characters, without leading or trailing spaces.
fn check_name(name: &str) -> Result<()> {
    let plain = name.bytes().all(|byte| (0x20..0x7f).contains(&byte));
    if (1..=255).contains(&name.len()) && plain && name.trim() == name {
        return Ok(());
    }
    Err(CloudError::invalid_value(
        "KeyName must be 1 to 255 printable ASCII characters without leading or trailing spaces",
    ))
}
