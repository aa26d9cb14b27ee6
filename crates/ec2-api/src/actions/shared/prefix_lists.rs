//! Entries of prefix lists in requests.

use cumulet_model::CloudError;
use cumulet_model::prefix_list::PrefixListEntry;
use ipnet::IpNet;

use crate::query::Params;

/// A list of entries: `Entry.1.Cidr=…&Entry.1.Description=…`.
pub fn entries(params: &Params<'_>, name: &str) -> Result<Vec<PrefixListEntry>, CloudError> {
    let read = |entry: Params<'_>| {
        let description = entry.text("Description").map(str::to_owned);
        Ok(PrefixListEntry { cidr: cidr(&entry)?, description })
    };
    params.structures(name)?.into_iter().map(read).collect()
}

/// A list of entries by their ranges alone.
pub fn cidrs(params: &Params<'_>, name: &str) -> Result<Vec<IpNet>, CloudError> {
    params.structures(name)?.iter().map(cidr).collect()
}

/// A range of either family; bits beyond the prefix are cleared.
fn cidr(entry: &Params<'_>) -> Result<IpNet, CloudError> {
    let text = entry.required("Cidr")?;
    text.parse::<IpNet>()
        .map(|net| net.trunc())
        .map_err(|_| entry.invalid("Cidr", text, "expected a CIDR block"))
}
