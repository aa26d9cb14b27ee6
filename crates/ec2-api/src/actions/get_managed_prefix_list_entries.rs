//! GetManagedPrefixListEntries: the entries of a list, as they are or as they were in an earlier version.

use cumulet_model::PrefixListId;
use cumulet_model::prefix_list::PrefixListEntry;

use crate::call::{Answer, Call};
use crate::describe::{Kind, describe};
use crate::filter::FilterTable;
use crate::resources::prefix_list::PAGE;
use crate::xml::Xml;

const KIND: Kind<PrefixListEntry> = Kind {
    ids: None,
    filters: &FilterTable { names: &[], absent: &[], tags: None },
    page: Some((PAGE, |entry| entry.cidr.to_string())),
};

/// Handles the call.
pub async fn handle(call: &Call) -> Answer {
    let params = call.params();
    let id: PrefixListId = params.required_id("PrefixListId")?;
    let version = params.number("TargetVersion")?;
    let picked = describe(call, &KIND, call.cloud.prefix_list_entries(&id, version)).await?;
    let items = picked.items.iter().map(|entry| {
        Xml::new().text("cidr", entry.cidr).maybe("description", entry.description.as_deref())
    });
    Ok(Xml::new().list("entrySet", items).maybe("nextToken", picked.next_token))
}
