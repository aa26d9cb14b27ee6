//! Making and reading keys, with the fingerprints that EC2 computes (EC2 guide, "Verify the fingerprint"): SHA-1 of
//! the PKCS#8 private key for an RSA key made here, MD5 of the public key's DER for an imported one, base64 SHA-256
//! of the OpenSSH public key for Ed25519.

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use cumulet_model::key::{KeyFormat, KeyType};
use cumulet_model::{CloudError, ErrorCode};
use md5::Md5;
use rsa::pkcs1::EncodeRsaPrivateKey;
use rsa::pkcs8::{EncodePrivateKey, EncodePublicKey, LineEnding};
use rsa::traits::PublicKeyParts;
use sha1::{Digest, Sha1};
use ssh_key::public::KeyData;
use ssh_key::{Algorithm, HashAlg, PrivateKey, PublicKey};

use crate::cloud::Result;

const RSA_BITS: usize = 2048;

/// The half that the cloud keeps.
#[derive(Debug)]
pub(crate) struct PublicHalf {
    pub key_type: KeyType,
    pub fingerprint: String,
    /// A line of `authorized_keys`.
    pub line: String,
}

/// A key made here.
pub(crate) struct Generated {
    pub public: PublicHalf,
    pub private_key: String,
}

/// Makes a key.
pub(crate) fn generate(key_type: KeyType, format: KeyFormat, comment: &str) -> Result<Generated> {
    if format == KeyFormat::Ppk {
        return Err(CloudError::new(
            ErrorCode::UnsupportedOperation,
            "KeyFormat ppk is not supported yet; ask for pem and convert it with puttygen",
        ));
    }
    match key_type {
        KeyType::Rsa => generate_rsa(comment),
        KeyType::Ed25519 => generate_ed25519(comment),
    }
}

fn generate_rsa(comment: &str) -> Result<Generated> {
    let key = rsa::RsaPrivateKey::new(&mut rsa::rand_core::OsRng, RSA_BITS).map_err(cannot)?;
    let der = key.to_pkcs8_der().map_err(cannot)?;
    let public = KeyData::Rsa(ssh_key::public::RsaPublicKey::try_from(&key.to_public_key()).map_err(cannot)?);
    Ok(Generated {
        public: PublicHalf {
            key_type: KeyType::Rsa,
            fingerprint: colons(&Sha1::digest(der.as_bytes())),
            line: PublicKey::new(public, comment).to_openssh().map_err(cannot)?,
        },
        private_key: key.to_pkcs1_pem(LineEnding::LF).map_err(cannot)?.to_string(),
    })
}

fn generate_ed25519(comment: &str) -> Result<Generated> {
    let mut key = PrivateKey::random(&mut rsa::rand_core::OsRng, Algorithm::Ed25519).map_err(cannot)?;
    key.set_comment(comment);
    Ok(Generated {
        public: ed25519(key.public_key())?,
        private_key: key.to_openssh(LineEnding::LF).map_err(cannot)?.to_string(),
    })
}

fn ed25519(key: &PublicKey) -> Result<PublicHalf> {
    Ok(PublicHalf {
        key_type: KeyType::Ed25519,
        fingerprint: STANDARD.encode(key.fingerprint(HashAlg::Sha256).as_bytes()),
        line: key.to_openssh().map_err(cannot)?,
    })
}

/// Reads a public key as ImportKeyPair takes it: an OpenSSH line, or base64 or plain DER of an RSA public key.
pub(crate) fn import(material: &[u8], comment: &str) -> Result<PublicHalf> {
    if material.len() > 16 * 1024 {
        return Err(bad_key("it is longer than 16 KiB"));
    }
    let text = std::str::from_utf8(material).unwrap_or_default().trim();
    let mut key = match PublicKey::from_openssh(text) {
        Ok(key) => key,
        Err(_) => der_key(material, text)?,
    };
    if key.comment().is_empty() {
        key.set_comment(comment);
    }
    match key.key_data() {
        KeyData::Ed25519(_) => ed25519(&key),
        KeyData::Rsa(data) => {
            let rsa = rsa::RsaPublicKey::try_from(data)
                .map_err(|_| bad_key("the RSA key's numbers are not sound"))?;
            if !matches!(rsa.n().bits(), 1024..=4096) {
                return Err(bad_key("an RSA key must have 1024 to 4096 bits"));
            }
            let der = rsa.to_public_key_der().map_err(cannot)?;
            Ok(PublicHalf {
                key_type: KeyType::Rsa,
                fingerprint: colons(&Md5::digest(der.as_bytes())),
                line: key.to_openssh().map_err(cannot)?,
            })
        }
        _ => Err(bad_key("only RSA and ED25519 keys are taken")),
    }
}

fn der_key(material: &[u8], text: &str) -> Result<PublicKey> {
    use rsa::pkcs1::DecodeRsaPublicKey;
    use rsa::pkcs8::DecodePublicKey;
    let bare: String = text.lines().filter(|line| !line.starts_with("-----")).collect();
    let der = STANDARD.decode(bare.trim()).unwrap_or_else(|_| material.to_vec());
    let key = rsa::RsaPublicKey::from_public_key_der(&der)
        .or_else(|_| rsa::RsaPublicKey::from_pkcs1_der(&der))
        .map_err(|_| bad_key("it is neither an OpenSSH public key nor DER"))?;
    let data = ssh_key::public::RsaPublicKey::try_from(&key).map_err(cannot)?;
    Ok(PublicKey::from(KeyData::Rsa(data)))
}

fn colons(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect::<Vec<_>>().join(":")
}

fn bad_key(why: &str) -> CloudError {
    CloudError::new(
        ErrorCode::InvalidKeyFormat,
        format!("Key is not in valid OpenSSH public key format: {why}"),
    )
}

fn cannot(error: impl std::fmt::Display) -> CloudError {
    CloudError::internal(format!("the key could not be made: {error}"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_ed25519_key_is_openssh_pem_and_imports_to_the_same_fingerprint() {
        let made = generate(KeyType::Ed25519, KeyFormat::Pem, "mine").unwrap();
        assert!(made.private_key.starts_with("-----BEGIN OPENSSH PRIVATE KEY-----"));
        assert!(made.public.line.starts_with("ssh-ed25519 ") && made.public.line.ends_with(" mine"));
        let imported = import(made.public.line.as_bytes(), "other").unwrap();
        assert_eq!(imported.fingerprint, made.public.fingerprint);
    }

    #[test]
    fn an_rsa_key_is_pkcs1_pem_with_a_sha1_fingerprint_and_md5_when_imported() {
        let made = generate(KeyType::Rsa, KeyFormat::Pem, "mine").unwrap();
        assert!(made.private_key.starts_with("-----BEGIN RSA PRIVATE KEY-----"));
        assert_eq!(made.public.fingerprint.split(':').count(), 20);
        let imported = import(made.public.line.as_bytes(), "mine").unwrap();
        assert_eq!(imported.fingerprint.split(':').count(), 16);
    }

    #[test]
    fn what_is_no_public_key_is_refused() {
        for text in
            ["", "ssh-rsa", "ssh-rsa AAAA", "-----BEGIN PUBLIC KEY-----", "ecdsa-sha2-nistp256 AAAA x"]
        {
            assert_eq!(import(text.as_bytes(), "x").unwrap_err().code, ErrorCode::InvalidKeyFormat, "{text}");
        }
    }
}
