//! `cumulet key ls`.

use cumulet_client::types::key_pair::KeyPairList;

use crate::context::Context;
use crate::failure::Result;

/// Lists key pairs.
pub async fn run(context: &Context) -> Result<()> {
    let list = KeyPairList { key_pairs: context.client.key_pairs().await? };
    if context.printed_json(&list)? { Ok(()) } else { super::table(context, &list.key_pairs) }
}
