//! Holding claims against the clock, the place and the secret.

use hmac::{Hmac, KeyInit, Mac};
use jiff::{SignedDuration, Timestamp};
use sha2::Sha256;
use subtle::ConstantTimeEq;

use super::canonical::Signed;
use super::error::SignatureError;
use super::presented::{Form, Presented};

/// How far a client's clock may be off, either way.
const SKEW: SignedDuration = SignedDuration::from_mins(15);

/// What a signature must be for.
#[derive(Debug, Clone, Copy)]
pub struct Expected<'a> {
    /// The region of this cloud.
    pub region: &'a str,
    /// The services that it answers for.
    pub services: &'a [&'a str],
}

/// Checks everything about the claims that needs no secret.
pub fn check_claims(
    presented: &Presented,
    expected: Expected<'_>,
    now: Timestamp,
) -> Result<(), SignatureError> {
    let scope = &presented.scope;
    let shown = |text: &str| text.chars().filter(char::is_ascii_graphic).take(32).collect::<String>();
    if !expected.services.contains(&scope.service.as_str()) {
        let (asked, served) = (shown(&scope.service), expected.services.join(" and "));
        return Err(SignatureError::Scope(format!(
            "Credential is scoped to the service '{asked}'; this endpoint serves {served}"
        )));
    }
    if scope.region != expected.region {
        let (asked, ours) = (shown(&scope.region), expected.region);
        return Err(SignatureError::Scope(format!(
            "Credential should be scoped to a valid region: this cloud's region is '{ours}', not '{asked}'"
        )));
    }
    if !presented.basic_time().starts_with(&scope.date) {
        return Err(SignatureError::Scope(format!(
            "Credential is scoped to the date {}, which is not the day of the request's time {}",
            shown(&scope.date),
            presented.basic_time()
        )));
    }
    check_time(presented, now)
}

fn check_time(presented: &Presented, now: Timestamp) -> Result<(), SignatureError> {
    let age = now.duration_since(presented.timestamp);
    let (oldest, rule) = match presented.form {
        Form::Header => (SKEW, "for 15 minutes".to_owned()),
        Form::Query { expires } => {
            (SignedDuration::from_secs(expires.into()), format!("for {expires} seconds"))
        }
    };
    if age > oldest || -age > SKEW {
        return Err(SignatureError::Expired { signed: presented.timestamp, now, rule });
    }
    Ok(())
}

/// Compares the claimed signature with the one that the secret gives, in constant time. Without a secret (the key id is
/// unknown) the work is done all the same, so that time does not tell which key ids exist.
pub fn verify(
    presented: &Presented,
    request: &Signed<'_>,
    secret: Option<&str>,
) -> Result<(), SignatureError> {
    let text = request.string_to_sign(presented)?;
    let computed = signature(presented, secret.unwrap_or("no such key"), &text);
    let equal: bool = computed.ct_eq(&presented.signature).into();
    if equal && secret.is_some() { Ok(()) } else { Err(SignatureError::NotValid) }
}

/// The signature of `string_to_sign` with `secret` in the scope of the claims.
pub fn signature(presented: &Presented, secret: &str, string_to_sign: &str) -> [u8; 32] {
    let scope = &presented.scope;
    let key = hmac(format!("AWS4{secret}").as_bytes(), scope.date.as_bytes());
    let key = hmac(&key, scope.region.as_bytes());
    let key = hmac(&key, scope.service.as_bytes());
    let key = hmac(&key, b"aws4_request");
    hmac(&key, string_to_sign.as_bytes())
}

fn hmac(key: &[u8], message: &[u8]) -> [u8; 32] {
    match Hmac::<Sha256>::new_from_slice(key) {
        Ok(mut mac) => {
            mac.update(message);
            mac.finalize().into_bytes().into()
        }
        Err(_) => unreachable!("HMAC takes keys of any length"),
    }
}
