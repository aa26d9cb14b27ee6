//! DescribeRegions: the one region, with the endpoint by which the client came.

use crate::call::{Answer, Call};
use crate::describe::describe;
use crate::resources::place::{REGIONS, ReachedRegion, region_xml};
use crate::xml::Xml;

/// Handles the call.
pub async fn handle(call: &Call) -> Answer {
    // There are no regions that an account would have to opt in to.
    let _ = call.params().flag("AllRegions")?;
    let here = ReachedRegion { region: call.cloud.region().clone(), endpoint: call.host.clone() };
    let picked = describe(call, &REGIONS, std::future::ready(Ok(vec![here]))).await?;
    Ok(Xml::new().list("regionInfo", picked.items.iter().map(region_xml)))
}
