//! Files and directories as a stream, both ways: a root entry with what is in it, depth first.
//!
//! A file's entry is followed by its data and [`End`](crate::ClientMessage::End). A directory's is followed by the
//! entries in it and [`Entry::Up`]. The tree is whole with the end of its root. An entry has a name, never a path, so
//! that a receiver never leaves the directory that it is in.

use serde::{Deserialize, Serialize};

/// The deepest directory of a tree.
pub const MAX_DEPTH: usize = 128;

/// The most bytes of a name (Linux' `NAME_MAX`).
pub const MAX_NAME: usize = 255;

/// A file or directory to send.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Get {
    /// Its path. A symbolic link is followed here, but nowhere in a directory.
    pub path: String,
}

/// A file or directory to take.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Put {
    /// The path that it gets; or an existing directory into which it is put under its own name. The directory above
    /// must be there.
    pub path: String,
    /// Who is to own what is made: `USER`, `USER:GROUP` or `:GROUP`, by name or number; root where not given.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub owner: Option<String>,
}

/// Something of a tree.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Entry {
    /// A directory; what is in it follows.
    Directory(Facts),
    /// A regular file; its data follows.
    File(Facts),
    /// A symbolic link.
    Link {
        /// The link's name.
        name: String,
        /// What it points to; never followed.
        target: String,
    },
    /// The directory that was begun last is whole.
    Up,
}

/// What is known of a file or directory.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Facts {
    /// Its name in its directory.
    pub name: String,
    /// Permissions, `0o000` to `0o777`.
    pub mode: u32,
    /// When it was changed last, in seconds since 1970.
    #[serde(default)]
    pub modified: i64,
}

/// What was copied.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Copied {
    /// Files, directories and links.
    pub entries: u64,
    /// Bytes of files.
    pub bytes: u64,
    /// What was left out, and why; the first few.
    #[serde(default)]
    pub left_out: Vec<String>,
}

/// Whether `name` can name something in a directory, and nothing outside of it.
pub fn is_name(name: &str) -> bool {
    !matches!(name, "" | "." | "..") && name.len() <= MAX_NAME && !name.contains(['/', '\0'])
}
