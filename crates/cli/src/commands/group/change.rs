//! What `allow` and `deny` share: written rules made ready for the wire, by direction.

use cumulet_client::types::security_group::{Direction, RuleSpec, SecurityGroup};

use crate::context::Context;
use crate::failure::{Failure, Result};
use crate::resolve;
use crate::rules::{self, Peer};

/// The rules in `words`, with groups looked up; the inward ones and the outward ones.
pub async fn specs(
    context: &Context,
    group: &SecurityGroup,
    words: &[String],
    description: Option<&str>,
) -> Result<Vec<(Direction, Vec<RuleSpec>)>> {
    let written = rules::parse(words).map_err(Failure::Usage)?;
    let mut by_direction = vec![(Direction::Ingress, Vec::new()), (Direction::Egress, Vec::new())];
    for rule in written {
        let peer = match &rule.peer {
            Peer::Cidr(_) => None,
            Peer::Itself => Some(group.id.clone()),
            Peer::Group(name) => Some(resolve::group(&context.client, name).await?.id),
        };
        let spec = rule.spec(peer, description.map(str::to_owned));
        let (_, list) = &mut by_direction[usize::from(rule.direction == Direction::Egress)];
        list.push(spec);
    }
    by_direction.retain(|(_, list)| !list.is_empty());
    Ok(by_direction)
}
