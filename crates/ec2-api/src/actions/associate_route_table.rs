//! AssociateRouteTable: lets a subnet use a route table.

use cumulet_model::{RouteTableId, SubnetId};

use crate::call::{Answer, Call};
use crate::resources::vpc::ASSOCIATED;
use crate::xml::Xml;

/// Handles the call.
pub async fn handle(call: &Call) -> Answer {
    let params = call.params();
    for name in ["GatewayId", "PublicIpv4Pool"] {
        if params.has(name) {
            return Err(params.unsupported(name, "is not supported: route tables here are for subnets"));
        }
    }
    let table: RouteTableId = params.required_id("RouteTableId")?;
    let subnet: SubnetId = params.required_id("SubnetId")?;
    call.cloud.check_associate(&table, &subnet).await?;
    call.check_dry_run()?;
    let id = call.cloud.associate_route_table(&table, &subnet).await?;
    let state = Xml::new().text("state", ASSOCIATED);
    Ok(Xml::new().text("associationId", id).node("associationState", state))
}
