//! Stories of VPCs, subnets, route tables and gateways, on the real engine and store, over fakes of the host: what is asked of
//! the network is what the rows say.

use cumulet_engine::api::instance::RunInstances;
use cumulet_engine::api::vpc::{
    CreateEgressOnlyGateway, CreateRouteTable, CreateSubnet, CreateVpc, RequestedTarget, RouteRequest,
    VpcChange, WantedRange,
};
use cumulet_model::network::{Subnet, Vpc};
use cumulet_model::state::InstanceState;
use cumulet_model::{CloudError, ErrorCode, RouteTableId, Tags, VpcId};
use cumulet_ports::network::{RouteTarget, VpcSpec};
use cumulet_test_support::{TestCloud, eventually};

async fn new_vpc(test: &TestCloud, ipv6: bool) -> Vpc {
    let request = CreateVpc { cidr: "10.0.0.0/16".parse().unwrap(), ipv6, tags: Tags::new() };
    test.cloud.create_vpc(request).await.unwrap()
}

fn subnet_request(vpc: &VpcId, cidr: &str) -> CreateSubnet {
    CreateSubnet {
        vpc_id: vpc.clone(),
        cidr: cidr.parse().unwrap(),
        ipv6_cidr: None,
        zone: None,
        tags: Tags::new(),
    }
}

async fn new_subnet(test: &TestCloud, vpc: &VpcId, cidr: &str) -> Subnet {
    test.cloud.create_subnet(subnet_request(vpc, cidr)).await.unwrap()
}

async fn new_table(test: &TestCloud, vpc: &VpcId) -> RouteTableId {
    let request = CreateRouteTable { vpc_id: vpc.clone(), tags: Tags::new(), client_token: None };
    test.cloud.create_route_table(request).await.unwrap().table.id
}

fn route(table: &RouteTableId, to: &str, target: RequestedTarget) -> RouteRequest {
    RouteRequest { route_table_id: table.clone(), destination: to.parse().unwrap(), target }
}

fn on_host(test: &TestCloud, vpc: &VpcId) -> VpcSpec {
    test.network.spec().vpcs.into_iter().find(|spec| spec.id == *vpc).expect("the VPC is on the host")
}

fn code<T: std::fmt::Debug>(result: Result<T, CloudError>) -> ErrorCode {
    result.unwrap_err().code
}

#[tokio::test]
async fn the_first_starts_vpc_is_as_it_always_was() {
    let test = TestCloud::new().await;
    let vpc = test.cloud.vpcs().await.unwrap().remove(0);
    let spec = on_host(&test, &vpc.id);
    let open = VpcSpec::open(vpc.id.clone(), vpc.cidr);
    assert!(spec.internet_gateway && spec.route_tables[0].routes == open.route_tables[0].routes);
    assert_eq!((spec.dns, spec.dhcp), (open.dns, open.dhcp));
    assert!(spec.subnets.len() == 2 && spec.subnets.iter().all(|subnet| subnet.route_table.is_none()));
}

#[tokio::test]
async fn a_vpc_is_closed_until_it_is_opened_step_by_step() {
    let test = TestCloud::new().await;
    let vpc = new_vpc(&test, false).await;
    let (public, private) =
        (new_subnet(&test, &vpc.id, "10.0.0.0/24").await, new_subnet(&test, &vpc.id, "10.0.1.0/24").await);
    let spec = on_host(&test, &vpc.id);
    assert!(!spec.internet_gateway && spec.route_tables.len() == 1 && spec.route_tables[0].routes.is_empty());
    assert_eq!((spec.groups.len(), spec.subnets.len()), (1, 2));

    let gateway = test.cloud.create_internet_gateway(Tags::new()).await.unwrap().id;
    test.cloud.attach_internet_gateway(&gateway, &vpc.id).await.unwrap();
    let table = new_table(&test, &vpc.id).await;
    let out = route(&table, "0.0.0.0/0", RequestedTarget::InternetGateway(gateway.clone()));
    test.cloud.create_route(out).await.unwrap();
    test.cloud.associate_route_table(&table, &public.id).await.unwrap();
    let spec = on_host(&test, &vpc.id);
    assert!(spec.internet_gateway);
    assert_eq!(spec.route_tables[1].routes[0].target, RouteTarget::InternetGateway);
    let table_of = |id| spec.subnets.iter().find(|subnet| subnet.id == id).unwrap().route_table.clone();
    assert_eq!((table_of(public.id.clone()), table_of(private.id)), (Some(table.clone()), None));

    // Without its gateway the route is a blackhole; another VPC's gateway does not bring it back.
    test.cloud.detach_internet_gateway(&gateway, &vpc.id).await.unwrap();
    let twin = new_vpc(&test, false).await;
    test.cloud.attach_internet_gateway(&gateway, &twin.id).await.unwrap();
    let spec = on_host(&test, &vpc.id);
    assert!(!spec.internet_gateway && spec.route_tables[1].routes[0].target == RouteTarget::Blackhole);
    assert!(on_host(&test, &twin.id).internet_gateway, "and it works where it is");
    let shown = test.cloud.route_tables().await.unwrap().into_iter().find(|shown| shown.table.id == table);
    assert!(!shown.unwrap().routes.last().unwrap().active);

    // The main table can be another one.
    let tables = test.cloud.route_tables().await.unwrap();
    let main = tables.iter().find(|shown| shown.table.vpc_id == vpc.id).unwrap().table.clone();
    test.cloud.replace_association(&main.main.unwrap(), &table).await.unwrap();
    assert_eq!(on_host(&test, &vpc.id).route_tables[0].id, table);
}

#[tokio::test]
async fn a_nat_instance_is_a_route_while_it_runs() {
    let test = TestCloud::new().await;
    let vpc = new_vpc(&test, false).await;
    let subnet = new_subnet(&test, &vpc.id, "10.0.0.0/24").await;
    let image = test.image().await;
    let request = RunInstances { subnet_id: Some(subnet.id.clone()), ..RunInstances::new(image.id) };
    let instance = test.cloud.run_instances(request).await.unwrap().reservation.instances.remove(0);
    let running = test.wait_for(&instance.id, InstanceState::Running).await;
    let interface = running.interfaces[0].clone();
    assert_eq!(interface.public_ip, None, "only where the subnet says so");
    let table = new_table(&test, &vpc.id).await;
    let to = RequestedTarget::Instance(instance.id.clone());
    test.cloud.create_route(route(&table, "0.0.0.0/0", to)).await.unwrap();
    let target = || on_host(&test, &vpc.id).route_tables[1].routes[0].target.clone();
    assert_eq!(target(), RouteTarget::Interface(interface.id.clone()));

    test.cloud.stop_instances(std::slice::from_ref(&instance.id), true).await.unwrap();
    test.wait_for(&instance.id, InstanceState::Stopped).await;
    eventually("the host knows", || async { (target() == RouteTarget::Blackhole).then_some(()) }).await;
    let shown = test.cloud.route_tables().await.unwrap().pop().unwrap();
    assert!(!shown.routes.last().unwrap().active);
    assert_eq!(shown.routes.last().unwrap().instance_id, Some(instance.id.clone()));
    assert_eq!(code(test.cloud.delete_subnet(&subnet.id).await), ErrorCode::DependencyViolation);

    // A terminated instance is listed still and holds nothing.
    test.cloud.terminate_instances(std::slice::from_ref(&instance.id)).await.unwrap();
    test.wait_for(&instance.id, InstanceState::Terminated).await;
    test.cloud.delete_subnet(&subnet.id).await.unwrap();
    test.cloud.delete_route_table(&table).await.unwrap();
    test.cloud.delete_vpc(&vpc.id).await.unwrap();
    assert!(test.network.spec().vpcs.iter().all(|spec| spec.id != vpc.id));
    assert_eq!(test.cloud.instance(&instance.id).await.unwrap().state, InstanceState::Terminated);
}

#[tokio::test]
async fn ipv6_comes_with_a_range_and_lets_the_default_group_out() {
    let test = TestCloud::new().await;
    let vpc = new_vpc(&test, false).await;
    test.cloud.associate_vpc_range(&vpc.id, WantedRange::Ipv6).await.unwrap();
    let spec = on_host(&test, &vpc.id);
    let range = spec.ipv6_cidrs[0];
    assert_eq!(range.to_string(), "fd00:c0de:0:100::/56", "the first /56 of the pool is the host's");
    assert_eq!(spec.groups[0].egress.len(), 2);
    let subnet = new_subnet(&test, &vpc.id, "10.0.0.0/24").await;
    let part = range.subnets(64).unwrap().nth(7).unwrap();
    let given = test.cloud.associate_subnet_range(&subnet.id, part).await.unwrap();
    assert_eq!(on_host(&test, &vpc.id).subnets[0].ipv6_cidr, Some(part));
    let again = range.subnets(64).unwrap().nth(8).unwrap();
    assert_eq!(
        code(test.cloud.associate_subnet_range(&subnet.id, again).await),
        ErrorCode::CidrLimitExceeded
    );
    let held = test.cloud.vpcs().await.unwrap().into_iter().find(|held| held.id == vpc.id).unwrap();
    let association = held.ipv6_cidrs[0].id.clone();
    assert_eq!(code(test.cloud.vpc_range(&association).await), ErrorCode::DependencyViolation);
    test.cloud.disassociate_subnet_range(&given.id).await.unwrap();
    test.cloud.disassociate_vpc_range(&association).await.unwrap();
    assert!(on_host(&test, &vpc.id).ipv6_cidrs.is_empty());

    let request = CreateEgressOnlyGateway { vpc_id: vpc.id.clone(), tags: Tags::new(), client_token: None };
    let gateway = test.cloud.create_egress_only_gateway(request.clone()).await.unwrap();
    assert!(on_host(&test, &vpc.id).egress_only_gateway);
    assert_eq!(
        code(test.cloud.create_egress_only_gateway(request).await),
        ErrorCode::EgressOnlyGatewayLimitExceeded
    );
    test.cloud.delete_egress_only_gateway(&gateway.id).await.unwrap();
    assert!(!on_host(&test, &vpc.id).egress_only_gateway);
}

/// Whatever the host refuses is taken back, so that the second try finds what the first one found.
#[tokio::test]
async fn what_the_host_refuses_is_not_there() {
    let test = TestCloud::new().await;
    let vpc = new_vpc(&test, false).await;
    let subnet = new_subnet(&test, &vpc.id, "10.0.0.0/24").await;
    let gateway = test.cloud.create_internet_gateway(Tags::new()).await.unwrap().id;
    let table = new_table(&test, &vpc.id).await;
    let request = CreateVpc { cidr: "10.0.0.0/16".parse().unwrap(), ipv6: true, tags: Tags::new() };

    test.faults.fail_after(0);
    assert_eq!(code(test.cloud.create_vpc(request.clone()).await), ErrorCode::InternalError);
    test.faults.fail_after(0);
    assert!(test.cloud.create_subnet(subnet_request(&vpc.id, "10.0.1.0/24")).await.is_err());
    test.faults.fail_after(0);
    assert!(test.cloud.attach_internet_gateway(&gateway, &vpc.id).await.is_err());
    test.faults.fail_after(0);
    assert!(test.cloud.associate_route_table(&table, &subnet.id).await.is_err());
    test.faults.fail_after(0);
    assert!(test.cloud.associate_vpc_range(&vpc.id, WantedRange::Ipv6).await.is_err());
    test.faults.fail_after(0);
    assert!(test.cloud.modify_vpc(&vpc.id, VpcChange::DnsHostnames(true)).await.is_err());
    test.faults.clear();

    let left = test.cloud.vpcs().await.unwrap();
    assert!(left.len() == 2 && left.contains(&vpc), "{left:?}");
    test.cloud.create_vpc(request).await.unwrap();
    new_subnet(&test, &vpc.id, "10.0.1.0/24").await;
    test.cloud.attach_internet_gateway(&gateway, &vpc.id).await.unwrap();
    let to = RequestedTarget::InternetGateway(gateway.clone());
    test.faults.fail_after(0);
    assert!(test.cloud.create_route(route(&table, "0.0.0.0/0", to.clone())).await.is_err());
    test.faults.clear();
    test.cloud.create_route(route(&table, "0.0.0.0/0", to)).await.unwrap();
    test.cloud.associate_route_table(&table, &subnet.id).await.unwrap();
    test.cloud.associate_vpc_range(&vpc.id, WantedRange::Ipv6).await.unwrap();
    let groups = test.cloud.security_groups().await.unwrap();
    let default = groups.iter().find(|group| group.vpc_id == vpc.id).unwrap();
    assert_eq!(default.rules.len(), 3, "the rule for IPv6 is there once");
}

#[tokio::test]
async fn limits_are_ec2s_codes() {
    let test = TestCloud::new().await;
    let vpc = new_vpc(&test, false).await;
    let gateway = test.cloud.create_internet_gateway(Tags::new()).await.unwrap().id;
    test.cloud.attach_internet_gateway(&gateway, &vpc.id).await.unwrap();
    let table = new_table(&test, &vpc.id).await;
    let to = |n: u32| {
        let destination = format!("192.0.{n}.0/24");
        route(&table, &destination, RequestedTarget::InternetGateway(gateway.clone()))
    };
    for n in 0..50 {
        test.cloud.create_route(to(n)).await.unwrap();
    }
    assert_eq!(code(test.cloud.create_route(to(50)).await), ErrorCode::RouteLimitExceeded);
    let over_routes = WantedRange::Ipv4("192.0.0.0/16".parse().unwrap());
    assert_eq!(code(test.cloud.associate_vpc_range(&vpc.id, over_routes).await), ErrorCode::CidrConflict);
    for n in 1..5 {
        let cidr = format!("10.{n}.0.0/24").parse().unwrap();
        test.cloud.associate_vpc_range(&vpc.id, WantedRange::Ipv4(cidr)).await.unwrap();
    }
    let sixth = WantedRange::Ipv4("10.9.0.0/24".parse().unwrap());
    assert_eq!(code(test.cloud.associate_vpc_range(&vpc.id, sixth).await), ErrorCode::CidrLimitExceeded);
}

/// A default VPC that was deleted stays away over a restart and comes back by CreateDefaultVpc.
#[tokio::test]
async fn the_default_vpc_can_go_and_come_back() {
    let mut test = TestCloud::new().await;
    let vpc = test.cloud.vpcs().await.unwrap().remove(0);
    for subnet in test.cloud.subnets().await.unwrap() {
        test.cloud.delete_subnet(&subnet.id).await.unwrap();
    }
    let gateway = test.cloud.internet_gateways().await.unwrap().remove(0).id;
    test.cloud.detach_internet_gateway(&gateway, &vpc.id).await.unwrap();
    test.cloud.delete_vpc(&vpc.id).await.unwrap();
    test.restart().await;
    assert!(test.cloud.vpcs().await.unwrap().is_empty());
    let image = test.image().await;
    let launch = RunInstances::new(image.id);
    assert_eq!(code(test.cloud.run_instances(launch.clone()).await), ErrorCode::VpcIdNotSpecified);
    let back = test.cloud.create_default_vpc().await.unwrap();
    assert!(back.is_default && on_host(&test, &back.id).internet_gateway);
    let instance = test.cloud.run_instances(launch).await.unwrap().reservation.instances.remove(0);
    let running = test.wait_for(&instance.id, InstanceState::Running).await;
    assert!(running.interfaces[0].public_ip.is_some());
}
