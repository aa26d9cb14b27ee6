//! An instance's health as DescribeInstanceStatus shows it.

use cumulet_engine::api::instance::Reachability;
use cumulet_model::instance::Instance;
use cumulet_model::state::InstanceState;

use super::instance::{IDS, state_xml};
use crate::call::Facts;
use crate::describe::{Ids, Kind};
use crate::filter::{FilterTable, one, opt};
use crate::paging::USUAL;
use crate::xml::Xml;

/// An instance with what its checks say.
pub struct Health {
    /// The instance.
    pub instance: Instance,
    /// Whether its system answers.
    pub reachability: Reachability,
}

/// How health is described.
pub const KIND: Kind<Health> = Kind {
    ids: Some(Ids {
        parameter: IDS.parameter,
        of: |health| health.instance.id.to_string(),
        check: IDS.check,
        not_found: IDS.not_found,
        noun: IDS.noun,
    }),
    filters: &FilterTable {
        names: &[
            ("attached-ebs-status.status", |h, _| one(host_status(h).0)),
            ("availability-zone", |h, _| one(&h.instance.zone)),
            ("availability-zone-id", |h, facts| opt(facts.zone_id(&h.instance.zone))),
            ("instance-state-code", |h, _| one(h.instance.state.code())),
            ("instance-state-name", |h, _| one(h.instance.state)),
            ("instance-status.reachability", |h, _| opt(guest_status(h).1)),
            ("instance-status.status", |h, _| one(guest_status(h).0)),
            ("system-status.reachability", |h, _| opt(host_status(h).1)),
            ("system-status.status", |h, _| one(host_status(h).0)),
        ],
        absent: &[
            "event.code",
            "event.description",
            "event.instance-event-id",
            "event.not-after",
            "event.not-before",
            "event.not-before-deadline",
            "operator.managed",
            "operator.principal",
        ],
        tags: Some(|h| &h.instance.tags),
    },
    page: Some((USUAL, |health| health.instance.id.to_string())),
};

/// EC2's words for a check: its status and its reachability.
type Words = (&'static str, Option<&'static str>);

/// What the check of the guest says.
fn guest_status(health: &Health) -> Words {
    match health.reachability {
        Reachability::Passed => ("ok", Some("passed")),
        Reachability::Initializing => ("initializing", Some("initializing")),
        Reachability::NotApplicable => ("not-applicable", None),
    }
}

/// What the check of the host and of the volumes' storage says: this daemon answers, so they are there.
fn host_status(health: &Health) -> Words {
    match (health.instance.state, health.reachability) {
        (InstanceState::Running, Reachability::Initializing) => ("initializing", Some("initializing")),
        (InstanceState::Running, _) => ("ok", Some("passed")),
        _ => ("not-applicable", None),
    }
}

fn check_xml((status, reachability): Words) -> Xml {
    let details = reachability.map(|word| Xml::new().text("name", "reachability").text("status", word));
    let xml = Xml::new();
    let xml = if details.is_some() { xml.list("details", details) } else { xml };
    xml.text("status", status)
}

/// A health's fields.
pub fn xml(health: &Health, facts: &Facts<'_>) -> Xml {
    let instance = &health.instance;
    Xml::new()
        .text("availabilityZone", &instance.zone)
        .maybe("availabilityZoneId", facts.zone_id(&instance.zone))
        .text("instanceId", &instance.id)
        .node("instanceState", state_xml(instance.state))
        .node("instanceStatus", check_xml(guest_status(health)))
        .node("systemStatus", check_xml(host_status(health)))
        .node("attachedEbsStatus", check_xml(host_status(health)))
}
