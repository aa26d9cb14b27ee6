//! DescribeSnapshots: snapshots by id, owner, filters and page.

use crate::call::{Answer, Call};
use crate::describe::describe_where;
use crate::resources::snapshot;
use crate::xml::Xml;

/// Handles the call.
pub async fn handle(call: &Call) -> Answer {
    let params = call.params();
    // Whoever may make volumes from them: their owner alone, as none is shared here.
    let ours = |name: &str| {
        let wanted = params.texts(name)?;
        let is_us = |owner: &&str| *owner == "self" || *owner == call.cloud.account_id();
        Ok::<_, cumulet_model::CloudError>(wanted.is_empty() || wanted.iter().any(is_us))
    };
    let all = ours("Owner")? & ours("RestorableBy")?;
    let picked = describe_where(call, &snapshot::KIND, call.cloud.snapshots(), |_| all).await?;
    let facts = call.facts();
    let items = picked.items.iter().map(|taken| snapshot::xml(taken, &facts));
    Ok(Xml::new().maybe("nextToken", picked.next_token).list("snapshotSet", items))
}
