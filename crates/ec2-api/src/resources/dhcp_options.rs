//! A DHCP options set as DescribeDhcpOptions shows it.

use cumulet_model::dhcp::DhcpOptionsSet;
use cumulet_model::{DhcpOptionsId, ErrorCode};

use crate::call::Facts;
use crate::describe::{Ids, Kind, id_form};
use crate::filter::{FilterTable, many, one};
use crate::paging::USUAL;
use crate::xml::Xml;

/// How DHCP options sets are described.
pub const KIND: Kind<DhcpOptionsSet> = Kind {
    ids: Some(Ids {
        parameter: "DhcpOptionsId",
        of: |set| set.id.to_string(),
        check: id_form::<DhcpOptionsId>,
        not_found: ErrorCode::InvalidDhcpOptionIdNotFound,
        noun: "dhcpOption ID",
    }),
    filters: &FilterTable {
        names: &[
            ("dhcp-options-id", |s, _| one(&s.id)),
            ("key", |s, _| many(s.options.pairs().into_iter().map(|(key, _)| key))),
            ("owner-id", |_, facts| one(facts.account)),
            ("tag", |s, _| many(s.tags.iter().map(|(key, value)| format!("{key}={value}")))),
            ("value", |s, _| many(s.options.pairs().into_iter().flat_map(|(_, values)| values))),
        ],
        absent: &[],
        tags: Some(|s| &s.tags),
    },
    page: Some((USUAL, |set| set.id.to_string())),
};

/// A set's fields.
pub fn xml(set: &DhcpOptionsSet, facts: &Facts<'_>) -> Xml {
    let options = set.options.pairs().into_iter().map(|(key, values)| {
        let values = values.into_iter().map(|value| Xml::new().text("value", value));
        Xml::new().text("key", key).list("valueSet", values)
    });
    Xml::new()
        .text("ownerId", facts.account)
        .tags(&set.tags)
        .text("dhcpOptionsId", &set.id)
        .list("dhcpConfigurationSet", options)
}
