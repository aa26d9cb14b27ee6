//! `cumulet saved ls`.

use cumulet_client::types::saved_machine::SavedMachineList;

use crate::context::Context;
use crate::failure::Result;

/// Lists saved machines.
pub async fn run(context: &Context) -> Result<()> {
    let list = SavedMachineList { saved_machines: context.client.saved_machines().await? };
    if context.printed_json(&list)? { Ok(()) } else { super::table(context, &list.saved_machines) }
}
