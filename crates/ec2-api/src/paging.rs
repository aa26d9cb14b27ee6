//! Pages of long answers: `MaxResults` and an opaque `NextToken`.
//!
//! A token holds the key of the last item that was given and the action that gave it. The next page is what sorts
//! behind that key, so that pages stay right when items appear or vanish in between, the named one included. A token
//! grants nothing that the caller could not ask for, so it is checked for form, not authenticated.

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use cumulet_model::{CloudError, ErrorCode};

use crate::query::Params;

/// The page that a request asks for.
#[derive(Debug, Default, PartialEq, Eq)]
pub struct Page {
    max: Option<usize>,
    after: Option<String>,
}

/// The least and the most that `MaxResults` may be.
#[derive(Debug, Clone, Copy)]
pub struct Bounds {
    /// Least.
    pub min: u32,
    /// Most; also the size of a page when only a token is given.
    pub max: u32,
}

/// What most actions take.
pub const USUAL: Bounds = Bounds { min: 5, max: 1000 };

impl Page {
    /// Reads `MaxResults` and `NextToken` of a request for `action`. Ids can't be selected together with
    /// `MaxResults`.
    pub fn read(
        params: &Params<'_>,
        action: &str,
        bounds: Bounds,
        ids: Option<&str>,
    ) -> Result<Self, CloudError> {
        let max = params.number::<i64>("MaxResults")?;
        if let (Some(ids), Some(_)) = (ids, max) {
            return Err(CloudError::combination(format!(
                "The parameter {ids} cannot be used with the parameter MaxResults"
            )));
        }
        let after = params.text("NextToken").map(|token| read_token(action, token)).transpose()?;
        let max = match (max, &after) {
            (Some(max), _) => Some(in_bounds(max, bounds)?),
            (None, Some(_)) => Some(bounds.max as usize),
            (None, None) => None,
        };
        Ok(Self { max, after })
    }

    /// The page of `items`, and the token for the next one if there is more.
    pub fn cut<T>(
        self,
        action: &str,
        mut items: Vec<T>,
        key: impl Fn(&T) -> String,
    ) -> (Vec<T>, Option<String>) {
        let Some(max) = self.max else { return (items, None) };
        items.sort_by_cached_key(&key);
        if let Some(after) = self.after {
            items.retain(|item| key(item) > after);
        }
        if items.len() <= max {
            return (items, None);
        }
        items.truncate(max);
        let token = items.last().map(|item| write_token(action, &key(item)));
        (items, token)
    }
}

fn in_bounds(max: i64, bounds: Bounds) -> Result<usize, CloudError> {
    let rule = if max < bounds.min.into() {
        format!("greater than or equal to {}", bounds.min)
    } else if max > bounds.max.into() {
        format!("less than or equal to {}", bounds.max)
    } else {
        return usize::try_from(max).map_err(|_| CloudError::invalid_value("MaxResults"));
    };
    Err(CloudError::invalid_value(format!(
        "Value ( {max} ) for parameter maxResults is invalid. Expecting a value {rule}."
    )))
}

fn write_token(action: &str, key: &str) -> String {
    URL_SAFE_NO_PAD.encode(format!("1:{action}:{key}"))
}

fn read_token(action: &str, token: &str) -> Result<String, CloudError> {
    let key = || {
        let bytes = URL_SAFE_NO_PAD.decode(token).ok()?;
        let text = String::from_utf8(bytes).ok()?;
        Some(text.strip_prefix("1:")?.strip_prefix(action)?.strip_prefix(':')?.to_owned())
    };
    key().ok_or_else(|| {
        let text = format!("The NextToken is not one that {action} gave");
        CloudError::new(ErrorCode::InvalidPaginationToken, text)
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::query::{Query, decode_pairs};
    use proptest::prelude::*;

    fn page(form: &str, ids: Option<&str>) -> Result<Page, CloudError> {
        let query = Query::new(decode_pairs(form.as_bytes()).unwrap()).unwrap();
        Page::read(&query.params(), "DescribeThings", USUAL, ids)
    }

    #[test]
    fn bounds_are_ec2s() {
        assert!(page("MaxResults=5", None).is_ok());
        assert!(page("MaxResults=4", None).unwrap_err().message.contains("equal to 5"));
        assert!(page("MaxResults=1001", None).unwrap_err().message.contains("less than or equal to 1000"));
        let both = page("MaxResults=5", Some("ThingId")).unwrap_err();
        assert_eq!(both.code, ErrorCode::InvalidParameterCombination);
        assert!(page("", Some("ThingId")).is_ok());
    }

    #[test]
    fn a_token_of_another_action_or_none_at_all_is_refused() {
        let foreign = write_token("DescribeOthers", "x");
        for token in [foreign.as_str(), "AAAA", "%21"] {
            let error = page(&format!("NextToken={token}"), None).unwrap_err();
            assert_eq!(error.code, ErrorCode::InvalidPaginationToken);
        }
    }

    proptest! {
        /// Between two pages things vanish and appear: what was there all along is seen exactly once.
        #[test]
        fn pages_miss_and_repeat_nothing_that_stays(
            stay in prop::collection::btree_set(0u32..1000, 0..60),
            come_and_go in prop::collection::vec(prop::collection::btree_set(1000u32..2000, 0..20), 20),
        ) {
            let key = |n: &u32| format!("{:05}", (n * 7919) % 100_003);
            let mut seen = Vec::new();
            let mut form = "MaxResults=7".to_owned();
            for passing in come_and_go.iter().cycle() {
                let all: Vec<u32> = stay.iter().chain(passing).copied().collect();
                let (items, token) = page(&form, None).unwrap().cut("DescribeThings", all, key);
                prop_assert!(items.len() <= 7);
                seen.extend(items.into_iter().filter(|n| *n < 1000));
                match token {
                    Some(token) => form = format!("MaxResults=7&NextToken={token}"),
                    None => break,
                }
            }
            seen.sort();
            prop_assert_eq!(seen, stay.into_iter().collect::<Vec<_>>());
        }
    }
}
