//! Stories of NAT gateways, on the real engine and store, over fakes of the host.

use cumulet_engine::api::interface::InterfaceChange;
use cumulet_engine::api::vpc::{CreateNatGateway, CreateSubnet, CreateVpc, RequestedTarget, RouteRequest};
use cumulet_model::elastic::ElasticAddress;
use cumulet_model::nat::{NatGateway, NatGatewayState};
use cumulet_model::network::InterfaceKind;
use cumulet_model::{AllocationId, ErrorCode, NatGatewayId, SubnetId, Tags, VpcId};
use cumulet_ports::network::{RouteTarget, VpcSpec};
use cumulet_test_support::{TestCloud, eventually};

struct Site {
    test: TestCloud,
    vpc: VpcId,
    subnet: SubnetId,
    elastic: ElasticAddress,
}

impl Site {
    /// A VPC with a subnet and an internet gateway, and an elastic address.
    async fn new() -> Self {
        let test = TestCloud::new().await;
        let request = CreateVpc { cidr: "10.0.0.0/16".parse().unwrap(), ipv6: false, tags: Tags::new() };
        let vpc = test.cloud.create_vpc(request).await.unwrap().id;
        let request = CreateSubnet {
            vpc_id: vpc.clone(),
            cidr: "10.0.0.0/28".parse().unwrap(),
            ipv6_cidr: None,
            zone: None,
            tags: Tags::new(),
        };
        let subnet = test.cloud.create_subnet(request).await.unwrap().id;
        let gateway = test.cloud.create_internet_gateway(Tags::new()).await.unwrap().id;
        test.cloud.attach_internet_gateway(&gateway, &vpc).await.unwrap();
        let elastic = test.cloud.allocate_address(None, Tags::new()).await.unwrap();
        Self { test, vpc, subnet, elastic }
    }

    async fn ask(&self, allocation_id: &AllocationId) -> NatGateway {
        let request = CreateNatGateway {
            subnet_id: self.subnet.clone(),
            allocation_id: allocation_id.clone(),
            private_ip: None,
            tags: Tags::new(),
            client_token: None,
        };
        self.test.cloud.create_nat_gateway(request).await.unwrap()
    }

    async fn wait_for(&self, id: &NatGatewayId, state: NatGatewayState) -> NatGateway {
        eventually(&format!("{id} is {}", state.as_str()), || async {
            self.test.cloud.nat_gateway(id).await.ok().filter(|gateway| gateway.state == state)
        })
        .await
    }

    fn spec(&self) -> VpcSpec {
        self.test.network.spec().vpcs.into_iter().find(|spec| spec.id == self.vpc).unwrap()
    }

    async fn is_idle(&self) -> bool {
        let addresses = self.test.cloud.addresses().await.unwrap();
        addresses.iter().find(|held| held.id == self.elastic.id).unwrap().association.is_none()
    }
}

#[tokio::test]
async fn a_gateway_comes_works_and_goes() {
    let site = Site::new().await;
    let cloud = &site.test.cloud;
    let gateway = site.ask(&site.elastic.id).await;
    assert_eq!(gateway.state, NatGatewayState::Pending);
    let gateway = site.wait_for(&gateway.id, NatGatewayState::Available).await;
    let own = gateway.address.as_ref().unwrap().interface_id.clone();
    let change = InterfaceChange::SourceDestCheck(false);
    let refusal = cloud.modify_network_interface(&own, change).await.unwrap_err();
    assert_eq!(refusal.code, ErrorCode::OperationNotPermitted, "its interface is not to be had apart");
    let spec = site.spec().nat_gateways.remove(0);
    assert_eq!((spec.public_ip, spec.subnet_id), (site.elastic.public_ip, site.subnet.clone()));
    assert_eq!(spec.private_ip, gateway.address.as_ref().unwrap().private_ip);
    let interface = cloud.network_interface(&spec.interface_id).await.unwrap();
    assert_eq!((interface.kind, interface.public_ip), (InterfaceKind::NatGateway, Some(spec.public_ip)));
    assert!(site.spec().interfaces.is_empty(), "no machine has it");
    assert!(cloud.delete_network_interface(&interface.id).await.is_err(), "it is the gateway's");

    let tables = cloud.route_tables().await.unwrap();
    let table = tables.iter().find(|shown| shown.table.vpc_id == site.vpc).unwrap().table.id.clone();
    let request = RouteRequest {
        route_table_id: table,
        destination: "0.0.0.0/0".parse().unwrap(),
        target: RequestedTarget::NatGateway(gateway.id.clone()),
    };
    cloud.create_route(request).await.unwrap();
    assert_eq!(site.spec().route_tables[0].routes[0].target, RouteTarget::NatGateway(gateway.id.clone()));
    assert_eq!(cloud.delete_subnet(&site.subnet).await.unwrap_err().code, ErrorCode::DependencyViolation);

    cloud.delete_nat_gateway(&gateway.id).await.unwrap();
    let gone = site.wait_for(&gateway.id, NatGatewayState::Deleted).await;
    assert!(gone.ended.is_some() && gone.address.is_some(), "it tells what it had");
    assert!(site.is_idle().await && site.spec().nat_gateways.is_empty());
    assert_eq!(site.spec().route_tables[0].routes[0].target, RouteTarget::Blackhole);
    assert_eq!(cloud.delete_nat_gateway(&gateway.id).await.unwrap_err().code, ErrorCode::NatGatewayNotFound);
    cloud.delete_subnet(&site.subnet).await.unwrap();
}

#[tokio::test]
async fn what_can_not_work_is_a_gateway_that_failed() {
    let site = Site::new().await;
    let gateway = site.ask(&site.elastic.id).await;
    site.wait_for(&gateway.id, NatGatewayState::Available).await;
    let code = |gateway: NatGateway| {
        assert_eq!(gateway.state, NatGatewayState::Failed);
        gateway.failure.unwrap().code
    };
    assert_eq!(code(site.ask(&site.elastic.id).await), "Resource.AlreadyAssociated");
    let none = "eipalloc-0123456789abcdef0".parse().unwrap();
    assert_eq!(code(site.ask(&none).await), "InvalidAllocationID.NotFound");
    let default = site.test.cloud.vpcs().await.unwrap().remove(0);
    let internet = site.test.cloud.internet_gateways().await.unwrap();
    let internet = internet.into_iter().find(|held| held.vpc_id.as_ref() == Some(&default.id)).unwrap().id;
    site.test.cloud.detach_internet_gateway(&internet, &default.id).await.unwrap();
    let subnets = site.test.cloud.subnets().await.unwrap();
    let subnet = subnets.into_iter().find(|subnet| subnet.vpc_id == default.id).unwrap().id;
    let other = site.test.cloud.allocate_address(None, Tags::new()).await.unwrap();
    let site = Site { subnet, ..site };
    assert_eq!(code(site.ask(&other.id).await), "Gateway.NotAttached");
}

#[tokio::test]
async fn a_gateway_that_the_host_refuses_fails_and_leaves_nothing() {
    let site = Site::new().await;
    site.test.faults.fail_after(0);
    let gateway = site.ask(&site.elastic.id).await;
    let failed = site.wait_for(&gateway.id, NatGatewayState::Failed).await;
    assert_eq!(failed.failure.unwrap().code, "InternalError");
    assert!(site.is_idle().await);
    assert!(site.test.cloud.network_interfaces().await.unwrap().is_empty());
    eventually("the host has none", || async { site.spec().nat_gateways.is_empty().then_some(()) }).await;
    site.test.faults.clear();
    let gateway = site.ask(&site.elastic.id).await;
    site.wait_for(&gateway.id, NatGatewayState::Available).await;
}

/// Whatever state the daemon's death leaves a gateway in, the next start brings it where it was to be.
#[tokio::test]
async fn a_start_takes_gateways_up() {
    let mut site = Site::new().await;
    site.test.faults.die_after(0, false);
    let gateway = site.ask(&site.elastic.id).await;
    died(&site).await;
    site.test.restart().await;
    let gateway = site.test.cloud.nat_gateway(&gateway.id).await.unwrap();
    assert_eq!(gateway.state, NatGatewayState::Available);
    assert_eq!(site.spec().nat_gateways.len(), 1);

    site.test.faults.die_after(0, false);
    site.test.cloud.delete_nat_gateway(&gateway.id).await.unwrap();
    died(&site).await;
    site.test.restart().await;
    let gateway = site.test.cloud.nat_gateway(&gateway.id).await.unwrap();
    assert_eq!(gateway.state, NatGatewayState::Deleted);
    assert!(site.is_idle().await && site.spec().nat_gateways.is_empty());
}

async fn died(site: &Site) {
    eventually("the daemon is in the call in which it dies", || async { site.test.faults.hit() }).await;
}
