//! The bounds on what is read. User data comes from strangers; each of these stops one way of making a few
//! bytes cost much.

/// What EC2 takes as user data, in bytes before base64: more is refused by the API, not by this crate.
pub const EC2_USER_DATA_BYTES: usize = 16 * 1024;

/// The most bytes that one [`UserData::parse`](crate::UserData::parse) takes, as given.
pub const INPUT_BYTES: usize = 16 * 1024 * 1024;

/// The most bytes that all gzip streams of one user data may inflate to, together.
pub const INFLATED_BYTES: usize = 16 * 1024 * 1024;

/// The most parts of one user data, after every envelope is opened.
pub const PARTS: usize = 512;

/// How deep MIME messages and archives may be nested.
pub const NESTING: usize = 8;

/// The most headers of one MIME part.
pub const HEADERS: usize = 64;

/// The most bytes of one YAML document.
pub const YAML_BYTES: usize = 8 * 1024 * 1024;

/// The most nodes of one YAML document, each alias counted as what it stands for.
pub const YAML_NODES: usize = 100_000;

/// The most bytes of all scalars of one YAML document, each alias counted as what it stands for.
pub const YAML_SCALAR_BYTES: usize = 32 * 1024 * 1024;

/// How deep sequences and mappings of one YAML document may be nested.
pub const YAML_DEPTH: usize = 64;
