//! The tree of one instance, built whole from its facts.

mod instance_identity;
mod interfaces;
mod meta_data;

use std::collections::BTreeMap;

use bytes::Bytes;

use crate::IdentityKey;
use crate::source::InstanceMetadata;

/// A file or a folder.
pub(crate) enum Node<'a> {
    /// Content.
    File(Bytes),
    /// Content that is made when it is asked for.
    Made(Box<dyn Fn() -> Option<Bytes> + Send + Sync + 'a>),
    /// Names and what is behind them.
    Folder(Entries<'a>),
    /// A folder whose listing is not made of its names, as `public-keys/` with its `0=name`.
    Listed(String, Entries<'a>),
}

type Entries<'a> = BTreeMap<String, Node<'a>>;

/// What a version folder holds.
pub(crate) fn of<'a>(facts: &'a InstanceMetadata, identity: &'a IdentityKey) -> Node<'a> {
    let mut root = BTreeMap::new();
    let identity = Node::folder([("instance-identity", instance_identity::of(facts, identity))]);
    root.insert("dynamic".to_owned(), identity);
    root.insert("meta-data".to_owned(), meta_data::of(facts));
    // A version lists its folders without a slash, and user data only where there is some.
    let user_data = facts.user_data.as_ref().map(|_| "user-data");
    let listing = ["dynamic", "meta-data"].into_iter().chain(user_data).collect::<Vec<_>>().join("\n");
    Node::Listed(listing, root)
}

impl<'a> Node<'a> {
    fn folder<const N: usize>(entries: [(&str, Node<'a>); N]) -> Self {
        Self::Folder(entries.into_iter().map(|(name, node)| (name.to_owned(), node)).collect())
    }

    /// The content of a file or the listing of a folder; with `as_folder` only a folder counts.
    pub fn find(&self, path: &[&str], as_folder: bool) -> Option<Bytes> {
        let mut node = self;
        for part in path {
            node = match node {
                Self::File(_) | Self::Made(_) => return None,
                Self::Folder(entries) | Self::Listed(_, entries) => entries.get(*part)?,
            };
        }
        match node {
            Self::File(_) | Self::Made(_) if as_folder => None,
            Self::File(content) => Some(content.clone()),
            Self::Made(make) => make(),
            Self::Listed(listing, _) => Some(listing.clone().into()),
            Self::Folder(entries) => Some(listing(entries).into()),
        }
    }
}

fn listing(entries: &Entries<'_>) -> String {
    let line = |(name, node): (&String, &Node<'_>)| match node {
        Node::File(_) | Node::Made(_) => name.clone(),
        Node::Folder(_) | Node::Listed(..) => format!("{name}/"),
    };
    entries.iter().map(line).collect::<Vec<_>>().join("\n")
}

impl From<String> for Node<'_> {
    fn from(text: String) -> Self {
        Self::File(text.into())
    }
}

impl From<&str> for Node<'_> {
    fn from(text: &str) -> Self {
        text.to_owned().into()
    }
}

/// A folder that is being filled; what is absent leaves no entry.
#[derive(Default)]
struct Folder<'a>(Entries<'a>);

impl<'a> Folder<'a> {
    fn put(mut self, name: impl Into<String>, node: impl Into<Node<'a>>) -> Self {
        self.0.insert(name.into(), node.into());
        self
    }

    fn put_if(self, name: &str, node: Option<impl Into<Node<'a>>>) -> Self {
        match node {
            Some(node) => self.put(name, node),
            None => self,
        }
    }
}

impl<'a> From<Folder<'a>> for Node<'a> {
    fn from(folder: Folder<'a>) -> Self {
        Self::Folder(folder.0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn listings_are_sorted_and_folders_end_with_a_slash() {
        let node: Node<'_> = Folder::default().put("b", "2").put("a", Folder::default().put("x", "")).into();
        assert_eq!(node.find(&[], true).unwrap(), "a/\nb");
        assert_eq!(node.find(&["a"], false).unwrap(), "x");
        assert_eq!(node.find(&["b"], false).unwrap(), "2");
        assert_eq!(node.find(&["b"], true), None);
        assert_eq!(node.find(&["b", "c"], false), None);
    }
}
