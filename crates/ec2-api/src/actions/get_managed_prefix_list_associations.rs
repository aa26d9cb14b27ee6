//! GetManagedPrefixListAssociations: what refers to a prefix list.

use cumulet_model::PrefixListId;

use crate::call::{Answer, Call};
use crate::describe::{Kind, describe};
use crate::filter::FilterTable;
use crate::paging::USUAL;
use crate::xml::Xml;

const KIND: Kind<String> = Kind {
    ids: None,
    filters: &FilterTable { names: &[], absent: &[], tags: None },
    page: Some((USUAL, Clone::clone)),
};

/// Handles the call.
pub async fn handle(call: &Call) -> Answer {
    let id: PrefixListId = call.params().required_id("PrefixListId")?;
    let picked = describe(call, &KIND, call.cloud.prefix_list_associations(&id)).await?;
    let account = call.facts().account;
    let items = picked.items.iter().map(|id| Xml::new().text("resourceId", id).text("resourceOwner", account));
    Ok(Xml::new().list("prefixListAssociationSet", items).maybe("nextToken", picked.next_token))
}
