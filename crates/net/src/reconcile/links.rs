//! Making and removing links.

use std::collections::BTreeMap;

use cumulet_ports::network::VpcSpec;
use rtnetlink::{LinkUnspec, LinkVeth};
use tracing::warn;

use crate::error::NetError;
use crate::handed_out::{HandedOut, Missing};
use crate::l3::{self, Link, Links};
use crate::names::{self, TAP_PREFIX};
use crate::sys::NetNs;
use crate::sys::tap::{self, Queues};

/// One end of a veth pair: where it is and what it is called there.
pub struct End<'a> {
    /// Its namespace.
    pub ns: &'a NetNs,
    /// Its name.
    pub name: &'a str,
}

/// Makes sure that there is a veth pair with these ends. A lone end, or two that don't belong together, are replaced.
/// Both ends are born in the namespace of `near`, so it should be one of ours.
pub async fn veth(near: End<'_>, far: End<'_>, changes: &mut Vec<String>) -> Result<(), NetError> {
    let near_links = l3::links(near.ns).await?;
    let far_links = l3::links(far.ns).await?;
    let ends = (near_links.get(near.name), far_links.get(far.name));
    if let (Some(a), Some(b)) = ends
        && a.peer == Some(b.index)
        && b.peer == Some(a.index)
    {
        return Ok(());
    }
    // What a crash left half way still has the far end's name in the near namespace.
    for (ns, link) in [(near.ns, ends.0), (near.ns, near_links.get(far.name)), (far.ns, ends.1)] {
        if let Some(link) = link {
            delete(ns, link).await?;
        }
    }
    let what = format!("make link {} between {} and {}", near.name, near.ns.name(), far.ns.name());
    let request = near.ns.netlink().link().add(LinkVeth::new(near.name, far.name).build());
    request.execute().await.map_err(NetError::netlink(what.clone()))?;
    let links = l3::links(near.ns).await?;
    let born = links.get(far.name).ok_or_else(|| NetError::Missing { what: format!("link {}", far.name) })?;
    let moved = LinkUnspec::new_with_index(born.index).setns_by_fd(far.ns.raw_fd()).build();
    near.ns.netlink().link().change(moved).execute().await.map_err(NetError::netlink(what))?;
    changes.push(format!("link {} in {} to {} in {}", near.name, near.ns.name(), far.name, far.ns.name()));
    Ok(())
}

/// Removes, of the links that are `held`, the taps that no interface has and makes those that are missing, still down.
pub async fn taps(
    ns: &NetNs,
    vpc: &VpcSpec,
    held: &mut Links,
    handed_out: &HandedOut,
    changes: &mut Vec<String>,
) -> Result<(), NetError> {
    let wanted: BTreeMap<String, u32> =
        vpc.interfaces.iter().map(|interface| (names::tap(&interface.id), interface.queues)).collect();
    let is_stale = |name: &String| name.starts_with(TAP_PREFIX) && !wanted.contains_key(name);
    for (name, link) in held.iter().filter(|(name, _)| is_stale(name)) {
        handed_out.let_go(name);
        delete(ns, link).await?;
        changes.push(format!("{}: tap {name} removed", ns.name()));
    }
    held.retain(|name, _| !is_stale(name));
    let missing: Vec<_> = wanted.into_iter().filter(|(name, _)| !held.contains_key(name)).collect();
    for (name, queues) in missing {
        let fate = handed_out.make_again(&name);
        if fate != Missing::MadeAgain {
            let name = name.clone();
            let queues = if queues > 1 { Queues::Several } else { Queues::One };
            ns.run(move || tap::create(&name, queues)).await.flatten()?;
        }
        let absent = || NetError::Missing { what: format!("the new tap {name}") };
        let link = l3::link(ns, &name).await?.ok_or_else(absent)?;
        if queues > 1 {
            l3::without_qdiscs(ns, &name, &link).await?;
        }
        held.insert(name.clone(), link);
        changes.push(format!("{}: tap {name} {}", ns.name(), told(fate)));
        if fate == Missing::CutOff {
            let interface = vpc.interfaces.iter().find(|interface| names::tap(&interface.id) == name);
            let instance = interface.map(|interface| interface.instance_id.to_string());
            warn!(
                tap = name,
                instance, "an instance is cut off until it is stopped and started: its tap was deleted"
            );
        }
    }
    Ok(())
}

fn told(fate: Missing) -> &'static str {
    match fate {
        Missing::New => "made",
        Missing::MadeAgain => "was deleted; made again for the machine that has it",
        Missing::CutOff => "was deleted; made, but the machine that had it is cut off until its next start",
    }
}

/// Removes links whose name begins with `prefix` and that `keep` does not name.
pub async fn prune(
    ns: &NetNs,
    prefix: &str,
    keep: impl Fn(&str) -> bool,
    changes: &mut Vec<String>,
) -> Result<(), NetError> {
    for (name, link) in l3::links(ns).await? {
        if name.starts_with(prefix) && !keep(&name) {
            delete(ns, &link).await?;
            changes.push(format!("{}: link {name} removed", ns.name()));
        }
    }
    Ok(())
}

/// Removes a link; that it is gone already is no error.
pub async fn delete(ns: &NetNs, link: &Link) -> Result<(), NetError> {
    match ns.netlink().link().del(link.index).execute().await {
        Err(rtnetlink::Error::NetlinkError(error)) if error.raw_code() == -libc::ENODEV => Ok(()),
        result => result.map_err(NetError::netlink(format!("remove a link of {}", ns.name()))),
    }
}
