"""Elastic addresses, each answer held against botocore's model."""

from common import IMAGE, Cloud, eventually, refused

cloud = Cloud()
ec2 = cloud.ec2


def launch(**parameters):
    made = ec2.run_instances(ImageId=IMAGE, InstanceType="t3.micro", MinCount=1, MaxCount=1, **parameters)
    return made["Instances"][0]["InstanceId"]


def instance(instance_id):
    return ec2.describe_instances(InstanceIds=[instance_id])["Reservations"][0]["Instances"][0]


def state(instance_id, wanted):
    eventually(f"{instance_id} is {wanted}", lambda: instance(instance_id)["State"]["Name"] == wanted)


def address(allocation_id):
    return ec2.describe_addresses(AllocationIds=[allocation_id])["Addresses"][0]


first, second = launch(), launch()
for each in (first, second):
    state(each, "running")

# Allocated and shown.
made = ec2.allocate_address(Domain="vpc", TagSpecifications=[
    {"ResourceType": "elastic-ip", "Tags": [{"Key": "Name", "Value": "web"}]}])
assert made["Domain"] == "vpc" and made["PublicIpv4Pool"] == "amazon" and made["NetworkBorderGroup"] == "us-east-1", made
web, public = made["AllocationId"], made["PublicIp"]
shown = address(web)
assert shown["Tags"] == [{"Key": "Name", "Value": "web"}] and "AssociationId" not in shown, shown
assert ec2.describe_addresses(PublicIps=[public])["Addresses"] == [shown]
attribute = ec2.describe_addresses_attribute(AllocationIds=[web], Attribute="domain-name")["Addresses"]
assert attribute == [{"PublicIp": public, "AllocationId": web}], attribute
refused("InvalidAllocationID.NotFound", ec2.describe_addresses, AllocationIds=["eipalloc-00000000000000000"])
refused("InvalidAddress.NotFound", ec2.describe_addresses, PublicIps=["198.18.0.250"])
refused("InvalidParameterValue", ec2.allocate_address, Domain="standard")
refused("DryRunOperation", ec2.allocate_address, DryRun=True)
refused("InvalidAddress.NotFound", ec2.allocate_address, Address="8.8.8.8")
refused("InvalidIPAddress.InUse", ec2.allocate_address, Address=public)
chosen = ec2.allocate_address(Address="198.18.0.200")
assert chosen["PublicIp"] == "198.18.0.200"
assert len(ec2.describe_addresses(Filters=[{"Name": "domain", "Values": ["vpc"]}])["Addresses"]) == 2

# It takes the place of the dynamic address at once.
dynamic = instance(first)["PublicIpAddress"]
association = ec2.associate_address(AllocationId=web, InstanceId=first)["AssociationId"]
held = instance(first)
assert held["PublicIpAddress"] == public and public != dynamic
nic = held["NetworkInterfaces"][0]
account = cloud.sts.get_caller_identity()["Account"]
assert nic["Association"]["PublicIp"] == public and nic["Association"]["IpOwnerId"] == account, nic
eni = ec2.describe_network_interfaces(NetworkInterfaceIds=[nic["NetworkInterfaceId"]])["NetworkInterfaces"][0]
assert eni["Association"]["AllocationId"] == web and eni["Association"]["AssociationId"] == association, eni
assert eni["PrivateIpAddresses"][0]["Association"]["AllocationId"] == web
other = instance(second)["NetworkInterfaces"][0]
assert other["Association"]["IpOwnerId"] == "amazon", other
shown = address(web)
assert shown["InstanceId"] == first and shown["PrivateIpAddress"] == held["PrivateIpAddress"], shown
assert shown["NetworkInterfaceId"] == eni["NetworkInterfaceId"] and shown["NetworkInterfaceOwnerId"] == account
for name, value in [("instance-id", first), ("association-id", association), ("private-ip-address", shown["PrivateIpAddress"]),
                    ("network-interface-id", eni["NetworkInterfaceId"]), ("public-ip", public), ("tag:Name", "web")]:
    found = ec2.describe_addresses(Filters=[{"Name": name, "Values": [value]}])["Addresses"]
    assert [each["AllocationId"] for each in found] == [web], (name, found)
found = ec2.describe_instances(Filters=[{"Name": "network-interface.association.allocation-id", "Values": [web]}])
assert found["Reservations"][0]["Instances"][0]["InstanceId"] == first
again = ec2.associate_address(AllocationId=web, InstanceId=first)
assert again["AssociationId"] == association, "the same again is the same association"
refused("InvalidIPAddress.InUse", ec2.release_address, AllocationId=web)
free = ec2.allocate_address(Address=dynamic)
ec2.release_address(AllocationId=free["AllocationId"])

# Led elsewhere in one step.
refused("Resource.AlreadyAssociated", ec2.associate_address, AllocationId=web, InstanceId=second, AllowReassociation=False)
refused("InvalidParameterCombination", ec2.associate_address, AllocationId=web, InstanceId=second,
        NetworkInterfaceId=eni["NetworkInterfaceId"])
refused("MissingParameter", ec2.associate_address, AllocationId=web)
refused("InvalidParameterValue", ec2.associate_address, AllocationId=web, InstanceId=second, PrivateIpAddress="10.0.0.9")
refused("InvalidInstanceID.NotFound", ec2.associate_address, AllocationId=web, InstanceId="i-00000000000000000")
moved = ec2.associate_address(AllocationId=web, NetworkInterfaceId=other["NetworkInterfaceId"])["AssociationId"]
assert moved != association
assert "PublicIpAddress" not in instance(first) and instance(second)["PublicIpAddress"] == public
refused("InvalidAssociationID.NotFound", ec2.disassociate_address, AssociationId=association)

# Kept over stop and start; a dynamic one comes back with the start of one that has none.
ec2.stop_instances(InstanceIds=[first, second])
for each in (first, second):
    state(each, "stopped")
assert instance(second)["PublicIpAddress"] == public and address(web)["InstanceId"] == second
ec2.start_instances(InstanceIds=[first, second])
for each in (first, second):
    state(each, "running")
assert instance(second)["PublicIpAddress"] == public and instance(first)["PublicIpAddress"] != public

# The other one takes its place, and it is idle then.
ec2.associate_address(PublicIp="198.18.0.200", InstanceId=second)
assert "AssociationId" not in address(web) and instance(second)["PublicIpAddress"] == "198.18.0.200"
ec2.disassociate_address(PublicIp="198.18.0.200")
ec2.disassociate_address(PublicIp="198.18.0.200")
assert "PublicIpAddress" not in instance(second), "none comes back until the next start"
ec2.associate_address(AllocationId=web, InstanceId=second)
ec2.terminate_instances(InstanceIds=[first, second])
for each in (first, second):
    state(each, "terminated")
assert "AssociationId" not in address(web), "the interface went with its instance"
ec2.create_tags(Resources=[web], Tags=[{"Key": "team", "Value": "a"}])
assert ec2.describe_tags(Filters=[{"Name": "key", "Values": ["team"]}])["Tags"][0]["ResourceType"] == "elastic-ip"
ec2.release_address(AllocationId=web)
ec2.release_address(PublicIp="198.18.0.200")
refused("InvalidAllocationID.NotFound", ec2.release_address, AllocationId=web)
assert ec2.describe_addresses()["Addresses"] == []
cloud.finish()
