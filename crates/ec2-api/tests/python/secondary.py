"""Secondary private addresses of interfaces, each answer held against botocore's model."""

from common import Cloud, refused

cloud = Cloud()
ec2 = cloud.ec2
subnet = ec2.describe_subnets()["Subnets"][0]["SubnetId"]


def interface():
    return ec2.create_network_interface(SubnetId=subnet)["NetworkInterface"]["NetworkInterfaceId"]


def addresses(eni):
    shown = ec2.describe_network_interfaces(NetworkInterfaceIds=[eni])["NetworkInterfaces"][0]
    assert [each["Primary"] for each in shown["PrivateIpAddresses"]].count(True) == 1
    return [each["PrivateIpAddress"] for each in shown["PrivateIpAddresses"]]


web, spare = interface(), interface()
primary = addresses(web)[0]
made = ec2.assign_private_ip_addresses(NetworkInterfaceId=web, SecondaryPrivateIpAddressCount=2)
given = [each["PrivateIpAddress"] for each in made["AssignedPrivateIpAddresses"]]
assert made["NetworkInterfaceId"] == web and addresses(web) == [primary, *given], made

# What is in use moves only if the caller says so, with its elastic address.
elastic = ec2.allocate_address()["AllocationId"]
ec2.associate_address(AllocationId=elastic, NetworkInterfaceId=web, PrivateIpAddress=given[0])
refused("InvalidIPAddress.InUse", ec2.assign_private_ip_addresses, NetworkInterfaceId=spare, PrivateIpAddresses=given[:1])
refused("InvalidIPAddress.InUse", ec2.assign_private_ip_addresses, NetworkInterfaceId=spare, PrivateIpAddresses=[primary],
        AllowReassignment=True)
ec2.assign_private_ip_addresses(NetworkInterfaceId=spare, PrivateIpAddresses=given[:1], AllowReassignment=True)
assert addresses(web) == [primary, given[1]] and addresses(spare)[1:] == given[:1]
shown = ec2.describe_addresses(AllocationIds=[elastic])["Addresses"][0]
assert shown["NetworkInterfaceId"] == spare and shown["PrivateIpAddress"] == given[0], shown

# An address that is taken away leaves its elastic one idle; the primary one stays.
refused("InvalidParameterValue", ec2.unassign_private_ip_addresses, NetworkInterfaceId=web, PrivateIpAddresses=[primary])
refused("InvalidParameterValue", ec2.unassign_private_ip_addresses, NetworkInterfaceId=web, PrivateIpAddresses=given[:1])
ec2.unassign_private_ip_addresses(NetworkInterfaceId=spare, PrivateIpAddresses=given[:1])
assert "AssociationId" not in ec2.describe_addresses(AllocationIds=[elastic])["Addresses"][0]
assert len(addresses(spare)) == 1

refused("PrivateIpAddressLimitExceeded", ec2.assign_private_ip_addresses, NetworkInterfaceId=web,
        SecondaryPrivateIpAddressCount=14)
refused("InvalidParameterValue", ec2.assign_private_ip_addresses, NetworkInterfaceId=web, PrivateIpAddresses=["10.9.9.9"])
refused("InvalidParameterCombination", ec2.assign_private_ip_addresses, NetworkInterfaceId=web,
        PrivateIpAddresses=given[:1], SecondaryPrivateIpAddressCount=1)
refused("MissingParameter", ec2.assign_private_ip_addresses, NetworkInterfaceId=web)
refused("InvalidNetworkInterfaceID.NotFound", ec2.assign_private_ip_addresses,
        NetworkInterfaceId="eni-00000000000000000", SecondaryPrivateIpAddressCount=1)
cloud.finish()
