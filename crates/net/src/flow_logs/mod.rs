//! Flow logs: records of who talked to whom, as each interface saw it (VPC guide, "Logging IP traffic using VPC Flow
//! Logs").
//!
//! What was let through is counted by connection tracking, which tells of each connection when it ends and of all when
//! it is asked ([`crate::sys::accounting`]). What was refused is told packet by packet, headers only, by rules in the
//! chains in which the firewall refuses ([`stage`], [`crate::sys::nflog`]). From both, [`sighting`] computes what each
//! interface saw, [`table`] counts it by flows within bounds, [`books`] keeps an account for each log and interval,
//! [`report`] writes the records, and [`log`](mod@log) keeps them in files that [`tail`] reads.
//!
//! Nothing is dropped in silence: what there was no room or no time for is counted, and records say `SKIPDATA`.

pub mod archive;
pub mod books;
pub mod capture;
pub mod log;
pub mod packet;
pub mod record;
pub mod report;
pub mod scene;
pub mod sighting;
pub mod stage;
pub mod table;
pub mod tail;

#[cfg(test)]
mod tests;

pub use archive::{Archive, ArchiveConfig};
pub use capture::Capture;

use std::sync::Arc;

use cumulet_ports::network::VpcSpec;

use crate::error::NetError;
use crate::l3::Links;
use crate::sys::NetNs;
use report::Site;

/// Lets a VPC's logs be recorded as it wants, by the capture that is kept for it while it has any.
pub async fn keep(
    kept: &mut Option<Capture>,
    ns: &NetNs,
    site: Site,
    archive: &Arc<Archive>,
    vpc: &VpcSpec,
    links: &Links,
) -> Result<(), NetError> {
    if kept.as_ref().is_some_and(Capture::has_failed) {
        *kept = None;
    }
    match kept {
        _ if vpc.flow_logs.is_empty() => {
            if let Some(capture) = kept.take() {
                capture.finish().await;
            }
            return Ok(());
        }
        Some(_) => {}
        None => *kept = Some(Capture::start(ns, site, Arc::clone(archive)).await?),
    }
    if let Some(capture) = kept {
        capture.change(vpc, links).await;
    }
    Ok(())
}

/// Writes all that was seen.
pub async fn settle(kept: &Option<Capture>) {
    if let Some(capture) = kept {
        capture.settle().await;
    }
}
