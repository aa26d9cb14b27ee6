//! DescribeInstances: instances by id, filters and page, grouped by the launch that they came from.

use cumulet_model::instance::Instance;

use crate::call::{Answer, Call};
use crate::describe::describe;
use crate::resources::instance::{KIND, reservation_xml};
use crate::xml::Xml;

/// Handles the call.
pub async fn handle(call: &Call) -> Answer {
    let picked = describe(call, &KIND, call.cloud.instances()).await?;
    let facts = call.facts();
    let reservations = by_reservation(picked.items);
    let items = reservations
        .iter()
        .map(|instances| reservation_xml(&instances[0].reservation_id, facts.account, instances, &facts));
    Ok(Xml::new().maybe("nextToken", picked.next_token).list("reservationSet", items))
}

/// Groups, none of them empty, in the order of the first instance of each; within one by launch index.
fn by_reservation(instances: Vec<Instance>) -> Vec<Vec<Instance>> {
    let mut groups: Vec<Vec<Instance>> = Vec::new();
    let mut place = std::collections::HashMap::new();
    for instance in instances {
        let at = *place.entry(instance.reservation_id.clone()).or_insert(groups.len());
        match groups.get_mut(at) {
            Some(group) => group.push(instance),
            None => groups.push(vec![instance]),
        }
    }
    groups.iter_mut().for_each(|group| group.sort_by_key(|instance| instance.launch_index));
    groups
}
