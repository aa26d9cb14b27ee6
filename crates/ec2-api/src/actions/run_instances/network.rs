//! Where a launch's only interface goes, in either form: fields of the launch itself, or `NetworkInterface.1`.

use std::net::Ipv4Addr;

use cumulet_model::{CloudError, GroupId, SubnetId};

use super::super::shared::addresses::{ADDRESS, private_ip};
use crate::query::Params;

/// What a launch says of its primary interface.
#[derive(Debug, Default, PartialEq, Eq)]
pub struct Network {
    /// The subnet.
    pub subnet_id: Option<SubnetId>,
    /// Security groups by id.
    pub group_ids: Vec<GroupId>,
    /// Security groups by name.
    pub group_names: Vec<String>,
    /// A private address of the caller's choice.
    pub private_ip: Option<Ipv4Addr>,
    /// Whether to give a public address.
    pub associate_public_ip: Option<bool>,
    /// Description of the interface.
    pub description: Option<String>,
}

/// Reads either form; both at once are `InvalidParameterCombination`.
pub fn read(params: &Params<'_>) -> Result<Network, CloudError> {
    let interfaces = params.structures("NetworkInterface")?;
    match interfaces.as_slice() {
        [] => Ok(Network {
            subnet_id: params.id("SubnetId")?,
            group_ids: params.ids("SecurityGroupId")?,
            group_names: params.texts("SecurityGroup")?.into_iter().map(str::to_owned).collect(),
            private_ip: params.parsed("PrivateIpAddress", ADDRESS)?,
            ..Network::default()
        }),
        [interface] => {
            for name in ["SubnetId", "SecurityGroupId", "SecurityGroup", "PrivateIpAddress"] {
                if params.has(name) {
                    return Err(CloudError::combination(format!(
                        "Network interfaces and an instance-level {name} may not be specified on the same request"
                    )));
                }
            }
            from_interface(interface)
        }
        _ => Err(params.unsupported("NetworkInterface", "can be given once: more interfaces are not supported yet")),
    }
}

fn from_interface(interface: &Params<'_>) -> Result<Network, CloudError> {
    interface.refuse(&[
        "NetworkInterfaceId",
        "Ipv6Addresses",
        "Ipv4Prefix",
        "Ipv6Prefix",
        "EnaSrdSpecification",
        "ConnectionTrackingSpecification",
        "EnaQueueCount",
    ])?;
    for name in ["DeviceIndex", "NetworkCardIndex"] {
        if let Some(index) = interface.number::<u32>(name)?.filter(|index| *index != 0) {
            return Err(interface.invalid(name, &index.to_string(), "the only interface has index 0"));
        }
    }
    for name in ["SecondaryPrivateIpAddressCount", "Ipv6AddressCount", "Ipv4PrefixCount", "Ipv6PrefixCount"] {
        if interface.number::<u32>(name)?.is_some_and(|count| count != 0) {
            return Err(interface.unsupported(name, "is not supported by this cloud yet"));
        }
    }
    for name in ["PrimaryIpv6", "AssociateCarrierIpAddress"] {
        if interface.flag(name)? == Some(true) {
            return Err(interface.unsupported(name, "is not supported by this cloud"));
        }
    }
    if interface.flag("DeleteOnTermination")? == Some(false) {
        let why = "can't be false: interfaces that outlive their instance are not supported yet";
        return Err(interface.unsupported("DeleteOnTermination", why));
    }
    interface.word("InterfaceType", &[("interface", ())])?;
    Ok(Network {
        subnet_id: interface.id("SubnetId")?,
        group_ids: interface.ids("SecurityGroupId")?,
        group_names: Vec::new(),
        private_ip: private_ip(interface)?,
        associate_public_ip: interface.flag("AssociatePublicIpAddress")?,
        description: interface.text("Description").map(str::to_owned),
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::query::{Query, decode_pairs};
    use cumulet_model::ErrorCode;

    fn network(form: &str) -> Result<Network, CloudError> {
        read(&Query::new(decode_pairs(form.as_bytes()).unwrap()).unwrap().params())
    }

    #[test]
    fn both_forms_mean_the_same_but_for_the_public_address() {
        let plain = network("SubnetId=subnet-00000000000000001&SecurityGroupId.1=sg-00000000000000001");
        let listed = network(
            "NetworkInterface.1.DeviceIndex=0&NetworkInterface.1.SubnetId=subnet-00000000000000001\
             &NetworkInterface.1.SecurityGroupId.1=sg-00000000000000001&NetworkInterface.1.AssociatePublicIpAddress=true\
             &SubnetId=&NetworkInterface.1.Ipv6AddressCount=0",
        );
        let listed = listed.unwrap();
        assert_eq!(listed.associate_public_ip, Some(true));
        assert_eq!(Network { associate_public_ip: None, ..listed }, plain.unwrap());
    }

    #[test]
    fn the_private_address_comes_alone_or_in_a_list() {
        let list = "NetworkInterface.1.PrivateIpAddresses.1.Primary=true\
                    &NetworkInterface.1.PrivateIpAddresses.1.PrivateIpAddress=172.31.0.9";
        for form in ["PrivateIpAddress=172.31.0.9", "NetworkInterface.0.PrivateIpAddress=172.31.0.9", list] {
            assert_eq!(network(form).unwrap().private_ip, Some(Ipv4Addr::new(172, 31, 0, 9)), "{form}");
        }
        assert!(network("PrivateIpAddress=172.31.0").is_err());
    }

    #[test]
    fn what_is_not_had_is_refused_by_name() {
        for (form, code, name) in [
            ("SubnetId=subnet-00000000000000001", ErrorCode::InvalidParameterCombination, "SubnetId"),
            ("NetworkInterface.1.DeviceIndex=1", ErrorCode::InvalidParameterValue, "DeviceIndex"),
            ("NetworkInterface.1.NetworkInterfaceId=eni-1", ErrorCode::UnsupportedOperation, "NetworkInterfaceId"),
            ("NetworkInterface.1.DeleteOnTermination=false", ErrorCode::UnsupportedOperation, "DeleteOnTermination"),
            ("NetworkInterface.2.DeviceIndex=1", ErrorCode::UnsupportedOperation, "NetworkInterface"),
            ("NetworkInterface.1.SecondaryPrivateIpAddressCount=1", ErrorCode::UnsupportedOperation, "Secondary"),
        ] {
            let error = network(&format!("NetworkInterface.1.AssociatePublicIpAddress=true&{form}")).unwrap_err();
            assert_eq!(error.code, code, "{form}");
            assert!(error.message.contains(name), "{error}");
        }
    }
}
