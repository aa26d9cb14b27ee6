//! DescribeInstanceCreditSpecifications: how instances of the burstable types pay for bursts. There are no credits here,
//! so that each may burst without limit.

use cumulet_model::instance::Instance;

use crate::call::{Answer, Call};
use crate::describe::{Kind, describe_where};
use crate::filter::{FilterTable, one};
use crate::paging::USUAL;
use crate::resources::instance::IDS;
use crate::xml::Xml;

const KIND: Kind<Instance> = Kind {
    ids: Some(IDS),
    filters: &FilterTable { names: &[("instance-id", |i, _| one(&i.id))], absent: &[], tags: None },
    page: Some((USUAL, |instance| instance.id.to_string())),
};

/// Handles the call.
pub async fn handle(call: &Call) -> Answer {
    let types = call.cloud.instance_types();
    let burstable = |instance: &Instance| {
        types.iter().any(|kind| kind.name == instance.instance_type && kind.burstable)
    };
    let picked = describe_where(call, &KIND, call.cloud.instances(), burstable).await?;
    let items =
        picked.items.iter().map(|i| Xml::new().text("instanceId", &i.id).text("cpuCredits", "unlimited"));
    let xml = Xml::new().list("instanceCreditSpecificationSet", items);
    Ok(xml.maybe("nextToken", picked.next_token))
}
