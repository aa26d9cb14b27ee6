//! What all Describe actions share: select by ids, filter, cut a page.

use std::collections::{BTreeMap, BTreeSet};

use cumulet_model::error::{MalformedCode, parse_id};
use cumulet_model::{CloudError, ErrorCode, MalformedId};

use crate::call::Call;
use crate::filter::{FilterTable, Filters};
use crate::paging::{Bounds, Page};

/// How a kind of resource is described.
pub struct Kind<T: 'static> {
    /// How resources are selected by id, if they can be.
    pub ids: Option<Ids<T>>,
    /// Its filters.
    pub filters: &'static FilterTable<T>,
    /// What a page is, if the action has pages: the bounds of its size and the key that orders it.
    pub page: Option<(Bounds, Key<T>)>,
}

/// A text of a resource's: its id, or what orders it in pages.
pub type Key<T> = fn(&T) -> String;

/// How resources are selected by id.
pub struct Ids<T> {
    /// The parameter: `InstanceId`.
    pub parameter: &'static str,
    /// The id of a resource.
    pub of: Key<T>,
    /// Checks an id's form.
    pub check: fn(&str) -> Result<(), CloudError>,
    /// What one that names nothing is called.
    pub not_found: ErrorCode,
    /// What an id is called in messages: `instance ID`.
    pub noun: &'static str,
}

/// What was described.
pub struct Picked<T> {
    /// The resources, in the engine's order, or in the order of their keys if they are a page.
    pub items: Vec<T>,
    /// Token of the next page.
    pub next_token: Option<String>,
}

/// Checks an id's form for a kind of id.
pub fn id_form<T>(text: &str) -> Result<(), CloudError>
where
    T: MalformedCode + std::str::FromStr<Err = MalformedId>,
{
    parse_id::<T>(text).map(drop)
}

/// For what is selected by a name of any form.
pub fn any_form(_: &str) -> Result<(), CloudError> {
    Ok(())
}

/// Describes: reads the request's selection, gets all resources, and gives those that were asked for.
pub async fn describe<T>(
    call: &Call,
    kind: &Kind<T>,
    all: impl Future<Output = Result<Vec<T>, CloudError>>,
) -> Result<Picked<T>, CloudError> {
    describe_where(call, kind, all, |_| true).await
}

/// As [`describe`], leaving out what an action's own parameters do not want. An id of something left out is no error.
pub async fn describe_where<T>(
    call: &Call,
    kind: &Kind<T>,
    all: impl Future<Output = Result<Vec<T>, CloudError>>,
    keep: impl Fn(&T) -> bool,
) -> Result<Picked<T>, CloudError> {
    let params = call.params();
    let filters = Filters::read(&params)?;
    let mut ids = Vec::new();
    if let Some(by) = &kind.ids {
        ids = params.texts(by.parameter)?;
        ids.iter().try_for_each(|id| (by.check)(id))?;
    }
    let selected = kind.ids.as_ref().filter(|_| !ids.is_empty()).map(|by| by.parameter);
    let page = match kind.page {
        Some((bounds, _)) => Page::read(&params, call.action, bounds, selected)?,
        None => Page::default(),
    };
    let mut items = all.await?;
    if let (Some(by), false) = (&kind.ids, ids.is_empty()) {
        items = select(by, &ids, items)?;
    }
    call.check_dry_run()?;
    items.retain(keep);
    let items = filters.apply(kind.filters, &call.facts(), items)?;
    let (items, next_token) = match kind.page {
        Some((_, key)) => page.cut(call.action, items, key),
        None => (items, None),
    };
    Ok(Picked { items, next_token })
}

/// The resources of these ids, each once; ids that name nothing are an error that names them all.
pub fn select<T>(by: &Ids<T>, ids: &[&str], items: Vec<T>) -> Result<Vec<T>, CloudError> {
    let wanted: BTreeSet<&str> = ids.iter().copied().collect();
    let mut found: BTreeMap<String, ()> = BTreeMap::new();
    let mut kept = Vec::new();
    for item in items {
        let id = (by.of)(&item);
        if wanted.contains(id.as_str()) {
            found.insert(id, ());
            kept.push(item);
        }
    }
    let missing: Vec<&str> = wanted.into_iter().filter(|id| !found.contains_key(*id)).collect();
    match missing.as_slice() {
        [] => Ok(kept),
        [one] => Err(CloudError::not_found(by.not_found, by.noun, one)),
        several => {
            let text = format!("The {}s '{}' do not exist", by.noun, several.join(", "));
            Err(CloudError::new(by.not_found, text))
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const IDS: Ids<&str> = Ids {
        parameter: "InstanceId",
        of: |id| (*id).to_owned(),
        check: any_form,
        not_found: ErrorCode::InvalidInstanceIdNotFound,
        noun: "instance ID",
    };

    #[test]
    fn missing_ids_are_named_in_ec2s_words() {
        let items = || vec!["i-1", "i-2", "i-3"];
        assert_eq!(select(&IDS, &["i-3", "i-1", "i-3"], items()).unwrap(), ["i-1", "i-3"]);
        let one = select(&IDS, &["i-9", "i-1"], items()).unwrap_err();
        assert_eq!(one.to_string(), "InvalidInstanceID.NotFound: The instance ID 'i-9' does not exist");
        let two = select(&IDS, &["i-9", "i-8"], items()).unwrap_err();
        assert_eq!(two.message, "The instance IDs 'i-8, i-9' do not exist");
    }
}
