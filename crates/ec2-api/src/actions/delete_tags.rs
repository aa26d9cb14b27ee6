//! DeleteTags: removes tags by key, or by key and value, or all of a resource.

use cumulet_model::CloudError;

use crate::call::{Answer, Call, done};
use crate::query::Params;

/// Handles the call.
pub async fn handle(call: &Call) -> Answer {
    let params = call.params();
    let ids: Vec<String> = params.texts("ResourceId")?.into_iter().map(str::to_owned).collect();
    if ids.is_empty() {
        return Err(CloudError::missing("ResourceId"));
    }
    let which = read(&params)?;
    call.check_dry_run()?;
    call.cloud.delete_tags(&ids, &which).await?;
    Ok(done())
}

/// Keys with the value that a tag must have to be deleted; no value means whatever it is, and an empty one means one
/// that is empty.
fn read(params: &Params<'_>) -> Result<Vec<(String, Option<String>)>, CloudError> {
    let tags = params.structures("Tag")?;
    let pair = |tag: &Params<'_>| Ok((tag.required("Key")?.to_owned(), tag.raw("Value").map(str::to_owned)));
    tags.iter().map(pair).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::query::{Query, decode_pairs};

    #[test]
    fn an_empty_value_is_not_the_same_as_none() {
        let query = Query::new(decode_pairs(b"Tag.1.Key=a&Tag.2.Key=b&Tag.2.Value=").unwrap()).unwrap();
        let expected = [("a".to_owned(), None), ("b".to_owned(), Some(String::new()))];
        assert_eq!(read(&query.params()).unwrap(), expected);
    }
}
