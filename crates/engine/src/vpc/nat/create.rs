//! CreateNatGateway: what can't work is a gateway that failed, with EC2's code and text, not an error.

use std::net::Ipv4Addr;

use cumulet_model::elastic::ElasticAddress;
use cumulet_model::nat::{NatGateway, NatGatewayAddress, NatGatewayFailure, NatGatewayState};
use cumulet_model::network::{InterfaceKind, NetworkInterface};
use cumulet_model::tag::check_tags;
use cumulet_model::{AddressAssociationId, CloudError, ErrorCode, InterfaceId, MacAddr, NatGatewayId, Tags};
use cumulet_store::{InterfaceRecord, SubnetRecord};
use rand::RngExt;
use tracing::info;

use super::super::limits;
use crate::api::vpc::CreateNatGateway;
use crate::cloud::{Cloud, Result, internal};
use crate::idempotent::token_of;

impl Cloud {
    /// Makes a NAT gateway, which is pending. The same client token with the same parameters gives the same one.
    pub async fn create_nat_gateway(&self, request: CreateNatGateway) -> Result<NatGateway> {
        let allocation = self.inner.allocation.lock().await;
        let token = token_of("CreateNatGateway", request.client_token.as_deref(), &request);
        if let Some(id) = self.made_before(token.as_ref()).await? {
            let id = id.parse().map_err(|_| CloudError::internal("a request's token is damaged"))?;
            return self.nat_gateway(&id).await;
        }
        check_tags(&request.tags)?;
        let subnets = self.inner.store.subnets().await.map_err(internal)?;
        let subnet =
            subnets.iter().find(|record| record.subnet.id == request.subnet_id).ok_or_else(|| {
                CloudError::not_found(ErrorCode::InvalidSubnetIdNotFound, "subnet ID", &request.subnet_id)
            })?;
        let in_zone = subnets.iter().filter(|record| record.subnet.zone == subnet.subnet.zone);
        let in_zone: Vec<_> = in_zone.map(|record| &record.subnet.id).collect();
        let gateways = self.nat_gateways().await?;
        let live = gateways.iter().filter(|gateway| gateway.ended.is_none());
        limits::NAT_GATEWAYS.check(live.filter(|gateway| in_zone.contains(&&gateway.subnet_id)).count())?;
        let mut gateway = NatGateway {
            id: NatGatewayId::random(&mut rand::rng()),
            vpc_id: subnet.subnet.vpc_id.clone(),
            subnet_id: subnet.subnet.id.clone(),
            state: NatGatewayState::Pending,
            created: self.inner.clock.now(),
            ended: None,
            failure: None,
            allocation_id: request.allocation_id.clone(),
            address: None,
            tags: request.tags.clone(),
        };
        let record = match self.nat_addresses(&request, subnet).await? {
            Ok((elastic, private_ip)) => Some(interface(&mut gateway, subnet, &elastic, private_ip)),
            Err(failure) => {
                gateway.state = NatGatewayState::Failed;
                gateway.ended = Some(gateway.created);
                gateway.failure = Some(failure);
                None
            }
        };
        let store = &self.inner.store;
        store.add_nat_gateway(&gateway, record.as_ref(), token.as_ref()).await.map_err(internal)?;
        drop(allocation);
        info!(gateway = %gateway.id, subnet = %gateway.subnet_id, state = gateway.state.as_str(), "a NAT gateway was asked for");
        self.tend_nat_gateways_soon();
        Ok(gateway)
    }

    /// The addresses that a NAT gateway is to have, or why it fails.
    async fn nat_addresses(
        &self,
        request: &CreateNatGateway,
        subnet: &SubnetRecord,
    ) -> Result<std::result::Result<(ElasticAddress, Ipv4Addr), NatGatewayFailure>> {
        let (vpc, id) = (&subnet.subnet.vpc_id, &request.allocation_id);
        let gateways = self.internet_gateways().await?;
        if !gateways.iter().any(|gateway| gateway.vpc_id.as_ref() == Some(vpc)) {
            let text = format!("Network {vpc} has no Internet gateway attached");
            return Ok(Err(failure(ErrorCode::GatewayNotAttached, text)));
        }
        let Some(elastic) = self.addresses().await?.into_iter().find(|address| address.id == *id) else {
            let text = format!("Elastic IP address {id} could not be associated with this NAT gateway");
            return Ok(Err(failure(ErrorCode::InvalidAllocationIdNotFound, text)));
        };
        if elastic.association.is_some() {
            let text = format!("Elastic IP address {id} is already associated");
            return Ok(Err(failure(ErrorCode::ResourceAlreadyAssociated, text)));
        }
        match self.address_in(subnet, request.private_ip).await {
            Ok(private_ip) => Ok(Ok((elastic, private_ip))),
            Err(error) if error.code == ErrorCode::InsufficientFreeAddressesInSubnet => {
                let text = "Subnet has insufficient free addresses to create this NAT gateway";
                Ok(Err(failure(error.code, text)))
            }
            Err(error) => Err(error),
        }
    }
}

fn failure(code: ErrorCode, message: impl Into<String>) -> NatGatewayFailure {
    NatGatewayFailure { code: code.to_string(), message: message.into() }
}

/// The interface that stands for a gateway, which gets to know its addresses.
fn interface(
    gateway: &mut NatGateway,
    subnet: &SubnetRecord,
    elastic: &ElasticAddress,
    private_ip: Ipv4Addr,
) -> InterfaceRecord {
    let mut rng = rand::rng();
    let id = InterfaceId::random(&mut rng);
    gateway.address = Some(NatGatewayAddress {
        interface_id: id.clone(),
        private_ip,
        public_ip: elastic.public_ip,
        association_id: AddressAssociationId::random(&mut rng),
    });
    let interface = NetworkInterface {
        id,
        vpc_id: gateway.vpc_id.clone(),
        subnet_id: gateway.subnet_id.clone(),
        zone: subnet.subnet.zone.clone(),
        description: format!("Interface for NAT Gateway {}", gateway.id),
        mac: MacAddr::for_private_ip(rng.random(), private_ip),
        kind: InterfaceKind::NatGateway,
        private_ip,
        public_ip: None,
        elastic: None,
        secondary: vec![],
        ipv6: vec![],
        primary_ipv6: false,
        groups: vec![],
        source_dest_check: false,
        attachment: None,
        created: gateway.created,
        tags: Tags::new(),
    };
    InterfaceRecord { interface, auto_public_ip: false }
}
