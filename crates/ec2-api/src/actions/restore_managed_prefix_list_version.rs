//! RestoreManagedPrefixListVersion: the entries of an earlier version become those of a new one.

use cumulet_model::{CloudError, PrefixListId};

use crate::call::{Answer, Call};
use crate::resources::prefix_list::xml;
use crate::xml::Xml;

/// Handles the call.
pub async fn handle(call: &Call) -> Answer {
    let params = call.params();
    let id: PrefixListId = params.required_id("PrefixListId")?;
    let version = |name| params.number::<u64>(name)?.ok_or_else(|| CloudError::missing(name));
    let (previous, current) = (version("PreviousVersion")?, version("CurrentVersion")?);
    call.cloud.prefix_list(&id).await?;
    call.check_dry_run()?;
    let list = call.cloud.restore_prefix_list(&id, previous, current).await?;
    Ok(Xml::new().node("prefixList", xml(&list, &call.facts())))
}
