//! Stories of flow logs, on the real engine and store, over fakes of the host.

use cumulet_engine::api::flow_log::CreateFlowLogs;
use cumulet_engine::api::interface::CreateInterface;
use cumulet_model::flow_log::{FlowLogResource, FlowLogTraffic, LogFormat};
use cumulet_model::{ErrorCode, FlowLogId, VpcId};
use cumulet_ports::network::{FlowLogScope, FlowLogSpec};
use cumulet_test_support::TestCloud;

fn request(resources: Vec<FlowLogResource>) -> CreateFlowLogs {
    CreateFlowLogs {
        resources,
        traffic: FlowLogTraffic::All,
        format: LogFormat::default(),
        aggregation_seconds: 600,
        destination: "local".into(),
        role: None,
        tags: [("Name".to_owned(), "all".to_owned())].into(),
        client_token: None,
    }
}

async fn vpc(test: &TestCloud) -> VpcId {
    test.cloud.vpcs().await.unwrap().remove(0).id
}

/// What the network was told to record.
fn recorded(test: &TestCloud) -> Vec<FlowLogSpec> {
    test.network.spec().vpcs.into_iter().flat_map(|vpc| vpc.flow_logs).collect()
}

#[tokio::test]
async fn a_log_is_recorded_from_its_making_to_its_deletion() {
    let test = TestCloud::new().await;
    let vpc = vpc(&test).await;
    let made = test.cloud.create_flow_logs(request(vec![FlowLogResource::Vpc(vpc.clone())])).await.unwrap();
    let id = made.made[0].clone();
    let spec = recorded(&test).remove(0);
    assert_eq!((&spec.id, &spec.scope, spec.aggregation_seconds), (&id, &FlowLogScope::Vpc, 600));
    assert_eq!(spec.account, test.cloud.account_id());
    assert_eq!(spec.zones.len(), test.cloud.subnets().await.unwrap().len());
    assert!(spec.zones.iter().any(|(_, zone)| zone == "use1-az1"), "{:?}", spec.zones);

    let unknown: FlowLogId = "fl-00000000000000000".parse().unwrap();
    let refused = test.cloud.delete_flow_logs(&[id, unknown.clone()]).await.unwrap();
    assert_eq!(refused.len(), 1);
    assert_eq!((&refused[0].0, refused[0].1.code), (&unknown, ErrorCode::InvalidFlowLogIdNotFound));
    assert_eq!(recorded(&test), []);
    assert!(test.cloud.tags().await.unwrap().is_empty(), "its tags went with it");
}

#[tokio::test]
async fn what_is_wrong_with_one_resource_does_not_stop_the_others() {
    let test = TestCloud::new().await;
    let good = FlowLogResource::Vpc(vpc(&test).await);
    let bad = FlowLogResource::Subnet("subnet-00000000000000000".parse().unwrap());
    let asked = CreateFlowLogs { client_token: Some("t".into()), ..request(vec![good.clone(), bad.clone()]) };
    let made = test.cloud.create_flow_logs(asked.clone()).await.unwrap();
    assert_eq!((made.made.len(), made.refused.len()), (1, 1));
    assert_eq!(
        (made.refused[0].0.as_str(), made.refused[0].1.code),
        (bad.as_str(), ErrorCode::InvalidSubnetIdNotFound)
    );
    let again = test.cloud.create_flow_logs(asked.clone()).await.unwrap();
    assert_eq!(again.made, made.made, "the same token, the same log");
    let other = CreateFlowLogs { aggregation_seconds: 60, ..asked };
    assert_eq!(
        test.cloud.create_flow_logs(other).await.unwrap_err().code,
        ErrorCode::IdempotentParameterMismatch
    );
    let twice = test.cloud.create_flow_logs(request(vec![good.clone()])).await.unwrap();
    assert_eq!(twice.refused[0].1.code, ErrorCode::FlowLogAlreadyExists);
    let minute = CreateFlowLogs { aggregation_seconds: 60, ..request(vec![good]) };
    assert_eq!(
        test.cloud.create_flow_logs(minute).await.unwrap().made.len(),
        1,
        "another interval is another log"
    );
    let odd = CreateFlowLogs { aggregation_seconds: 61, ..request(vec![bad]) };
    assert_eq!(test.cloud.create_flow_logs(odd).await.unwrap_err().code, ErrorCode::InvalidParameter);
}

#[tokio::test]
async fn one_resource_has_so_many_logs_and_no_more() {
    let test = TestCloud::new().await;
    let resource = FlowLogResource::Vpc(vpc(&test).await);
    for n in 0..10 {
        let asked = CreateFlowLogs { destination: format!("local/{n}"), ..request(vec![resource.clone()]) };
        assert_eq!(test.cloud.create_flow_logs(asked).await.unwrap().made.len(), 1);
    }
    let refused = test.cloud.create_flow_logs(request(vec![resource])).await.unwrap().refused.remove(0).1;
    assert_eq!(refused.code, ErrorCode::FlowLogsLimitExceeded);
}

#[tokio::test]
async fn a_log_goes_with_its_interface() {
    let test = TestCloud::new().await;
    let subnet_id = test.cloud.subnets().await.unwrap().remove(0).id;
    let interface = CreateInterface {
        subnet_id,
        description: None,
        group_ids: vec![],
        private_ip: None,
        tags: Default::default(),
        client_token: None,
    };
    let id = test.cloud.create_network_interface(interface).await.unwrap().id;
    let made =
        test.cloud.create_flow_logs(request(vec![FlowLogResource::Interface(id.clone())])).await.unwrap();
    assert_eq!(recorded(&test)[0].scope, FlowLogScope::Interface(id.clone()));
    test.cloud.delete_network_interface(&id).await.unwrap();
    assert!(test.cloud.flow_logs().await.unwrap().is_empty());
    assert!(test.cloud.tags().await.unwrap().is_empty());
    assert_eq!(
        test.cloud.flow_log(&made.made[0]).await.unwrap_err().code,
        ErrorCode::InvalidFlowLogIdNotFound
    );
}
