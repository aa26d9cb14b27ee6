//! The Query protocol's parameters: [`decode`] takes the form apart into pairs, [`params`] is the tree that dotted
//! names make of them, with typed reading.

mod decode;
mod params;

pub use decode::{DecodeError, decode_pairs};
pub use params::{Params, Query, shorten};
