//! GetConsoleOutput: the last that the serial console said, in base64.

use cumulet_model::InstanceId;

use super::shared::encoding::to_base64;
use super::shared::instances::named_instance;
use crate::call::{Answer, Call};
use crate::xml::Xml;

/// Handles the call.
pub async fn handle(call: &Call) -> Answer {
    let id: InstanceId = named_instance(call).await?.id;
    // The output is always the latest.
    let _ = call.params().flag("Latest")?;
    call.check_dry_run()?;
    let console = call.cloud.console_output(&id).await?;
    let output = (!console.output.is_empty()).then(|| to_base64(&console.output));
    Ok(Xml::new().text("instanceId", &id).time("timestamp", console.timestamp).maybe("output", output))
}
