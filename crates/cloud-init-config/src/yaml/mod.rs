//! YAML as cloud-init reads it: one document, YAML 1.1 scalars, aliases and merge keys, all within bounds.

mod emit;
mod error;
mod load;
mod resolve;
mod value;

pub use emit::to_string;
pub use error::YamlError;
pub use load::{Document, load};
pub use value::{Mapping, Value};
