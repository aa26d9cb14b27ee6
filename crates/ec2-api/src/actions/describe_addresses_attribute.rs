//! DescribeAddressesAttribute: the names that reverse lookups of elastic addresses give, of which there are none.

use cumulet_model::CloudError;
use cumulet_model::elastic::ElasticAddress;

use crate::call::{Answer, Call};
use crate::describe::{Kind, describe};
use crate::filter::FilterTable;
use crate::paging::Bounds;
use crate::resources::address::IDS;
use crate::xml::Xml;

const KIND: Kind<ElasticAddress> = Kind {
    ids: Some(IDS),
    filters: &FilterTable { names: &[], absent: &[], tags: None },
    page: Some((Bounds { min: 1, max: 1000 }, |address| address.id.to_string())),
};

/// Handles the call.
pub async fn handle(call: &Call) -> Answer {
    let params = call.params();
    if params.word("Attribute", &[("domain-name", ())])?.is_none() {
        return Err(CloudError::missing("Attribute"));
    }
    let picked = describe(call, &KIND, call.cloud.addresses()).await?;
    let items = picked.items.iter().map(|address| {
        Xml::new().text("publicIp", address.public_ip).text("allocationId", &address.id)
    });
    Ok(Xml::new().list("addressSet", items).maybe("nextToken", picked.next_token))
}
