//! DescribeInstanceCreditSpecifications: how instances of the burstable types pay for bursts.

use cumulet_model::instance::Instance;

use super::shared::credits::word;
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
    let credits = call.cloud.all_credits().await?;
    let burstable = |instance: &Instance| credits.contains_key(&instance.id);
    let picked = describe_where(call, &KIND, call.cloud.instances(), burstable).await?;
    let items = picked.items.iter().filter_map(|instance| {
        let mode = credits.get(&instance.id)?.mode;
        Some(Xml::new().text("instanceId", &instance.id).text("cpuCredits", word(mode)))
    });
    let xml = Xml::new().list("instanceCreditSpecificationSet", items);
    Ok(xml.maybe("nextToken", picked.next_token))
}
