//! Tags in requests: `TagSpecification` of actions that make something, and the plain `Tag` list.

use std::collections::BTreeMap;

use cumulet_model::tag::check_tags;
use cumulet_model::{CloudError, Tags};

use crate::query::Params;

/// The tags that `TagSpecification` gives to each resource type; the types must be among `allowed`.
pub fn tag_specifications(
    params: &Params<'_>,
    allowed: &[&'static str],
) -> Result<BTreeMap<&'static str, Tags>, CloudError> {
    let mut all = BTreeMap::new();
    for specification in params.structures("TagSpecification")? {
        let asked = specification.required("ResourceType")?;
        let kind = allowed.iter().find(|kind| **kind == asked).ok_or_else(|| {
            let rule = format!("this action can tag {}", allowed.join(", "));
            specification.invalid("ResourceType", asked, &rule)
        })?;
        let tags = tag_list(&specification)?;
        if all.insert(*kind, tags).is_some() {
            return Err(specification.invalid("ResourceType", asked, "each type can be given once"));
        }
    }
    Ok(all)
}

/// The tags for the one type of resource that an action makes.
pub fn tags_for(params: &Params<'_>, kind: &'static str) -> Result<Tags, CloudError> {
    Ok(tag_specifications(params, &[kind])?.remove(kind).unwrap_or_default())
}

/// `Tag.1.Key=…&Tag.1.Value=…`, checked against EC2's limits. No value is an empty one.
pub fn tag_list(params: &Params<'_>) -> Result<Tags, CloudError> {
    let mut tags = Tags::new();
    for tag in params.structures("Tag")? {
        let key = tag.required("Key")?;
        if tags.insert(key.to_owned(), tag.raw("Value").unwrap_or_default().to_owned()).is_some() {
            return Err(tag.invalid("Key", key, "a tag key can be given once"));
        }
    }
    check_tags(&tags)?;
    Ok(tags)
}
