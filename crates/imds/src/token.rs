//! Session tokens of version 2. They are stateless: the end of their life and a MAC over it and the instance's id, by a
//! key that the daemon keeps. So they survive a restart of the daemon, cost no memory, and are good on their own
//! instance only.

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use cumulet_model::InstanceId;
use hmac::{Hmac, KeyInit as _, Mac as _};
use jiff::Timestamp;
use sha2::Sha256;

/// The longest life of a token, in seconds (EC2 guide, "Use IMDSv2").
pub const LONGEST_TTL: u32 = 21_600;

/// The first byte of a token: its form.
const FORM: u8 = 1;
/// What the MAC is for, so that the key could never be led to sign something else.
const PURPOSE: &[u8] = b"cumulet metadata token\0";
/// Form, end of life in seconds, MAC.
const LENGTH: usize = 1 + 8 + 32;

/// The key that tokens are made with.
#[derive(Clone)]
pub struct TokenKey([u8; 32]);

impl std::fmt::Debug for TokenKey {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("TokenKey(…)")
    }
}

impl TokenKey {
    /// A key of 32 random bytes that the caller keeps secret, and keeps.
    pub fn new(bytes: [u8; 32]) -> Self {
        Self(bytes)
    }

    /// A token for an instance that ends `ttl` seconds from now.
    pub fn issue(&self, instance: &InstanceId, now: Timestamp, ttl: u32) -> String {
        let end = now.as_second().saturating_add(i64::from(ttl)).to_be_bytes();
        let mut token = Vec::with_capacity(LENGTH);
        token.push(FORM);
        token.extend_from_slice(&end);
        token.extend_from_slice(&self.mac(instance, end).finalize().into_bytes());
        URL_SAFE_NO_PAD.encode(token)
    }

    /// Whether a token is good now on this instance.
    pub fn verify(&self, token: &[u8], instance: &InstanceId, now: Timestamp) -> bool {
        let Ok(bytes) = URL_SAFE_NO_PAD.decode(token) else { return false };
        let Some((&[form, end @ ..], mac)) = bytes.split_first_chunk::<9>() else { return false };
        // The MAC is compared in constant time.
        let genuine = self.mac(instance, end).verify_slice(mac).is_ok();
        form == FORM && genuine && now.as_second() < i64::from_be_bytes(end)
    }

    fn mac(&self, instance: &InstanceId, end: [u8; 8]) -> Hmac<Sha256> {
        // A key of any length is taken.
        let mut mac = Hmac::<Sha256>::new_from_slice(&self.0).expect("HMAC takes any key");
        mac.update(PURPOSE);
        mac.update(instance.as_str().as_bytes());
        mac.update(&[0]);
        mac.update(&end);
        mac
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn id(text: &str) -> InstanceId {
        text.parse().unwrap()
    }

    fn at(second: i64) -> Timestamp {
        Timestamp::from_second(second).unwrap()
    }

    #[test]
    fn a_token_is_good_on_its_instance_until_its_end() {
        let (key, one, two) = (TokenKey::new([7; 32]), id("i-0123456789abcdef0"), id("i-0123456789abcdef1"));
        let token = key.issue(&one, at(1000), 60);
        assert!(key.verify(token.as_bytes(), &one, at(1059)));
        assert!(!key.verify(token.as_bytes(), &one, at(1060)), "its end has come");
        assert!(!key.verify(token.as_bytes(), &two, at(1001)), "another instance");
        assert!(!TokenKey::new([8; 32]).verify(token.as_bytes(), &one, at(1001)), "another key");
    }

    proptest! {
        #[test]
        fn a_changed_token_is_no_token(at_byte in 0..55_usize, bit in 0..6_u8) {
            let (key, one) = (TokenKey::new([7; 32]), id("i-0123456789abcdef0"));
            let token = key.issue(&one, at(1000), 60);
            let mut bytes = token.clone().into_bytes();
            bytes[at_byte] ^= 1 << bit;
            prop_assert!(!key.verify(&bytes, &one, at(1001)));
        }

        #[test]
        fn any_bytes_are_no_token(bytes in proptest::collection::vec(any::<u8>(), 0..80)) {
            prop_assert!(!TokenKey::new([7; 32]).verify(&bytes, &id("i-0123456789abcdef0"), at(0)));
        }
    }
}
