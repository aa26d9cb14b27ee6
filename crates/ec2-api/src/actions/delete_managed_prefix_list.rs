//! DeleteManagedPrefixList: a list that nothing refers to.

use cumulet_model::PrefixListId;

use crate::call::{Answer, Call};
use crate::resources::prefix_list::in_state;
use crate::xml::Xml;

/// Handles the call.
pub async fn handle(call: &Call) -> Answer {
    let id: PrefixListId = call.params().required_id("PrefixListId")?;
    call.cloud.prefix_list(&id).await?;
    call.check_dry_run()?;
    let list = call.cloud.delete_prefix_list(&id).await?;
    Ok(Xml::new().node("prefixList", in_state(&list, "delete-complete", &call.facts())))
}
