//! Stories of network ACLs, prefix lists and rules that change, on the real engine and store, over fakes of the host.

use cumulet_engine::api::acl::CreateNetworkAcl;
use cumulet_engine::api::prefix_list::{CreatePrefixList, ModifyPrefixList};
use cumulet_engine::api::security::{AuthorizeRules, RuleChange};
use cumulet_model::acl::{NetworkAcl, NumberedEntry};
use cumulet_model::prefix_list::{AddressFamily, PrefixList, PrefixListEntry};
use cumulet_model::security::{Direction, Peer, RuleSpec, SecurityGroup, Traffic};
use cumulet_model::{ErrorCode, SubnetId};
use cumulet_ports::network::{AclSpec, VpcSpec};
use cumulet_test_support::TestCloud;

fn vpc(test: &TestCloud) -> VpcSpec {
    test.network.spec().vpcs.remove(0)
}

fn acl_of(test: &TestCloud, subnet: &SubnetId) -> Option<AclSpec> {
    vpc(test).subnets.into_iter().find(|spec| spec.id == *subnet).unwrap().acl
}

async fn default_acl(test: &TestCloud) -> NetworkAcl {
    test.cloud.network_acls().await.unwrap().into_iter().find(|acl| acl.is_default).unwrap()
}

fn deny(number: u16, cidr: &str) -> NumberedEntry {
    let (direction, traffic) = (Direction::Ingress, Traffic::All);
    NumberedEntry { direction, number, allow: false, traffic, cidr: cidr.parse().unwrap() }
}

#[tokio::test]
async fn an_acl_guards_a_subnet_from_the_answer_on() {
    let test = TestCloud::new().await;
    let default = default_acl(&test).await;
    let subnet = default.associations[0].subnet_id.clone();
    assert_eq!(acl_of(&test, &subnet), None, "what lets everything pass is nothing to ask");
    test.cloud.create_acl_entry(&default.id, deny(90, "10.0.0.0/8")).await.unwrap();
    let spec = acl_of(&test, &subnet).unwrap();
    assert_eq!(spec.ingress.iter().map(|entry| entry.number).collect::<Vec<_>>(), [90, 100]);
    assert_eq!(spec.egress.len(), 1);
    test.cloud.delete_acl_entry(&default.id, Direction::Ingress, 90).await.unwrap();
    assert_eq!(acl_of(&test, &subnet), None);

    let request = CreateNetworkAcl { vpc_id: default.vpc_id, tags: Default::default(), client_token: None };
    let own = test.cloud.create_network_acl(request).await.unwrap();
    let id = &default.associations[0].id;
    let new = test.cloud.replace_acl_association(id, &own.id).await.unwrap();
    assert_eq!(acl_of(&test, &subnet), Some(AclSpec::default()), "one's own denies all");
    test.cloud.replace_acl_association(&new, &default.id).await.unwrap();
    assert_eq!(acl_of(&test, &subnet), None);
}

#[tokio::test]
async fn what_the_network_refuses_is_undone() {
    let test = TestCloud::new().await;
    let default = default_acl(&test).await;
    let list = office(&test).await;
    let group = group(&test, Peer::PrefixList(list.id.clone())).await;
    let rule = group.rules_of(Direction::Ingress).next().unwrap().clone();
    test.faults.fail_always("network.apply");
    test.cloud.create_acl_entry(&default.id, deny(90, "10.0.0.0/8")).await.unwrap_err();
    test.cloud.delete_acl_entry(&default.id, Direction::Egress, 100).await.unwrap_err();
    test.cloud.replace_acl_entry(&default.id, deny(100, "10.0.0.0/8")).await.unwrap_err();
    assert_eq!(default_acl(&test).await, default);
    test.cloud.modify_prefix_list(more(&list, "11.0.0.0/8")).await.unwrap_err();
    test.cloud.restore_prefix_list(&list.id, 1, 1).await.unwrap_err();
    assert_eq!(test.cloud.prefix_list(&list.id).await.unwrap(), list);
    let spec = RuleSpec { traffic: Traffic::All, peer: Peer::Cidr("10.0.0.0/8".parse().unwrap()) };
    let change = RuleChange { id: rule.id.clone(), spec, description: None };
    test.cloud.modify_rules(&group.id, vec![change.clone()]).await.unwrap_err();
    let groups = test.cloud.security_groups().await.unwrap();
    assert_eq!(groups.iter().find(|known| known.id == group.id), Some(&group));
    test.faults.clear();
    test.cloud.modify_rules(&group.id, vec![change]).await.unwrap();
    assert!(vpc(&test).prefix_lists.is_empty(), "no rule names it any more");
}

#[tokio::test]
async fn a_new_version_of_a_list_is_in_the_network_before_the_answer() {
    let test = TestCloud::new().await;
    let list = office(&test).await;
    assert!(vpc(&test).prefix_lists.is_empty(), "nobody names it");
    group(&test, Peer::PrefixList(list.id.clone())).await;
    assert_eq!(prefixes(&test), ["10.0.0.0/8"]);
    let second = test.cloud.modify_prefix_list(more(&list, "11.0.0.0/8")).await.unwrap();
    assert_eq!(prefixes(&test), ["10.0.0.0/8", "11.0.0.0/8"]);
    let stale = test.cloud.modify_prefix_list(more(&list, "12.0.0.0/8")).await.unwrap_err();
    assert_eq!(stale.code, ErrorCode::PrefixListVersionMismatch);
    test.cloud.restore_prefix_list(&list.id, 1, second.version).await.unwrap();
    assert_eq!(prefixes(&test), ["10.0.0.0/8"]);
    let held = test.cloud.delete_prefix_list(&list.id).await.unwrap_err();
    assert_eq!(held.code, ErrorCode::DependencyViolation);
}

fn prefixes(test: &TestCloud) -> Vec<String> {
    vpc(test).prefix_lists[0].prefixes.iter().map(ToString::to_string).collect()
}

async fn office(test: &TestCloud) -> PrefixList {
    let request = CreatePrefixList {
        name: "office".into(),
        family: AddressFamily::Ipv4,
        max_entries: 5,
        entries: vec![entry("10.0.0.0/8")],
        tags: Default::default(),
        client_token: None,
    };
    let made = test.cloud.create_prefix_list(request).await.unwrap();
    test.cloud.prefix_list(&made.id).await.unwrap()
}

fn entry(cidr: &str) -> PrefixListEntry {
    PrefixListEntry { cidr: cidr.parse().unwrap(), description: None }
}

fn more(list: &PrefixList, cidr: &str) -> ModifyPrefixList {
    ModifyPrefixList {
        id: list.id.clone(),
        current_version: Some(list.version),
        name: None,
        max_entries: None,
        add: vec![entry(cidr)],
        remove: vec![],
    }
}

/// The default group with a rule that lets everything of a peer in.
async fn group(test: &TestCloud, peer: Peer) -> SecurityGroup {
    let default = test.cloud.security_groups().await.unwrap().remove(0);
    for rule in default.rules_of(Direction::Ingress) {
        let request = cumulet_engine::api::security::RevokeRules {
            group_id: default.id.clone(),
            direction: Direction::Ingress,
            which: cumulet_engine::api::security::Revoked::Ids(vec![rule.id.clone()]),
        };
        test.cloud.revoke_rules(request).await.unwrap();
    }
    let request = AuthorizeRules {
        group_id: default.id.clone(),
        direction: Direction::Ingress,
        rules: vec![(RuleSpec { traffic: Traffic::All, peer }, None)],
        tags: Default::default(),
    };
    test.cloud.authorize_rules(request).await.unwrap();
    test.cloud.security_groups().await.unwrap().remove(0)
}
