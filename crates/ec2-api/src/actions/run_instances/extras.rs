//! Parts of EC2's RunInstances that this cloud does not have, or that make no difference on one host.

use cumulet_model::CloudError;

use crate::call::Call;
use crate::query::Params;

/// Refuses by name what would change the launch and can't be had; warns of what makes no difference.
pub fn check(call: &Call) -> Result<(), CloudError> {
    let params = call.params();
    params.refuse(&[
        "AdditionalInfo",
        "CpuOptions",
        "ElasticGpuSpecification",
        "ElasticInferenceAccelerator",
        "IamInstanceProfile",
        "InstanceMarketOptions",
        "Ipv6Address",
        "LaunchTemplate",
        "LicenseSpecification",
        "Operator",
        "SecondaryInterface",
    ])?;
    if params.number::<u32>("Ipv6AddressCount")?.is_some_and(|count| count != 0) {
        return Err(params.unsupported("Ipv6AddressCount", "is not supported: this cloud has no IPv6 yet"));
    }
    refuse_switched_on(&params)?;
    placement(&params.structure("Placement"))?;
    capacity(&params.structure("CapacityReservationSpecification"))?;
    params.structure("PrivateDnsNameOptions").word("HostnameType", &[("ip-name", ())])?;
    params.structure("NetworkPerformanceOptions").word("BandwidthWeighting", &[("default", ())])?;
    // There is no automatic recovery yet, so that both of its settings are so already.
    params.structure("MaintenanceOptions").word("AutoRecovery", &[("default", ()), ("disabled", ())])?;
    if params.flag("EbsOptimized")? == Some(true) {
        call.warn("EbsOptimized: it is as the instance type says, this makes no difference");
    }
    Ok(())
}

fn refuse_switched_on(params: &Params<'_>) -> Result<(), CloudError> {
    for (structure, name) in [
        ("EnclaveOptions", "Enabled"),
        ("PrivateDnsNameOptions", "EnableResourceNameDnsARecord"),
        ("PrivateDnsNameOptions", "EnableResourceNameDnsAAAARecord"),
    ] {
        let structure = params.structure(structure);
        if structure.flag(name)? == Some(true) {
            return Err(structure.unsupported(name, "is not supported by this cloud yet"));
        }
    }
    if params.flag("EnablePrimaryIpv6")? == Some(true) {
        return Err(params.unsupported("EnablePrimaryIpv6", "is not supported: this cloud has no IPv6 yet"));
    }
    Ok(())
}

fn placement(placement: &Params<'_>) -> Result<(), CloudError> {
    placement.refuse(&[
        "Affinity",
        "GroupId",
        "GroupName",
        "HostId",
        "HostResourceGroupArn",
        "PartitionNumber",
        "SpreadDomain",
    ])?;
    match placement.text("Tenancy") {
        None | Some("default") => Ok(()),
        Some(_) => Err(placement.unsupported("Tenancy", "can be default only: this cloud is one host")),
    }
}

/// There are no capacity reservations, so that a launch which may use one or must use none is as any other.
fn capacity(specification: &Params<'_>) -> Result<(), CloudError> {
    specification.refuse(&["CapacityReservationTarget"])?;
    specification.word("CapacityReservationPreference", &[("open", ()), ("none", ())])?;
    Ok(())
}
