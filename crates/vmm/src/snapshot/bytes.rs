//! Structures of KVM's interface as base64 of their bytes, for `#[serde(with)]`. Their layout is part of Linux's stable
//! interface, so it needs no form of our own. The length has to be right to the byte.

use base64::{Engine, engine::general_purpose::STANDARD};
use serde::{Deserialize, Deserializer, Serializer, de::Error};
use zerocopy::{FromBytes, Immutable, IntoBytes};

/// Writes the structure's bytes.
pub fn serialize<T: IntoBytes + Immutable, S: Serializer>(
    value: &T,
    serializer: S,
) -> Result<S::Ok, S::Error> {
    serializer.serialize_str(&STANDARD.encode(value.as_bytes()))
}

/// Reads them back.
pub fn deserialize<'de, T: FromBytes, D: Deserializer<'de>>(deserializer: D) -> Result<T, D::Error> {
    let text = std::borrow::Cow::<'de, str>::deserialize(deserializer)?;
    let bytes = STANDARD.decode(text.as_bytes()).map_err(D::Error::custom)?;
    let wrong = || D::Error::custom(format!("{} bytes instead of {}", bytes.len(), size_of::<T>()));
    T::read_from_bytes(&bytes).map_err(|_| wrong())
}
