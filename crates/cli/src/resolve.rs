//! From what people type to what the API knows: instances by id, by an unambiguous beginning of it, or by their tag
//! `Name`; images and groups by id or name.

use cumulet_client::Client;
use cumulet_client::types::flow_log::FlowLog;
use cumulet_client::types::image::{Image, ImageKind, ImageQuery, ImageState};
use cumulet_client::types::instance::{Instance, InstanceQuery, InstanceState};
use cumulet_client::types::saved_machine::SavedMachine;
use cumulet_client::types::security_group::SecurityGroup;
use cumulet_client::types::volume::Volume;

use crate::failure::{Failure, Result};

/// The instance that `asked` means.
pub async fn instance(client: &Client, asked: &str) -> Result<Instance> {
    pick_instance(client.instances(&InstanceQuery::default()).await?, asked)
}

/// The instances that each of `asked` means, each once, in that order.
pub async fn instances(client: &Client, asked: &[String]) -> Result<Vec<Instance>> {
    let all = client.instances(&InstanceQuery::default()).await?;
    let mut found: Vec<Instance> = Vec::new();
    for asked in asked {
        let instance = pick_instance(all.clone(), asked)?;
        if found.iter().all(|known| known.id != instance.id) {
            found.push(instance);
        }
    }
    Ok(found)
}

fn pick_instance(all: Vec<Instance>, asked: &str) -> Result<Instance> {
    if let Some(exact) = all.iter().find(|instance| instance.id == asked) {
        return Ok(exact.clone());
    }
    // A terminated instance keeps its name for an hour; it must not stand in the way of its successor.
    let is_gone = |instance: &Instance| {
        matches!(instance.state, InstanceState::Terminated | InstanceState::ShuttingDown)
    };
    let is_meant = |instance: &Instance| {
        instance.name() == Some(asked) || (is_id_beginning(asked) && instance.id.starts_with(asked))
    };
    let (gone, alive): (Vec<_>, Vec<_>) = all.into_iter().filter(is_meant).partition(is_gone);
    let mut candidates = if alive.is_empty() { gone } else { alive };
    match candidates.len() {
        0 => Err(Failure::NotFound(format!(
            "no instance has the id, an id beginning with, or the name {asked:?}"
        ))),
        1 => Ok(candidates.swap_remove(0)),
        _ => {
            let ids: Vec<_> = candidates.iter().map(|instance| instance.id.as_str()).collect();
            Err(Failure::Other(format!("{asked:?} could be any of {}", ids.join(", "))))
        }
    }
}

/// The saved machine that `asked` means, by id or name.
pub async fn saved_machine(client: &Client, asked: &str) -> Result<SavedMachine> {
    let mut all = client.saved_machines().await?;
    all.retain(|machine| machine.id == asked || machine.name.as_deref() == Some(asked));
    match all.len() {
        0 => Err(Failure::NotFound(format!("no saved machine has the id or name {asked:?}"))),
        1 => Ok(all.swap_remove(0)),
        _ => {
            let ids: Vec<_> = all.iter().map(|machine| machine.id.as_str()).collect();
            Err(Failure::Other(format!("{asked:?} could be any of {}", ids.join(", "))))
        }
    }
}

/// `i-` and at least one digit: `i-` alone would mean every instance.
fn is_id_beginning(asked: &str) -> bool {
    asked.len() > 2 && asked.starts_with("i-")
}

/// The image that `asked` means, by id or name.
pub async fn image(client: &Client, asked: &str) -> Result<Image> {
    pick_image(client.images(&ImageQuery::default()).await?, asked)
}

fn pick_image(all: Vec<Image>, asked: &str) -> Result<Image> {
    if let Some(exact) = all.iter().find(|image| image.id == asked) {
        return Ok(exact.clone());
    }
    // Among images of one name, machines come first (a kernel may be called after its machine image), and those
    // that can be used before those that can't.
    let rank = |image: &Image| (image.kind != ImageKind::Machine, image.state != ImageState::Available);
    let named = all.iter().filter(|image| image.name == asked);
    if let Some(best) = named.min_by_key(|image| rank(image)) {
        return Ok(best.clone());
    }
    let names: Vec<_> = all
        .iter()
        .filter(|image| image.kind == ImageKind::Machine)
        .map(|image| image.name.as_str())
        .collect();
    let known = if names.is_empty() {
        "there are none yet: `cumulet image build debian-12` makes one".to_owned()
    } else {
        format!("there are {}", names.join(", "))
    };
    Err(Failure::NotFound(format!("no image has the id or name {asked:?}; {known}")))
}

/// The security group that `asked` means, by id or name; the default VPC's `default` is the first of its name.
pub async fn group(client: &Client, asked: &str) -> Result<SecurityGroup> {
    let all = client.security_groups().await?;
    let vpcs = if asked.starts_with("sg-") { Vec::new() } else { client.vpcs().await? };
    let default_vpc = vpcs.into_iter().find(|vpc| vpc.is_default).map(|vpc| vpc.id);
    pick_group(all, default_vpc.as_deref(), asked)
}

fn pick_group(all: Vec<SecurityGroup>, default_vpc: Option<&str>, asked: &str) -> Result<SecurityGroup> {
    let mut found: Vec<_> =
        all.into_iter().filter(|group| group.id == asked || group.name == asked).collect();
    found.sort_by_key(|group| Some(group.vpc_id.as_str()) != default_vpc);
    let none = || Failure::NotFound(format!("no security group has the id or name {asked:?}"));
    found.into_iter().next().ok_or_else(none)
}

/// The flow log that `asked` means, by id or by its tag `Name`.
pub async fn flow_log(client: &Client, asked: &str) -> Result<FlowLog> {
    let mut all = client.flow_logs().await?;
    let is_meant = |log: &FlowLog| log.id == asked || log.tags.get("Name").map(String::as_str) == Some(asked);
    all.retain(is_meant);
    match all.len() {
        0 => Err(Failure::NotFound(format!("no flow log has the id or the name {asked:?}"))),
        1 => Ok(all.swap_remove(0)),
        _ => {
            let ids: Vec<_> = all.iter().map(|log| log.id.as_str()).collect();
            Err(Failure::Other(format!("{asked:?} could be any of {}", ids.join(", "))))
        }
    }
}

/// The volume that `asked` means, by id or by its tag `Name`.
pub async fn volume(client: &Client, asked: &str) -> Result<Volume> {
    let all = client.volumes().await?;
    if let Some(exact) = all.iter().find(|volume| volume.id == asked) {
        return Ok(exact.clone());
    }
    let is_named = |volume: &&Volume| volume.tags.get("Name").map(String::as_str) == Some(asked);
    match all.iter().filter(is_named).collect::<Vec<_>>().as_slice() {
        [] => Err(Failure::NotFound(format!("no volume has the id or the name {asked:?}"))),
        [one] => Ok((*one).clone()),
        several => {
            let ids: Vec<_> = several.iter().map(|volume| volume.id.as_str()).collect();
            Err(Failure::Other(format!("{asked:?} could be any of {}", ids.join(", "))))
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn instance(id: &str, name: &str, state: &str) -> Instance {
        let value = serde_json::json!({
            "id": id, "reservation_id": "r-1", "launch_index": 0, "state": state, "image_id": "ami-1",
            "instance_type": "t3.micro", "launch_time": "2026-01-02T03:04:05Z", "zone": "us-east-1a",
            "vpc_id": "vpc-1", "subnet_id": "subnet-1", "interfaces": [], "groups": [],
            "root_device_name": "/dev/xvda", "block_devices": [], "metadata_options": {},
            "shutdown_behavior": "stop", "disable_api_termination": false, "disable_api_stop": false,
            "tags": { "Name": name },
        });
        serde_json::from_value(value).unwrap()
    }

    fn picked(all: &[Instance], asked: &str) -> std::result::Result<String, u8> {
        pick_instance(all.to_vec(), asked).map(|instance| instance.id).map_err(|failure| failure.exit_code())
    }

    #[test]
    fn an_instance_is_found_by_id_beginning_and_name() {
        let all = [instance("i-0aa1", "web", "running"), instance("i-0ab2", "db", "stopped")];
        assert_eq!(picked(&all, "i-0ab2").as_deref(), Ok("i-0ab2"));
        assert_eq!(picked(&all, "i-0ab").as_deref(), Ok("i-0ab2"));
        assert_eq!(picked(&all, "web").as_deref(), Ok("i-0aa1"));
        assert_eq!(picked(&all, "i-0a"), Err(1), "two instances begin so");
        assert_eq!(picked(&all[..1], "i-"), Err(4), "a prefix alone names nothing");
        assert_eq!(picked(&all, "mail"), Err(4));
    }

    #[test]
    fn the_dead_do_not_stand_in_the_way_of_their_successor() {
        let all = [instance("i-1", "web", "terminated"), instance("i-2", "web", "running")];
        assert_eq!(picked(&all, "web").as_deref(), Ok("i-2"));
        assert_eq!(picked(&all[..1], "web").as_deref(), Ok("i-1"), "but can be looked at");
    }
}
