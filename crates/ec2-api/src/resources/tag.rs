//! A tag as DescribeTags shows it.

use cumulet_model::Tag;

use crate::describe::Kind;
use crate::filter::{FilterTable, one};
use crate::paging::USUAL;
use crate::xml::Xml;

/// How tags are described.
pub const KIND: Kind<Tag> = Kind {
    ids: None,
    filters: &FilterTable {
        names: &[
            ("key", |t, _| one(&t.key)),
            ("resource-id", |t, _| one(&t.resource_id)),
            ("resource-type", |t, _| one(t.resource_type())),
            ("value", |t, _| one(&t.value)),
        ],
        absent: &[],
        tags: None,
    },
    page: Some((USUAL, |tag| format!("{} {}", tag.resource_id, tag.key))),
};

/// A tag's fields.
pub fn xml(tag: &Tag) -> Xml {
    Xml::new()
        .text("key", &tag.key)
        .text("resourceId", &tag.resource_id)
        .text("resourceType", tag.resource_type())
        .text("value", &tag.value)
}
