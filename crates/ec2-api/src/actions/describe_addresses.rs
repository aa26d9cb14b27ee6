//! DescribeAddresses: elastic addresses. There are none yet, so that any that is named does not exist.

use cumulet_model::{CloudError, Tags};

use crate::call::{Answer, Call};
use crate::filter::{FilterTable, Filters};
use crate::xml::Xml;

static NO_TAGS: Tags = Tags::new();

const FILTERS: FilterTable<()> = FilterTable {
    names: &[],
    absent: &[
        "allocation-id",
        "association-id",
        "instance-id",
        "network-border-group",
        "network-interface-id",
        "network-interface-owner-id",
        "private-ip-address",
        "public-ip",
        "domain",
    ],
    tags: Some(|()| &NO_TAGS),
};

/// Handles the call.
pub async fn handle(call: &Call) -> Answer {
    let params = call.params();
    let filters = Filters::read(&params)?;
    for name in ["AllocationId", "PublicIp"] {
        if let Some(value) = params.texts(name)?.first() {
            return Err(not_there(&params.name_of(name), value));
        }
    }
    call.check_dry_run()?;
    filters.apply(&FILTERS, &call.facts(), Vec::new())?;
    Ok(Xml::new().list("addressesSet", []))
}

fn not_there(parameter: &str, value: &str) -> CloudError {
    let value = crate::query::shorten(value);
    CloudError::invalid_value(format!("{parameter} '{value}' does not exist: this cloud has no elastic addresses yet"))
}
