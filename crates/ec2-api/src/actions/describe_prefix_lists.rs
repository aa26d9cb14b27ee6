//! DescribePrefixLists: the addresses of EC2's neighbours, such as S3. None of them is here, so that any that is named
//! does not exist; lists of the account's own are DescribeManagedPrefixLists'.

use cumulet_model::prefix_list::PrefixList;

use crate::call::{Answer, Call};
use crate::describe::describe;
use crate::resources::prefix_list::KIND;
use crate::xml::Xml;

/// Handles the call.
pub async fn handle(call: &Call) -> Answer {
    let none: Vec<PrefixList> = Vec::new();
    let picked = describe(call, &KIND, std::future::ready(Ok(none))).await?;
    Ok(Xml::new().maybe("nextToken", picked.next_token).list("prefixListSet", []))
}
