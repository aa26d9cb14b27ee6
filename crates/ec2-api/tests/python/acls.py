"""Network ACLs, each answer held against botocore's model."""

from common import Cloud, refused

cloud = Cloud()
ec2 = cloud.ec2
vpc = ec2.describe_vpcs()["Vpcs"][0]["VpcId"]
default = ec2.describe_network_acls(Filters=[{"Name": "default", "Values": ["true"]}, {"Name": "vpc-id", "Values": [vpc]}])
default, = default["NetworkAcls"]
subnets = {subnet["SubnetId"] for subnet in ec2.describe_subnets()["Subnets"]}
assert {held["SubnetId"] for held in default["Associations"]} == subnets and default["IsDefault"] is True
brief = lambda acl: sorted((e["Egress"], e["RuleNumber"], e["RuleAction"], e["Protocol"], e.get("CidrBlock")) for e in acl["Entries"])
either = lambda *entries: sorted((egress, *entry) for egress in (False, True) for entry in entries)
assert brief(default) == either((100, "allow", "-1", "0.0.0.0/0"), (32767, "deny", "-1", "0.0.0.0/0")), default
refused("InvalidParameterValue", ec2.delete_network_acl, NetworkAclId=default["NetworkAclId"], contains="default")

made = ec2.create_network_acl(VpcId=vpc, ClientToken="token", TagSpecifications=[
    {"ResourceType": "network-acl", "Tags": [{"Key": "Name", "Value": "front"}]}])
acl = made["NetworkAcl"]["NetworkAclId"]
assert brief(made["NetworkAcl"]) == either((32767, "deny", "-1", "0.0.0.0/0")) and made["ClientToken"] == "token", made
assert made["NetworkAcl"]["Tags"] == [{"Key": "Name", "Value": "front"}] and made["NetworkAcl"]["Associations"] == []
assert ec2.create_network_acl(VpcId=vpc, ClientToken="token", TagSpecifications=[
    {"ResourceType": "network-acl", "Tags": [{"Key": "Name", "Value": "front"}]}])["NetworkAcl"]["NetworkAclId"] == acl
refused("InvalidVpcID.NotFound", ec2.create_network_acl, VpcId="vpc-00000000000000000")
refused("DryRunOperation", ec2.create_network_acl, VpcId=vpc, DryRun=True)

entry = dict(NetworkAclId=acl, RuleNumber=110, Protocol="6", RuleAction="allow", Egress=False,
             CidrBlock="10.1.2.3/16", PortRange={"From": 22, "To": 23})
ec2.create_network_acl_entry(**entry)
refused("NetworkAclEntryAlreadyExists", ec2.create_network_acl_entry, **entry)
refused("InvalidParameterValue", ec2.create_network_acl_entry, **{**entry, "RuleNumber": 32767})
refused("MissingParameter", ec2.create_network_acl_entry, **{k: v for k, v in {**entry, "RuleNumber": 5}.items() if k != "PortRange"})
refused("InvalidNetworkAclEntry.NotFound", ec2.replace_network_acl_entry, **{**entry, "RuleNumber": 111})
refused("InvalidNetworkAclID.NotFound", ec2.create_network_acl_entry, **{**entry, "NetworkAclId": "acl-00000000000000000"})
ec2.create_network_acl_entry(NetworkAclId=acl, RuleNumber=110, Protocol="1", RuleAction="deny", Egress=True,
                             CidrBlock="0.0.0.0/0", IcmpTypeCode={"Type": 8, "Code": -1})
ec2.create_network_acl_entry(NetworkAclId=acl, RuleNumber=120, Protocol="-1", RuleAction="allow", Egress=True,
                             Ipv6CidrBlock="2001:db8::1/32")
look = lambda: ec2.describe_network_acls(NetworkAclIds=[acl])["NetworkAcls"][0]
ssh, = [e for e in look()["Entries"] if e["RuleNumber"] == 110 and not e["Egress"]]
assert ssh == {"CidrBlock": "10.1.0.0/16", "Egress": False, "PortRange": {"From": 22, "To": 23}, "Protocol": "6",
               "RuleAction": "allow", "RuleNumber": 110}, ssh
ping, = [e for e in look()["Entries"] if e["RuleNumber"] == 110 and e["Egress"]]
assert ping["IcmpTypeCode"] == {"Type": 8, "Code": -1} and ping["Protocol"] == "1", ping
six = [e for e in look()["Entries"] if "Ipv6CidrBlock" in e]
assert [e["Ipv6CidrBlock"] for e in six] == ["2001:db8::/32", "::/0", "::/0"] and six[-1]["RuleNumber"] == 32768, six
ec2.replace_network_acl_entry(**{**entry, "RuleAction": "deny"})
assert [e["RuleAction"] for e in look()["Entries"] if e["RuleNumber"] == 110 and not e["Egress"]] == ["deny"]
for name, value in [("entry.port-range.from", "22"), ("entry.icmp.type", "8"), ("entry.ipv6-cidr", "2001:db8::/32"),
                    ("entry.protocol", "tcp"), ("tag:Name", "front"), ("entry.cidr", "10.1.0.0/16")]:
    found = ec2.describe_network_acls(Filters=[{"Name": name, "Values": [value]}])["NetworkAcls"]
    assert [each["NetworkAclId"] for each in found] == [acl], (name, found)

held = default["Associations"][0]
new = ec2.replace_network_acl_association(AssociationId=held["NetworkAclAssociationId"], NetworkAclId=acl)["NewAssociationId"]
assert new != held["NetworkAclAssociationId"]
assert look()["Associations"] == [{"NetworkAclAssociationId": new, "NetworkAclId": acl, "SubnetId": held["SubnetId"]}]
refused("InvalidAssociationID.NotFound", ec2.replace_network_acl_association,
        AssociationId=held["NetworkAclAssociationId"], NetworkAclId=acl)
refused("DependencyViolation", ec2.delete_network_acl, NetworkAclId=acl)
ec2.replace_network_acl_association(AssociationId=new, NetworkAclId=default["NetworkAclId"])
ec2.delete_network_acl_entry(NetworkAclId=acl, RuleNumber=110, Egress=False)
refused("InvalidNetworkAclEntry.NotFound", ec2.delete_network_acl_entry, NetworkAclId=acl, RuleNumber=110, Egress=False)
for number in range(1, 41):
    ec2.create_network_acl_entry(**{**entry, "RuleNumber": number})
refused("NetworkAclEntryLimitExceeded", ec2.create_network_acl_entry, **entry)
ec2.delete_network_acl(NetworkAclId=acl)
refused("InvalidNetworkAclID.NotFound", ec2.describe_network_acls, NetworkAclIds=[acl])
assert ec2.describe_tags()["Tags"] == []
cloud.finish()
