//! Removing all that an installation made on the host. Goes on through errors; nothing to remove is a success.

use super::{firewall, found, links};
use crate::config::NetConfig;
use crate::error::NetError;
use crate::l3;
use crate::names::{self, TAP_PREFIX};
use crate::sys::{NetNs, netns};

/// Removes everything with the installation's tag.
pub async fn teardown(config: &NetConfig, host: &NetNs) -> Result<(), NetError> {
    let mut errors = Vec::new();
    let mut note = |result: Result<(), NetError>| errors.extend(result.err());
    for name in netns::list(&names::vpc_namespace_prefix(&config.tag)) {
        note(remove_namespace(&name).await);
    }
    let edge = names::edge_namespace(&config.tag);
    note(remove_namespace(&edge).await);
    // With the edge goes the link's other end; the name of one that nobody holds may be there still.
    note(remove_link(host, &names::host_link(&config.tag)).await);
    note(firewall::remove_from_host(host, config).await);
    note(found::put_back(host, config).await);
    NetError::collect(errors)
}

/// Removes a namespace. Its links to others go at once. Its taps go with it, which is much quicker for many than one by
/// one; a VMM that still holds one keeps them, out of everybody's reach, until it ends.
pub async fn remove_namespace(name: &str) -> Result<(), NetError> {
    let emptied = match NetNs::open(name) {
        Ok(Some(ns)) => {
            links::prune(&ns, "", |link| link == "lo" || link.starts_with(TAP_PREFIX), &mut Vec::new()).await
        }
        Ok(None) => Ok(()),
        Err(error) => Err(error),
    };
    netns::delete(name)?;
    emptied
}

async fn remove_link(ns: &NetNs, name: &str) -> Result<(), NetError> {
    match l3::links(ns).await?.get(name) {
        Some(link) => links::delete(ns, link).await,
        None => Ok(()),
    }
}
