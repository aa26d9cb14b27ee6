//! `dynamic/instance-identity/`: the document and its signatures.

use bytes::Bytes;

use super::{Folder, Node};
use crate::IdentityKey;
use crate::identity::Document;
use crate::source::InstanceMetadata;

/// The document and, over exactly its bytes, the signatures. `pkcs7` and `rsa2048` are the same here: both are
/// signed by the one RSA key; EC2 has a DSA key for the older name. A signature takes a millisecond, so it is made only
/// when it is asked for.
pub(super) fn of<'a>(facts: &'a InstanceMetadata, key: &'a IdentityKey) -> Node<'a> {
    let document = move || Document::of(facts).to_json();
    let signature = move || key.signature(&document()).map(Bytes::from);
    let pkcs7 = move || key.pkcs7(&document()).map(Bytes::from);
    Folder::default()
        .put("document", document())
        .put("pkcs7", Node::Made(Box::new(pkcs7)))
        .put("rsa2048", Node::Made(Box::new(pkcs7)))
        .put("signature", Node::Made(Box::new(signature)))
        .into()
}
