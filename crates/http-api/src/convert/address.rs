//! Elastic addresses on the wire.

use std::net::Ipv4Addr;

use cumulet_api_types::address as wire;
use cumulet_engine::api::address::{AddressName, AddressTarget, AssociateAddress};
use cumulet_model::elastic::ElasticAddress;
use cumulet_model::error::parse_id;
use cumulet_model::{AllocationId, CloudError};

pub(crate) fn address_to(address: ElasticAddress) -> wire::Address {
    wire::Address {
        id: address.id.into(),
        public_ip: address.public_ip.to_string(),
        association: address.association.map(|association| wire::AddressAssociation {
            id: association.id.into(),
            interface_id: association.interface_id.into(),
            private_ip: association.private_ip.to_string(),
            instance_id: association.instance_id.map(Into::into),
        }),
        tags: address.tags,
    }
}

pub(crate) fn associate_from(
    id: AllocationId,
    request: wire::AssociateAddress,
) -> Result<AssociateAddress, CloudError> {
    let target = match (&request.instance_id, &request.interface_id) {
        (Some(id), None) => AddressTarget::Instance(parse_id(id)?),
        (None, Some(id)) => AddressTarget::Interface(parse_id(id)?),
        _ => {
            return Err(CloudError::combination("exactly one of instance_id and interface_id must be given"));
        }
    };
    Ok(AssociateAddress {
        address: AddressName::Allocation(id),
        target,
        private_ip: request.private_ip.map(|text| ipv4("private_ip", &text)).transpose()?,
        allow_reassociation: request.allow_reassociation,
    })
}

/// The address in a field.
pub(crate) fn ipv4(field: &str, text: &str) -> Result<Ipv4Addr, CloudError> {
    text.parse().map_err(|_| CloudError::invalid_value(format!("{field} must be an IPv4 address")))
}
