//! Filters of Describe actions: several values of a filter are alternatives, several filters must all hold.
//!
//! Each kind of resource has a [`FilterTable`]: filter names with what they look at. Names that EC2 documents and of
//! which nothing here has a value stand in `absent`: they are valid and match nothing.

pub mod pattern;

use cumulet_model::{CloudError, Tags};

use crate::call::Facts;
use crate::query::Params;

/// How many values all filters of a request may have together (EC2 guide, "Filtering considerations").
const MAX_VALUES: usize = 200;

/// What a filter looks at: the resource's values under the filter's name.
pub type Look<T> = fn(&T, &Facts<'_>) -> Vec<String>;

/// The filters that a kind of resource has.
pub struct FilterTable<T: 'static> {
    /// Names with what they look at.
    pub names: &'static [(&'static str, Look<T>)],
    /// Valid names that match nothing here.
    pub absent: &'static [&'static str],
    /// The tags that `tag:KEY` and `tag-key` look at.
    pub tags: Option<fn(&T) -> &Tags>,
}

/// One value.
pub fn one(value: impl ToString) -> Vec<String> {
    vec![value.to_string()]
}

/// One value or none.
pub fn opt(value: Option<impl ToString>) -> Vec<String> {
    value.map(|value| value.to_string()).into_iter().collect()
}

/// Any number of values.
pub fn many<T: ToString>(values: impl IntoIterator<Item = T>) -> Vec<String> {
    values.into_iter().map(|value| value.to_string()).collect()
}

/// A request's filters.
#[derive(Debug, Default)]
pub struct Filters(Vec<Filter>);

#[derive(Debug)]
struct Filter {
    name: String,
    values: Vec<String>,
}

impl Filters {
    /// Reads `Filter.N.Name` and `Filter.N.Value.M`.
    pub fn read(params: &Params<'_>) -> Result<Self, CloudError> {
        let mut filters = Vec::new();
        for filter in params.structures("Filter")? {
            let name = filter.required("Name")?.to_owned();
            let values: Vec<_> = filter.values("Value")?.into_iter().map(str::to_owned).collect();
            if values.is_empty() {
                return Err(CloudError::missing(&filter.name_of("Value")));
            }
            filters.push(Filter { name, values });
        }
        if filters.iter().map(|filter| filter.values.len()).sum::<usize>() > MAX_VALUES {
            let text = format!("A request can have at most {MAX_VALUES} filter values");
            return Err(CloudError::new(cumulet_model::ErrorCode::InvalidParameterValue, text));
        }
        Ok(Self(filters))
    }

    /// Keeps what passes all filters. A name that the table does not have is `InvalidParameterValue`.
    pub fn apply<T>(
        &self,
        table: &FilterTable<T>,
        facts: &Facts<'_>,
        items: Vec<T>,
    ) -> Result<Vec<T>, CloudError> {
        let filters = self.0.iter().map(|filter| Ok((filter, Aim::find(&filter.name, table)?)));
        let filters: Vec<_> = filters.collect::<Result<_, CloudError>>()?;
        let passes = |item: &T| {
            filters.iter().all(|(filter, aim)| {
                let texts = aim.texts(item, facts);
                texts.iter().any(|text| filter.values.iter().any(|value| pattern::matches(value, text)))
            })
        };
        Ok(items.into_iter().filter(passes).collect())
    }
}

/// Where a filter looks.
enum Aim<'a, T> {
    Look(Look<T>),
    Nothing,
    TagKeys(fn(&T) -> &Tags),
    TagValue(fn(&T) -> &Tags, &'a str),
}

impl<'a, T> Aim<'a, T> {
    fn find(name: &'a str, table: &FilterTable<T>) -> Result<Self, CloudError> {
        if let Some(tags) = table.tags {
            if name == "tag-key" {
                return Ok(Self::TagKeys(tags));
            }
            if let Some(key) = name.strip_prefix("tag:").filter(|key| !key.is_empty()) {
                return Ok(Self::TagValue(tags, key));
            }
        }
        if let Some((_, look)) = table.names.iter().find(|(known, _)| *known == name) {
            return Ok(Self::Look(*look));
        }
        if table.absent.contains(&name) {
            return Ok(Self::Nothing);
        }
        let name = crate::query::shorten(name);
        Err(CloudError::invalid_value(format!("The filter '{name}' is invalid")))
    }

    fn texts(&self, item: &T, facts: &Facts<'_>) -> Vec<String> {
        match self {
            Self::Look(look) => look(item, facts),
            Self::Nothing => Vec::new(),
            Self::TagKeys(tags) => tags(item).keys().cloned().collect(),
            Self::TagValue(tags, key) => tags(item).get(*key).cloned().into_iter().collect(),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::query::{Query, decode_pairs};
    use cumulet_model::place::Region;

    struct Thing(u32, Tags);

    const TABLE: FilterTable<Thing> = FilterTable {
        names: &[("number", |thing, _| one(thing.0)), ("owner-id", |_, facts| one(facts.account))],
        absent: &["rare"],
        tags: Some(|thing| &thing.1),
    };

    fn pick(form: &str) -> Result<Vec<u32>, CloudError> {
        let tags = |name: &str| Tags::from([("Name".to_owned(), name.to_owned())]);
        let things = vec![Thing(1, tags("web-1")), Thing(22, tags("db")), Thing(3, Tags::new())];
        let region = Region::new("us-east-1", 1);
        let facts = Facts { region: &region, account: "123456789012" };
        let query = Query::new(decode_pairs(form.as_bytes()).unwrap()).unwrap();
        let picked = Filters::read(&query.params())?.apply(&TABLE, &facts, things)?;
        Ok(picked.into_iter().map(|thing| thing.0).collect())
    }

    #[test]
    fn values_are_alternatives_and_filters_add_up() {
        assert_eq!(pick("").unwrap(), [1, 22, 3]);
        assert_eq!(pick("Filter.1.Name=number&Filter.1.Value.1=1&Filter.1.Value.2=2*").unwrap(), [1, 22]);
        let both = "Filter.1.Name=number&Filter.1.Value.1=*&Filter.2.Name=tag:Name&Filter.2.Value.1=web*";
        assert_eq!(pick(both).unwrap(), [1]);
        assert_eq!(pick("Filter.1.Name=tag-key&Filter.1.Value.1=N?me").unwrap(), [1, 22]);
        assert_eq!(pick("Filter.1.Name=rare&Filter.1.Value.1=*").unwrap(), [0u32; 0]);
        assert_eq!(pick("Filter.1.Name=owner-id&Filter.1.Value.1=123456789012").unwrap().len(), 3);
    }

    #[test]
    fn an_unknown_name_is_named() {
        let error = pick("Filter.1.Name=colour&Filter.1.Value.1=red").unwrap_err();
        assert_eq!(error.message, "The filter 'colour' is invalid");
        assert!(pick("Filter.1.Name=tag:&Filter.1.Value.1=red").is_err());
        assert!(pick("Filter.1.Value.1=red").is_err());
        assert!(pick("Filter.1.Name=number").is_err());
    }
}
