//! CreateRouteTable: a route table with the local routes.

use cumulet_engine::api::vpc::CreateRouteTable;

use crate::call::{Answer, Call};
use crate::resources::route_table;
use crate::tags::tags_for;
use crate::xml::Xml;

/// Handles the call.
pub async fn handle(call: &Call) -> Answer {
    let params = call.params();
    let request = CreateRouteTable {
        vpc_id: params.required_id("VpcId")?,
        tags: tags_for(&params, "route-table")?,
        client_token: params.text("ClientToken").map(str::to_owned),
    };
    call.check_dry_run()?;
    let token = request.client_token.clone();
    let made = call.cloud.create_route_table(request).await?;
    Ok(Xml::new().node("routeTable", route_table::xml(&made, &call.facts())).maybe("clientToken", token))
}
