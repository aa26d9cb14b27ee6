//! `cumulet version`.

use crate::context::Context;
use crate::failure::Result;
use crate::output::say;

/// Prints the versions; a daemon that does not answer is no error here.
pub async fn run(context: &Context) -> Result<()> {
    let own = env!("CARGO_PKG_VERSION");
    let daemon = context.client.host().await;
    if context.json {
        let facts = daemon.as_ref().ok();
        return context.printed_json(&serde_json::json!({ "cumulet": own, "daemon": facts })).map(drop);
    }
    say!("cumulet {own}")?;
    match daemon {
        Ok(facts) => say!(
            "cumuletd {} at {}: account {}, region {} ({})",
            facts.version,
            context.client.target(),
            facts.account_id,
            facts.region,
            facts.zones.join(", ")
        ),
        Err(error) => say!("cumuletd: {error}"),
    }
}
