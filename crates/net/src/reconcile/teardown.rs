//! Removing all that an installation made on the host. Goes on through errors; nothing to remove is a success.

use super::{firewall, forwarding, links};
use crate::config::NetConfig;
use crate::error::NetError;
use crate::l3;
use crate::names;
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
    note(forwarding::restore(host, config).await);
    NetError::collect(errors)
}

/// Removes a namespace with its links, which would live on while a VMM holds a tap.
pub async fn remove_namespace(name: &str) -> Result<(), NetError> {
    let emptied = match NetNs::open(name) {
        Ok(Some(ns)) => links::prune(&ns, "", |link| link == "lo", &mut Vec::new()).await,
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
