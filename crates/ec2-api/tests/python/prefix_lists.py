"""Managed prefix lists and their versions, each answer held against botocore's model."""

from common import Cloud, refused

cloud = Cloud()
ec2 = cloud.ec2
create = dict(PrefixListName="office", AddressFamily="IPv4", MaxEntries=3, ClientToken="token", Entries=[
    {"Cidr": "203.0.113.5/24", "Description": "front"}, {"Cidr": "10.0.0.0/8"}], TagSpecifications=[
    {"ResourceType": "prefix-list", "Tags": [{"Key": "Name", "Value": "office"}]}])
made = ec2.create_managed_prefix_list(**create)["PrefixList"]
assert made["State"] == "create-complete" and made["Version"] == 1 and made["MaxEntries"] == 3, made
assert made["Tags"] == [{"Key": "Name", "Value": "office"}] and made["PrefixListArn"].endswith(made["PrefixListId"])
listed = made["PrefixListId"]
assert ec2.create_managed_prefix_list(**create)["PrefixList"]["PrefixListId"] == listed
refused("IdempotentParameterMismatch", ec2.create_managed_prefix_list, **{**create, "MaxEntries": 4})
rest = {key: value for key, value in create.items() if key != "ClientToken"}
refused("DryRunOperation", ec2.create_managed_prefix_list, **rest, DryRun=True)
refused("InvalidParameterValue", ec2.create_managed_prefix_list, **{**rest, "PrefixListName": "com.amazonaws.x"})
refused("InvalidParameterValue", ec2.create_managed_prefix_list, **{**rest, "AddressFamily": "IPv6"}, contains="IPv6")
refused("PrefixListMaxEntriesExceeded", ec2.create_managed_prefix_list, **{**rest, "MaxEntries": 1})
refused("InvalidParameterValue", ec2.create_managed_prefix_list, **{**rest, "MaxEntries": 0})
refused("InvalidParameterValue", ec2.create_managed_prefix_list, **{**rest, "Entries": [{"Cidr": "frog"}]})

entries = lambda **which: {
    entry["Cidr"]: entry.get("Description") for entry in ec2.get_managed_prefix_list_entries(PrefixListId=listed, **which)["Entries"]}
assert entries() == {"10.0.0.0/8": None, "203.0.113.0/24": "front"}
modify = lambda **what: ec2.modify_managed_prefix_list(PrefixListId=listed, **what)["PrefixList"]
refused("PrefixListVersionMismatch", modify, CurrentVersion=2, AddEntries=[{"Cidr": "11.0.0.0/8"}])
second = modify(CurrentVersion=1, AddEntries=[{"Cidr": "11.0.0.0/8"}, {"Cidr": "203.0.113.0/24", "Description": "back"}],
                RemoveEntries=[{"Cidr": "10.0.0.0/8"}])
assert second["Version"] == 2 and second["State"] == "modify-complete", second
assert entries() == {"11.0.0.0/8": None, "203.0.113.0/24": "back"}
assert entries(TargetVersion=1) == {"10.0.0.0/8": None, "203.0.113.0/24": "front"}
refused("InvalidParameterValue", entries, TargetVersion=3)
refused("InvalidParameterCombination", modify, MaxEntries=9, AddEntries=[{"Cidr": "12.0.0.0/8"}])
refused("InvalidParameterCombination", modify)
refused("InvalidParameterValue", modify, RemoveEntries=[{"Cidr": "10.0.0.0/8"}])
refused("PrefixListMaxEntriesExceeded", modify, AddEntries=[{"Cidr": "12.0.0.0/8"}, {"Cidr": "13.0.0.0/8"}])
refused("PrefixListMaxEntriesExceeded", modify, MaxEntries=1)
renamed = modify(PrefixListName="offices", MaxEntries=50)
assert renamed["Version"] == 2 and renamed["PrefixListName"] == "offices" and renamed["MaxEntries"] == 50, renamed
restored = ec2.restore_managed_prefix_list_version(PrefixListId=listed, PreviousVersion=1, CurrentVersion=2)["PrefixList"]
assert restored["Version"] == 3 and restored["State"] == "restore-complete", restored
assert entries() == entries(TargetVersion=1) and entries(TargetVersion=2)["203.0.113.0/24"] == "back"
refused("PrefixListVersionMismatch", ec2.restore_managed_prefix_list_version, PrefixListId=listed, PreviousVersion=1,
        CurrentVersion=2)

modify(CurrentVersion=3, AddEntries=[{"Cidr": f"10.1.{n}.0/24"} for n in range(20)])
pages = list(ec2.get_paginator("get_managed_prefix_list_entries").paginate(PrefixListId=listed, PaginationConfig={"PageSize": 7}))
assert sum(len(page["Entries"]) for page in pages) == 22 and len(pages) == 4
found = ec2.describe_managed_prefix_lists(Filters=[{"Name": "prefix-list-name", "Values": ["off*"]}])["PrefixLists"]
assert [each["PrefixListId"] for each in found] == [listed]
assert ec2.describe_managed_prefix_lists(PrefixListIds=[listed])["PrefixLists"] == found
refused("InvalidPrefixListID.NotFound", ec2.describe_managed_prefix_lists, PrefixListIds=["pl-00000000000000000"])
refused("InvalidPrefixListId.Malformed", ec2.describe_managed_prefix_lists, PrefixListIds=["office"])
assert ec2.describe_prefix_lists()["PrefixLists"] == [], "those of EC2's neighbours, which are not here"
assert ec2.get_managed_prefix_list_associations(PrefixListId=listed)["PrefixListAssociations"] == []
ec2.create_tags(Resources=[listed], Tags=[{"Key": "team", "Value": "a"}])
assert ec2.describe_tags(Filters=[{"Name": "key", "Values": ["team"]}])["Tags"][0]["ResourceType"] == "prefix-list"
assert ec2.delete_managed_prefix_list(PrefixListId=listed)["PrefixList"]["State"] == "delete-complete"
assert ec2.describe_managed_prefix_lists()["PrefixLists"] == [] and ec2.describe_tags()["Tags"] == []
cloud.finish()
