//! A managed prefix list as DescribeManagedPrefixLists shows it.

use cumulet_model::prefix_list::PrefixList;
use cumulet_model::{ErrorCode, PrefixListId};

use crate::call::Facts;
use crate::describe::{Ids, Kind, id_form};
use crate::filter::{FilterTable, one};
use crate::paging::Bounds;
use crate::xml::Xml;

/// What the prefix list actions take as the size of a page.
pub const PAGE: Bounds = Bounds { min: 1, max: 100 };

/// How prefix lists are described.
pub const KIND: Kind<PrefixList> = Kind {
    ids: Some(Ids {
        parameter: "PrefixListId",
        of: |list| list.id.to_string(),
        check: id_form::<PrefixListId>,
        not_found: ErrorCode::InvalidPrefixListIdNotFound,
        noun: "prefix list ID",
    }),
    filters: &FilterTable {
        names: &[
            ("owner-id", |_, f| one(f.account)),
            ("prefix-list-id", |list, _| one(&list.id)),
            ("prefix-list-name", |list, _| one(&list.name)),
        ],
        absent: &[],
        tags: Some(|list| &list.tags),
    },
    page: Some((PAGE, |list| list.id.to_string())),
};

/// A prefix list without its entries.
pub fn xml(list: &PrefixList, facts: &Facts<'_>) -> Xml {
    in_state(list, list.state.as_str(), facts)
}

/// The same in a state of the caller's choice.
pub fn in_state(list: &PrefixList, state: &str, facts: &Facts<'_>) -> Xml {
    Xml::new()
        .text("prefixListId", &list.id)
        .text("addressFamily", list.family.as_str())
        .text("state", state)
        .text("prefixListArn", facts.arn("prefix-list", &list.id))
        .text("prefixListName", &list.name)
        .text("maxEntries", list.max_entries)
        .text("version", list.version)
        .tags(&list.tags)
        .text("ownerId", facts.account)
}
