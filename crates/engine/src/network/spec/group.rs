//! A security group.

use cumulet_model::security::{Direction, SecurityGroup};
use cumulet_ports::network::GroupSpec;

/// A group with its rules.
pub fn spec(group: &SecurityGroup) -> GroupSpec {
    let specs = |direction| group.rules_of(direction).map(|rule| rule.spec.clone()).collect();
    GroupSpec { id: group.id.clone(), ingress: specs(Direction::Ingress), egress: specs(Direction::Egress) }
}
