//! Key pairs.

use cumulet_api_types::key_pair::{CreateKeyPair, CreatedKeyPair, ImportKeyPair, KeyPair, KeyPairList};
use hyper::Method;

use crate::client::segment;
use crate::{Client, Result};

impl Client {
    /// All key pairs.
    pub async fn key_pairs(&self) -> Result<Vec<KeyPair>> {
        Ok(self.get::<KeyPairList>("/v1/key-pairs").await?.key_pairs)
    }

    /// One key pair by name or id.
    pub async fn key_pair(&self, name_or_id: &str) -> Result<KeyPair> {
        self.get(&format!("/v1/key-pairs/{}", segment(name_or_id))).await
    }

    /// Makes a key pair; the answer alone has the private key.
    pub async fn create_key_pair(&self, request: &CreateKeyPair) -> Result<CreatedKeyPair> {
        self.post("/v1/key-pairs", request).await
    }

    /// Takes in a public key.
    pub async fn import_key_pair(&self, request: &ImportKeyPair) -> Result<KeyPair> {
        self.post("/v1/key-pairs/import", request).await
    }

    /// Removes a key pair by name or id.
    pub async fn delete_key_pair(&self, name_or_id: &str) -> Result<()> {
        self.order(Method::DELETE, &format!("/v1/key-pairs/{}", segment(name_or_id)), None::<&()>).await
    }
}
