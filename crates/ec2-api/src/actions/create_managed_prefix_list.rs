//! CreateManagedPrefixList: a list of address ranges, with its first version.

use cumulet_engine::api::prefix_list::CreatePrefixList;
use cumulet_model::CloudError;
use cumulet_model::prefix_list::AddressFamily;

use super::shared::prefix_lists::entries;
use crate::call::{Answer, Call};
use crate::resources::prefix_list::xml;
use crate::tags::tags_for;
use crate::xml::Xml;

/// Handles the call.
pub async fn handle(call: &Call) -> Answer {
    let params = call.params();
    let families = [("IPv4", AddressFamily::Ipv4), ("IPv6", AddressFamily::Ipv6)];
    let request = CreatePrefixList {
        name: params.required("PrefixListName")?.to_owned(),
        family: params
            .word("AddressFamily", &families)?
            .ok_or_else(|| CloudError::missing("AddressFamily"))?,
        max_entries: params.number("MaxEntries")?.ok_or_else(|| CloudError::missing("MaxEntries"))?,
        entries: entries(&params, "Entry")?,
        tags: tags_for(&params, "prefix-list")?,
        client_token: params.text("ClientToken").map(str::to_owned),
    };
    call.check_dry_run()?;
    let list = call.cloud.create_prefix_list(request).await?;
    Ok(Xml::new().node("prefixList", xml(&list, &call.facts())))
}
