//! The RSA key that signs identity documents, with its self-signed certificate.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use rsa::RsaPrivateKey;
use rsa::pkcs1v15::SigningKey;
use rsa::pkcs8::{DecodePrivateKey, EncodePrivateKey, LineEnding};
use rsa::sha2::Sha256;
use rsa::signature::{SignatureEncoding, Signer};
use x509_cert::Certificate;
use x509_cert::der::EncodePem;

use super::pkcs7;

const BITS: usize = 2048;

/// Why there is no key.
#[derive(Debug, thiserror::Error)]
pub enum IdentityKeyError {
    /// None could be made.
    #[error("no RSA key could be made")]
    Generate(#[source] rsa::Error),
    /// The text is no key.
    #[error("the text is not an RSA key in PKCS #8 PEM form")]
    Parse(#[source] rsa::pkcs8::Error),
    /// The key can't be written.
    #[error("the RSA key can't be written as PKCS #8")]
    Write(#[source] rsa::pkcs8::Error),
    /// No certificate could be made for it.
    #[error("no certificate could be made for the RSA key")]
    Certificate(#[source] x509_cert::builder::Error),
}

/// The key that signs identity documents. The daemon makes it once and keeps it.
#[derive(Clone)]
pub struct IdentityKey {
    key: SigningKey<Sha256>,
    certificate: Certificate,
}

impl std::fmt::Debug for IdentityKey {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("IdentityKey(…)")
    }
}

impl IdentityKey {
    /// Makes a new RSA key of 2048 bits.
    pub fn generate() -> Result<Self, IdentityKeyError> {
        let key = RsaPrivateKey::new(&mut rsa::rand_core::OsRng, BITS).map_err(IdentityKeyError::Generate)?;
        Self::with_certificate(key)
    }

    /// Reads a key from PKCS #8 PEM.
    pub fn from_pem(text: &str) -> Result<Self, IdentityKeyError> {
        Self::with_certificate(RsaPrivateKey::from_pkcs8_pem(text).map_err(IdentityKeyError::Parse)?)
    }

    /// The key as PKCS #8 PEM, to be kept secret.
    pub fn to_pem(&self) -> Result<String, IdentityKeyError> {
        let key: &RsaPrivateKey = self.key.as_ref();
        key.to_pkcs8_pem(LineEnding::LF).map(|text| text.to_string()).map_err(IdentityKeyError::Write)
    }

    /// The certificate as PEM, for those who verify. It is the same each time for the same key.
    pub fn certificate_pem(&self) -> String {
        self.certificate.to_pem(LineEnding::LF).unwrap_or_default()
    }

    fn with_certificate(key: RsaPrivateKey) -> Result<Self, IdentityKeyError> {
        let key = SigningKey::<Sha256>::new(key);
        let certificate = pkcs7::certificate(&key).map_err(IdentityKeyError::Certificate)?;
        Ok(Self { key, certificate })
    }

    /// RSA with SHA-256 (PKCS #1 v1.5) over the document's bytes, as base64 in lines of 64 characters. None only if
    /// it can't be made, which a key of this size can.
    pub fn signature(&self, document: &str) -> Option<String> {
        Some(lines(&self.sign(document)?))
    }

    /// PKCS #7 signed data that holds the document and the certificate, likewise as base64.
    pub fn pkcs7(&self, document: &str) -> Option<String> {
        let signature = self.sign(document)?;
        let der = pkcs7::signed_data(document.as_bytes(), &signature, &self.certificate).ok()?;
        Some(lines(&der))
    }

    fn sign(&self, document: &str) -> Option<Vec<u8>> {
        self.key.try_sign(document.as_bytes()).ok().map(|signature| signature.to_vec())
    }
}

fn lines(bytes: &[u8]) -> String {
    let text = STANDARD.encode(bytes);
    let chunks: Vec<_> = text.as_bytes().chunks(64).map(String::from_utf8_lossy).collect();
    chunks.join("\n")
}
