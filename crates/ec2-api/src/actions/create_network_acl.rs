//! CreateNetworkAcl: an ACL that lets nothing pass until it has entries.

use cumulet_engine::api::acl::CreateNetworkAcl;

use crate::call::{Answer, Call};
use crate::resources::acl::xml;
use crate::tags::tags_for;
use crate::xml::Xml;

/// Handles the call.
pub async fn handle(call: &Call) -> Answer {
    let params = call.params();
    let request = CreateNetworkAcl {
        vpc_id: params.required_id("VpcId")?,
        tags: tags_for(&params, "network-acl")?,
        client_token: params.text("ClientToken").map(str::to_owned),
    };
    call.check_dry_run()?;
    let token = request.client_token.clone();
    let acl = call.cloud.create_network_acl(request).await?;
    Ok(Xml::new().node("networkAcl", xml(&acl, &call.facts())).maybe("clientToken", token))
}
