"""Rules of every kind, each answer held against botocore's model."""

from common import Cloud, refused

cloud = Cloud()
ec2 = cloud.ec2
vpc = ec2.describe_vpcs()["Vpcs"][0]["VpcId"]
group = ec2.create_security_group(GroupName="web", Description="web", VpcId=vpc)["GroupId"]
other = ec2.create_security_group(GroupName="db", Description="db", VpcId=vpc)["GroupId"]
listed = ec2.create_managed_prefix_list(PrefixListName="office", AddressFamily="IPv4", MaxEntries=5, Entries=[
    {"Cidr": "203.0.113.0/24", "Description": "front"}])["PrefixList"]["PrefixListId"]

# IPv6 ranges, prefix lists, ICMP of IPv6, groups by name.
rules = ec2.authorize_security_group_ingress(GroupId=group, IpPermissions=[
    {"IpProtocol": "tcp", "FromPort": 443, "ToPort": 443,
     "Ipv6Ranges": [{"CidrIpv6": "2001:db8::1/32", "Description": "six"}],
     "PrefixListIds": [{"PrefixListId": listed, "Description": "office"}],
     "UserIdGroupPairs": [{"GroupName": "db"}]},
    {"IpProtocol": "icmpv6", "FromPort": 128, "ToPort": 0, "Ipv6Ranges": [{"CidrIpv6": "::/0"}]},
])["SecurityGroupRules"]
six = next(rule for rule in rules if rule.get("CidrIpv6") == "2001:db8::/32")
assert six["Description"] == "six" and "CidrIpv4" not in six, six
assert [rule["PrefixListId"] for rule in rules if "PrefixListId" in rule] == [listed]
assert [rule["ReferencedGroupInfo"]["GroupId"] for rule in rules if "ReferencedGroupInfo" in rule] == [other]
shown = ec2.describe_security_groups(GroupIds=[group])["SecurityGroups"][0]
https = next(p for p in shown["IpPermissions"] if p["IpProtocol"] == "tcp")
assert https["Ipv6Ranges"] == [{"CidrIpv6": "2001:db8::/32", "Description": "six"}], https
assert https["PrefixListIds"] == [{"PrefixListId": listed, "Description": "office"}], https
ping = next(p for p in shown["IpPermissions"] if p["IpProtocol"] == "icmpv6")
assert (ping["FromPort"], ping["ToPort"]) == (128, 0), ping
for name, value in [("ip-permission.ipv6-cidr", "::/0"), ("ip-permission.prefix-list-id", listed)]:
    found = ec2.describe_security_groups(Filters=[{"Name": name, "Values": [value]}])["SecurityGroups"]
    assert [each["GroupId"] for each in found] == [group], (name, found)
refused("InvalidPrefixListID.NotFound", ec2.authorize_security_group_ingress, GroupId=group, IpPermissions=[
    {"IpProtocol": "-1", "PrefixListIds": [{"PrefixListId": "pl-00000000000000000"}]}])
refused("InvalidPermission.Duplicate", ec2.authorize_security_group_ingress, GroupId=group, IpPermissions=[
    {"IpProtocol": "icmpv6", "FromPort": 128, "ToPort": 0, "Ipv6Ranges": [{"CidrIpv6": "::/0"}]}])
ec2.authorize_security_group_ingress(GroupName="db", SourceSecurityGroupName="web")
found = ec2.describe_security_groups(GroupIds=[other])["SecurityGroups"][0]["IpPermissions"]
assert sorted(p["IpProtocol"] for p in found) == ["icmp", "tcp", "udp"], found

# Changed in place.
rule_id = six["SecurityGroupRuleId"]
change = lambda rule_id, **rule: ec2.modify_security_group_rules(GroupId=group, SecurityGroupRules=[
    {"SecurityGroupRuleId": rule_id, "SecurityGroupRule": rule}])
assert change(rule_id, IpProtocol="tcp", FromPort=80, ToPort=81, CidrIpv4="10.1.2.3/8", Description="in")["Return"] is True
look = lambda: ec2.describe_security_group_rules(SecurityGroupRuleIds=[rule_id])["SecurityGroupRules"][0]
assert look()["CidrIpv4"] == "10.0.0.0/8" and look()["FromPort"] == 80 and look()["Description"] == "in", look()
refused("InvalidPermission.Duplicate", change, rule_id, IpProtocol="icmpv6", FromPort=128, ToPort=0, CidrIpv6="::/0")
refused("InvalidSecurityGroupRuleId.NotFound", change, "sgr-00000000000000000", IpProtocol="-1", CidrIpv4="10.0.0.0/8")
refused("MissingParameter", change, rule_id, IpProtocol="-1")
refused("InvalidParameterCombination", change, rule_id, IpProtocol="-1", CidrIpv4="10.0.0.0/8", CidrIpv6="::/0")
# Two rules can change places.
icmp = next(rule for rule in rules if rule["IpProtocol"] == "icmpv6")["SecurityGroupRuleId"]
ec2.modify_security_group_rules(GroupId=group, SecurityGroupRules=[
    {"SecurityGroupRuleId": rule_id, "SecurityGroupRule":
        {"IpProtocol": "icmpv6", "FromPort": 128, "ToPort": 0, "CidrIpv6": "::/0"}},
    {"SecurityGroupRuleId": icmp, "SecurityGroupRule":
        {"IpProtocol": "tcp", "FromPort": 80, "ToPort": 81, "CidrIpv4": "10.0.0.0/8"}}])
assert look()["IpProtocol"] == "icmpv6" and "Description" not in look(), look()

# Descriptions.
ec2.update_security_group_rule_descriptions_ingress(GroupId=group, SecurityGroupRuleDescriptions=[
    {"SecurityGroupRuleId": rule_id, "Description": "pings"}])
assert look()["Description"] == "pings"
ec2.update_security_group_rule_descriptions_ingress(GroupName="web", IpPermissions=[
    {"IpProtocol": "icmpv6", "FromPort": 128, "ToPort": 0, "Ipv6Ranges": [{"CidrIpv6": "::/0"}]}])
assert "Description" not in look()
everything = [{"IpProtocol": "-1", "IpRanges": [{"CidrIp": "0.0.0.0/0", "Description": "out"}]}]
ec2.update_security_group_rule_descriptions_egress(GroupId=group, IpPermissions=everything)
out = ec2.describe_security_group_rules(Filters=[{"Name": "group-id", "Values": [group]}])["SecurityGroupRules"]
assert [rule["Description"] for rule in out if rule["IsEgress"]] == ["out"], out
refused("InvalidPermission.NotFound", ec2.update_security_group_rule_descriptions_ingress, GroupId=group,
        IpPermissions=everything)

# Limits: sixty for each family, and a prefix list counts as it may grow.
many = [{"CidrIp": f"10.0.{n}.0/24"} for n in range(60)]
refused("RulesPerSecurityGroupLimitExceeded", ec2.authorize_security_group_ingress, GroupId=group, IpPermissions=[
    {"IpProtocol": "-1", "IpRanges": many}])
ec2.authorize_security_group_ingress(GroupId=group, IpPermissions=[{"IpProtocol": "-1", "IpRanges": many[:53]}])
refused("RulesPerSecurityGroupLimitExceeded", ec2.authorize_security_group_ingress, GroupId=group, IpPermissions=[
    {"IpProtocol": "-1", "IpRanges": many[53:54]}])
ec2.authorize_security_group_ingress(GroupId=group, IpPermissions=[
    {"IpProtocol": "-1", "Ipv6Ranges": [{"CidrIpv6": f"fd00:{n}::/32"} for n in range(1, 50)]}])
refused("RulesPerSecurityGroupLimitExceeded", ec2.modify_managed_prefix_list, PrefixListId=listed, MaxEntries=6)

# What refers to what.
assert ec2.get_managed_prefix_list_associations(PrefixListId=listed)["PrefixListAssociations"][0]["ResourceId"] == group
refused("DependencyViolation", ec2.delete_managed_prefix_list, PrefixListId=listed)
refused("DependencyViolation", ec2.delete_security_group, GroupId=other)
assert ec2.describe_security_group_references(GroupId=[group])["SecurityGroupReferenceSet"] == []
refused("InvalidGroup.NotFound", ec2.describe_security_group_references, GroupId=["sg-00000000000000000"])
assert ec2.describe_stale_security_groups(VpcId=vpc)["StaleSecurityGroupSet"] == []
refused("InvalidVpcID.NotFound", ec2.describe_stale_security_groups, VpcId="vpc-00000000000000000")
usable = ec2.get_security_groups_for_vpc(VpcId=vpc, Filters=[{"Name": "group-name", "Values": ["web"]}])
assert [g["GroupId"] for g in usable["SecurityGroupForVpcs"]] == [group], usable
assert usable["SecurityGroupForVpcs"][0]["PrimaryVpcId"] == vpc
gone = ec2.revoke_security_group_ingress(GroupId=group, IpPermissions=[
    {"IpProtocol": "tcp", "FromPort": 443, "ToPort": 443, "PrefixListIds": [{"PrefixListId": listed}],
     "UserIdGroupPairs": [{"GroupId": other}]},
    {"IpProtocol": "udp", "FromPort": 1, "ToPort": 2, "Ipv6Ranges": [{"CidrIpv6": "::/0"}]}])
assert len(gone["RevokedSecurityGroupRules"]) == 2 and gone["UnknownIpPermissions"][0]["IpProtocol"] == "udp", gone
ec2.delete_managed_prefix_list(PrefixListId=listed)
cloud.finish()
