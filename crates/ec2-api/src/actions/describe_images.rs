//! DescribeImages: machine images, kernels and ramdisks by id, owner, filters and page.

use cumulet_model::image::Image;

use crate::call::{Answer, Call};
use crate::describe::describe_where;
use crate::resources::image::{KIND, xml};
use crate::xml::Xml;

/// Handles the call.
pub async fn handle(call: &Call) -> Answer {
    let params = call.params();
    let facts = call.facts();
    let ours = |name: &&str| *name == "self" || *name == facts.account;
    let (owners, users) = (params.texts("Owner")?, params.texts("ExecutableBy")?);
    // All images are this account's and private to it. None is deprecated or disabled, so that to include those adds
    // nothing.
    let (_, _) = (params.flag("IncludeDeprecated")?, params.flag("IncludeDisabled")?);
    let all_wanted = (owners.is_empty() || owners.iter().any(ours)) && (users.is_empty() || users.iter().any(ours));
    let wanted = |_: &Image| all_wanted;
    let picked = describe_where(call, &KIND, call.cloud.images(), wanted).await?;
    let items = picked.items.iter().map(|image| xml(image, &facts));
    Ok(Xml::new().maybe("nextToken", picked.next_token).list("imagesSet", items))
}
