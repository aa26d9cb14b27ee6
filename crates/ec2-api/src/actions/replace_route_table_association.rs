//! ReplaceRouteTableAssociation: lets a subnet use another route table, or makes another the main one.

use cumulet_model::{RouteTableAssociationId, RouteTableId};

use crate::call::{Answer, Call};
use crate::resources::vpc::ASSOCIATED;
use crate::xml::Xml;

/// Handles the call.
pub async fn handle(call: &Call) -> Answer {
    let params = call.params();
    let id: RouteTableAssociationId = params.required_id("AssociationId")?;
    let table: RouteTableId = params.required_id("RouteTableId")?;
    call.cloud.check_replace_association(&id, &table).await?;
    call.check_dry_run()?;
    let new = call.cloud.replace_association(&id, &table).await?;
    let state = Xml::new().text("state", ASSOCIATED);
    Ok(Xml::new().text("newAssociationId", new).node("associationState", state))
}
