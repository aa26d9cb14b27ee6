//! ModifyManagedPrefixList: other entries, which make a new version, or another name or size.

use cumulet_engine::api::prefix_list::ModifyPrefixList;

use super::shared::prefix_lists::{cidrs, entries};
use crate::call::{Answer, Call};
use crate::resources::prefix_list::xml;
use crate::xml::Xml;

/// Handles the call.
pub async fn handle(call: &Call) -> Answer {
    let params = call.params();
    params.refuse(&["IpamPrefixListResolverSyncEnabled"])?;
    let request = ModifyPrefixList {
        id: params.required_id("PrefixListId")?,
        current_version: params.number("CurrentVersion")?,
        name: params.text("PrefixListName").map(str::to_owned),
        max_entries: params.number("MaxEntries")?,
        add: entries(&params, "AddEntry")?,
        remove: cidrs(&params, "RemoveEntry")?,
    };
    call.cloud.prefix_list(&request.id).await?;
    call.check_dry_run()?;
    let list = call.cloud.modify_prefix_list(request).await?;
    Ok(Xml::new().node("prefixList", xml(&list, &call.facts())))
}
