"""Every action once and more, each answer held against botocore's model, and what the answers say."""

import base64
import re

import insights
import topology
from common import IMAGE, Cloud, eventually, refused

cloud = Cloud()
ec2 = cloud.ec2
USER_DATA = "#!/bin/sh\necho <hello> & 'goodbye'\n"


def instance(instance_id):
    return ec2.describe_instances(InstanceIds=[instance_id])["Reservations"][0]["Instances"][0]


def state(instance_id, wanted):
    look = lambda: instance(instance_id)["State"]["Name"] == wanted
    eventually(f"{instance_id} is {wanted}", look)


# Who and where.
me = cloud.sts.get_caller_identity()
assert re.fullmatch(r"[0-9]{12}", me["Account"]) and me["Arn"].endswith(":root"), me
region = ec2.describe_regions(RegionNames=["us-east-1"])["Regions"][0]
assert region["Endpoint"].startswith("127.0.0.1:"), region
zones = ec2.describe_availability_zones()["AvailabilityZones"]
assert [zone["ZoneName"] for zone in zones] == ["us-east-1a", "us-east-1b"]
assert ec2.describe_availability_zones(ZoneIds=["use1-az2"])["AvailabilityZones"][0]["ZoneName"] == "us-east-1b"
attributes = ec2.describe_account_attributes()["AccountAttributes"]
attributes = {a["AttributeName"]: a["AttributeValues"][0]["AttributeValue"] for a in attributes}
vpc = ec2.describe_vpcs(Filters=[{"Name": "is-default", "Values": ["true"]}])["Vpcs"][0]
assert attributes == {"supported-platforms": "VPC", "default-vpc": vpc["VpcId"]}
assert vpc["CidrBlock"] == "172.31.0.0/16" and vpc["Tags"] == []
for name, on in [("enableDnsSupport", True), ("enableDnsHostnames", True), ("enableNetworkAddressUsageMetrics", False)]:
    answer = ec2.describe_vpc_attribute(VpcId=vpc["VpcId"], Attribute=name)
    assert answer[name[0].upper() + name[1:]]["Value"] is on, answer
subnets = ec2.describe_subnets(Filters=[{"Name": "vpc-id", "Values": [vpc["VpcId"]]}])["Subnets"]
assert sorted(subnet["AvailabilityZone"] for subnet in subnets) == ["us-east-1a", "us-east-1b"]
assert ec2.describe_addresses()["Addresses"] == []

# Types.
micro = ec2.describe_instance_types(InstanceTypes=["t3.micro"])["InstanceTypes"][0]
assert micro["VCpuInfo"]["DefaultVCpus"] == 2 and micro["MemoryInfo"]["SizeInMiB"] == 1024
pages = list(ec2.get_paginator("describe_instance_types").paginate(PaginationConfig={"PageSize": 7}))
names = [kind["InstanceType"] for page in pages for kind in page["InstanceTypes"]]
assert len(pages) > 5 and len(names) == len(set(names))
assert sorted(names) == sorted(kind["InstanceType"] for kind in ec2.describe_instance_types()["InstanceTypes"])
offers = ec2.describe_instance_type_offerings(
    LocationType="availability-zone", Filters=[{"Name": "instance-type", "Values": ["t3.*"]}]
)["InstanceTypeOfferings"]
assert {offer["Location"] for offer in offers} == {"us-east-1a", "us-east-1b"}

# Images.
image = ec2.describe_images(ImageIds=[IMAGE], Owners=["self"])["Images"][0]
assert image["State"] == "available" and image["RootDeviceType"] == "ebs" and image["KernelId"].startswith("aki-")
assert ec2.describe_images(Owners=["amazon"])["Images"] == []
kernels = ec2.describe_images(Filters=[{"Name": "image-type", "Values": ["kernel"]}])["Images"]
assert [kernel["ImageId"] for kernel in kernels] == [image["KernelId"]]
made = ec2.register_image(
    Name="from a file", ImageLocation="file:///etc/hostname", Architecture="x86_64", RootDeviceName="/dev/xvda",
    VirtualizationType="hvm", KernelId=image["KernelId"], Description="a <file>",
    TagSpecifications=[{"ResourceType": "image", "Tags": [{"Key": "k", "Value": "v"}]}],
)["ImageId"]
ec2.get_waiter("image_available").wait(ImageIds=[made], WaiterConfig={"Delay": 1})
registered = ec2.describe_images(ImageIds=[made])["Images"][0]
assert registered["Description"] == "a <file>" and registered["Tags"] == [{"Key": "k", "Value": "v"}], registered
ec2.deregister_image(ImageId=made)
refused("InvalidAMIID.NotFound", ec2.describe_images, ImageIds=[made])

# Key pairs.
key = ec2.create_key_pair(KeyName="mine", KeyType="ed25519", TagSpecifications=[
    {"ResourceType": "key-pair", "Tags": [{"Key": "Name", "Value": "mine"}]}])
assert key["KeyMaterial"].startswith("-----BEGIN OPENSSH PRIVATE KEY-----\n"), key["KeyMaterial"][:40]
ec2.create_key_pair(KeyName="rsa", KeyType="rsa")
shown = ec2.describe_key_pairs(KeyNames=["mine"], IncludePublicKey=True)["KeyPairs"][0]
assert shown["KeyFingerprint"] == key["KeyFingerprint"] and shown["PublicKey"].startswith("ssh-ed25519 ")
assert "PublicKey" not in ec2.describe_key_pairs(KeyPairIds=[key["KeyPairId"]])["KeyPairs"][0]
imported = ec2.import_key_pair(KeyName="theirs", PublicKeyMaterial=shown["PublicKey"].encode())
assert imported["KeyPairId"] != key["KeyPairId"]
assert ec2.delete_key_pair(KeyPairId=imported["KeyPairId"])["Return"] is True
assert ec2.delete_key_pair(KeyName="theirs")["Return"] is True
assert {pair["KeyName"] for pair in ec2.describe_key_pairs()["KeyPairs"]} == {"mine", "rsa"}

# Security groups.
group = ec2.create_security_group(GroupName="web", Description="a web server", VpcId=vpc["VpcId"], TagSpecifications=[
    {"ResourceType": "security-group", "Tags": [{"Key": "Name", "Value": "web"}]}])["GroupId"]
rules = ec2.authorize_security_group_ingress(GroupId=group, IpPermissions=[
    {"IpProtocol": "tcp", "FromPort": 80, "ToPort": 80,
     "IpRanges": [{"CidrIp": "0.0.0.0/0", "Description": "all"}, {"CidrIp": "10.9.8.7/8"}],
     "UserIdGroupPairs": [{"GroupId": group, "Description": "itself"}]},
    {"IpProtocol": "icmp", "FromPort": 8, "ToPort": -1, "IpRanges": [{"CidrIp": "10.0.0.0/8"}]},
], TagSpecifications=[{"ResourceType": "security-group-rule", "Tags": [{"Key": "Name", "Value": "r"}]}])
rules = rules["SecurityGroupRules"]
assert len(rules) == 4 and all(not rule["IsEgress"] for rule in rules), rules
assert sorted(rule.get("CidrIpv4", "") for rule in rules) == ["", "0.0.0.0/0", "10.0.0.0/8", "10.0.0.0/8"]
assert [r["ReferencedGroupInfo"]["VpcId"] for r in rules if "ReferencedGroupInfo" in r] == [vpc["VpcId"]]
ec2.authorize_security_group_ingress(GroupName="web", IpProtocol="udp", FromPort=53, ToPort=54, CidrIp="1.2.3.4/32")
shown = ec2.describe_security_groups(Filters=[{"Name": "group-name", "Values": ["w?b"]}])["SecurityGroups"][0]
http = [p for p in shown["IpPermissions"] if p["IpProtocol"] == "tcp"]
assert len(http) == 1 and len(http[0]["IpRanges"]) == 2 and http[0]["UserIdGroupPairs"][0]["GroupId"] == group, shown
assert http[0]["Ipv6Ranges"] == [] and http[0]["PrefixListIds"] == []
assert shown["IpPermissionsEgress"][0]["IpProtocol"] == "-1" and "FromPort" not in shown["IpPermissionsEgress"][0]
everything = [{"IpProtocol": "-1", "IpRanges": [{"CidrIp": "0.0.0.0/0"}]}]
gone = ec2.revoke_security_group_egress(GroupId=group, IpPermissions=everything)["RevokedSecurityGroupRules"]
assert len(gone) == 1 and gone[0]["IsEgress"] and gone[0]["FromPort"] == -1, gone
ec2.authorize_security_group_egress(GroupId=group, IpPermissions=everything)
revoked = ec2.revoke_security_group_ingress(GroupId=group, SecurityGroupRuleIds=[rules[0]["SecurityGroupRuleId"]])
assert revoked["RevokedSecurityGroupRules"][0]["SecurityGroupRuleId"] == rules[0]["SecurityGroupRuleId"]
left = ec2.describe_security_group_rules(Filters=[{"Name": "group-id", "Values": [group]}])["SecurityGroupRules"]
assert len(left) == 5 and any(rule["IsEgress"] for rule in left), left
one = ec2.describe_security_group_rules(SecurityGroupRuleIds=[rules[1]["SecurityGroupRuleId"]])["SecurityGroupRules"]
assert one[0]["Tags"] == [{"Key": "Name", "Value": "r"}]

# Instances.
launch = dict(
    ImageId=IMAGE, InstanceType="t3.micro", MinCount=2, MaxCount=2, KeyName="mine", UserData=USER_DATA,
    NetworkInterfaces=[{"DeviceIndex": 0, "SubnetId": subnets[0]["SubnetId"], "Groups": [group],
                        "AssociatePublicIpAddress": True, "Description": "first", "DeleteOnTermination": True}],
    BlockDeviceMappings=[{"DeviceName": "/dev/sdf", "Ebs": {"VolumeSize": 3, "VolumeType": "gp3",
                                                            "DeleteOnTermination": True}}],
    MetadataOptions={"HttpTokens": "required", "HttpPutResponseHopLimit": 3},
    TagSpecifications=[{"ResourceType": "instance", "Tags": [{"Key": "Name", "Value": "web & co"}]},
                       {"ResourceType": "volume", "Tags": [{"Key": "of", "Value": "web"}]}],
    InstanceInitiatedShutdownBehavior="stop", ClientToken="token-1", Monitoring={"Enabled": False},
)
reservation = ec2.run_instances(**launch)
first, second = [made["InstanceId"] for made in reservation["Instances"]]
again = ec2.run_instances(**launch)
assert again["ReservationId"] == reservation["ReservationId"], "the token makes the launch idempotent"
ec2.get_waiter("instance_running").wait(InstanceIds=[first, second], WaiterConfig={"Delay": 1})
shown = instance(first)
assert shown["Tags"] == [{"Key": "Name", "Value": "web & co"}] and shown["KeyName"] == "mine"
assert shown["PublicIpAddress"] and shown["PublicDnsName"].startswith("ec2-") and shown["AmiLaunchIndex"] == 0
assert shown["PrivateDnsName"].endswith(".ec2.internal") and shown["Placement"]["AvailabilityZone"] == subnets[0]["AvailabilityZone"]
assert shown["MetadataOptions"]["HttpTokens"] == "required" and shown["MetadataOptions"]["HttpPutResponseHopLimit"] == 3
assert shown["SecurityGroups"] == [{"GroupId": group, "GroupName": "web"}]
assert shown["NetworkInterfaces"][0]["Association"]["PublicIp"] == shown["PublicIpAddress"]
assert {d["DeviceName"] for d in shown["BlockDeviceMappings"]} == {shown["RootDeviceName"], "/dev/sdf"}
both = ec2.describe_instances(Filters=[{"Name": "tag:Name", "Values": ["web*"]},
                                       {"Name": "instance-state-name", "Values": ["running", "pending"]}])
assert len(both["Reservations"]) == 1 and len(both["Reservations"][0]["Instances"]) == 2
volumes = ec2.describe_volumes(Filters=[{"Name": "attachment.instance-id", "Values": [first]}])["Volumes"]
assert sorted(volume["Size"] for volume in volumes)[-1] == 3 and all(v["State"] == "in-use" for v in volumes), volumes
assert all(volume["Tags"] == [{"Key": "of", "Value": "web"}] for volume in volumes)
interfaces = ec2.describe_network_interfaces(Filters=[{"Name": "attachment.instance-id", "Values": [first]}])
interface = interfaces["NetworkInterfaces"][0]
assert interface["Description"] == "first" and interface["MacAddress"] == shown["NetworkInterfaces"][0]["MacAddress"]
statuses = ec2.describe_instance_status(InstanceIds=[first, second])["InstanceStatuses"]
assert {status["InstanceState"]["Name"] for status in statuses} == {"running"}
credits = ec2.describe_instance_credit_specifications(InstanceIds=[first])["InstanceCreditSpecifications"]
assert credits == [{"InstanceId": first, "CpuCredits": "unlimited"}]
changed = ec2.modify_instance_credit_specification(InstanceCreditSpecifications=[
    {"InstanceId": first, "CpuCredits": "standard"}, {"InstanceId": "i-00000000000000000", "CpuCredits": "standard"}])
assert changed["SuccessfulInstanceCreditSpecifications"] == [{"InstanceId": first}], changed
missed, = changed["UnsuccessfulInstanceCreditSpecifications"]
assert missed["InstanceId"] == "i-00000000000000000" and missed["Error"]["Code"] == "InvalidInstanceID.NotFound", missed
credits = ec2.describe_instance_credit_specifications(InstanceIds=[first])["InstanceCreditSpecifications"]
assert credits == [{"InstanceId": first, "CpuCredits": "standard"}]
console = ec2.get_console_output(InstanceId=first)
assert console["InstanceId"] == first and "Timestamp" in console

# The analyser.
insights.every_action(ec2, refused, first, second, group, vpc["VpcId"])

# Volumes by themselves.
zone = shown["Placement"]["AvailabilityZone"]
disk = ec2.create_volume(AvailabilityZone=zone, Size=2, VolumeType="gp3", Iops=3000, TagSpecifications=[
    {"ResourceType": "volume", "Tags": [{"Key": "Name", "Value": "data"}]}])
assert disk["State"] == "creating" and disk["Iops"] == 3000 and disk["Throughput"] == 125, disk
disk = disk["VolumeId"]
ec2.get_waiter("volume_available").wait(VolumeIds=[disk], WaiterConfig={"Delay": 1})
attached = ec2.attach_volume(VolumeId=disk, InstanceId=first, Device="/dev/sdg")
assert attached["State"] == "attaching" and attached["Device"] == "/dev/sdg" and attached["InstanceId"] == first
ec2.get_waiter("volume_in_use").wait(VolumeIds=[disk], WaiterConfig={"Delay": 1})


def attachment(volume_id):
    held = ec2.describe_volumes(VolumeIds=[volume_id])["Volumes"][0]["Attachments"]
    return held[0]["State"] if held else None


eventually("the volume is attached", lambda: attachment(disk) == "attached")
by_state = [{"Name": "attachment.status", "Values": ["attached"]}, {"Name": "tag:Name", "Values": ["data"]}]
assert [v["VolumeId"] for v in ec2.describe_volumes(Filters=by_state)["Volumes"]] == [disk]
mapped = {d["DeviceName"]: d["Ebs"] for d in instance(first)["BlockDeviceMappings"]}
assert mapped["/dev/sdg"]["VolumeId"] == disk and mapped["/dev/sdg"]["DeleteOnTermination"] is False
modified = ec2.modify_volume(VolumeId=disk, Size=3)["VolumeModification"]
assert modified["OriginalSize"] == 2 and modified["TargetSize"] == 3, modified


def modification():
    [found] = ec2.describe_volumes_modifications(VolumeIds=[disk])["VolumesModifications"]
    return found if found["ModificationState"] in ("optimizing", "completed") else None


assert eventually("the volume is modified", modification)["Progress"] == 100
assert ec2.describe_volumes(VolumeIds=[disk])["Volumes"][0]["Size"] == 3
status = ec2.describe_volume_status(VolumeIds=[disk])["VolumeStatuses"][0]
assert status["VolumeStatus"]["Status"] == "ok", status
assert ec2.describe_volume_attribute(VolumeId=disk, Attribute="autoEnableIO")["AutoEnableIO"]["Value"] is True
assert ec2.describe_volume_attribute(VolumeId=disk, Attribute="productCodes")["ProductCodes"] == []
snapshot = ec2.create_snapshot(VolumeId=disk, Description="before", TagSpecifications=[
    {"ResourceType": "snapshot", "Tags": [{"Key": "Name", "Value": "s"}]}])
assert snapshot["VolumeSize"] == 3 and snapshot["VolumeId"] == disk, snapshot
ec2.get_waiter("snapshot_completed").wait(SnapshotIds=[snapshot["SnapshotId"]], WaiterConfig={"Delay": 1})
mine = ec2.describe_snapshots(OwnerIds=["self"], Filters=[{"Name": "tag:Name", "Values": ["s"]}])["Snapshots"]
assert [s["Progress"] for s in mine] == ["100%"] and ec2.describe_snapshots(OwnerIds=["amazon"])["Snapshots"] == []
copy = ec2.create_volume(AvailabilityZone=zone, SnapshotId=snapshot["SnapshotId"])
assert copy["Size"] == 3 and copy["SnapshotId"] == snapshot["SnapshotId"], copy
ec2.get_waiter("volume_available").wait(VolumeIds=[copy["VolumeId"]], WaiterConfig={"Delay": 1})
ec2.delete_volume(VolumeId=copy["VolumeId"])
ec2.delete_snapshot(SnapshotId=snapshot["SnapshotId"])
refused("InvalidSnapshot.NotFound", ec2.describe_snapshots, SnapshotIds=[snapshot["SnapshotId"]])
golden = ec2.create_image(InstanceId=first, Name="golden", NoReboot=True, TagSpecifications=[
    {"ResourceType": "image", "Tags": [{"Key": "k", "Value": "v"}]}])["ImageId"]
ec2.get_waiter("image_available").wait(ImageIds=[golden], WaiterConfig={"Delay": 1})
golden = ec2.describe_images(ImageIds=[golden])["Images"][0]
assert golden["KernelId"] == image["KernelId"] and golden["Tags"] == [{"Key": "k", "Value": "v"}], golden
refused("InvalidAMIName.Duplicate", ec2.create_image, InstanceId=first, Name="golden")
ec2.deregister_image(ImageId=golden["ImageId"])
refused("VolumeInUse", ec2.delete_volume, VolumeId=disk)
refused("VolumeInUse", ec2.attach_volume, VolumeId=disk, InstanceId=first, Device="/dev/sdh")
refused("InvalidAttachment.NotFound", ec2.detach_volume, VolumeId=disk, InstanceId=second)
detaching = ec2.detach_volume(VolumeId=disk, InstanceId=first, Device="/dev/sdg")
assert detaching["State"] == "detaching", detaching
ec2.get_waiter("volume_available").wait(VolumeIds=[disk], WaiterConfig={"Delay": 1})
refused("IncorrectState", ec2.detach_volume, VolumeId=disk)
ec2.delete_volume(VolumeId=disk)
ec2.get_waiter("volume_deleted").wait(VolumeIds=[disk], WaiterConfig={"Delay": 1})

# Interfaces by themselves.
made = ec2.create_network_interface(
    SubnetId=subnets[0]["SubnetId"], Description="second", Groups=[group], ClientToken="eni-token",
    TagSpecifications=[{"ResourceType": "network-interface", "Tags": [{"Key": "Name", "Value": "back"}]}],
)["NetworkInterface"]
assert made["Status"] in ("pending", "available") and made["TagSet"] == [{"Key": "Name", "Value": "back"}], made
assert made["PrivateIpAddress"] == made["PrivateIpAddresses"][0]["PrivateIpAddress"]
eni = made["NetworkInterfaceId"]
ec2.get_waiter("network_interface_available").wait(NetworkInterfaceIds=[eni], WaiterConfig={"Delay": 1})
link = ec2.attach_network_interface(NetworkInterfaceId=eni, InstanceId=first, DeviceIndex=1)["AttachmentId"]


def eni_status():
    return ec2.describe_network_interfaces(NetworkInterfaceIds=[eni])["NetworkInterfaces"][0]["Status"]


eventually("the interface is in use", lambda: eni_status() == "in-use")
assert [e["Attachment"]["DeviceIndex"] for e in instance(first)["NetworkInterfaces"]] == [0, 1]
attribute = lambda name: ec2.describe_network_interface_attribute(NetworkInterfaceId=eni, Attribute=name)
change = lambda **what: ec2.modify_network_interface_attribute(NetworkInterfaceId=eni, **what)
change(Description={"Value": "third"})
assert attribute("description")["Description"]["Value"] == "third"
change(SourceDestCheck={"Value": False})
assert attribute("sourceDestCheck")["SourceDestCheck"]["Value"] is False
default = ec2.describe_security_groups(Filters=[{"Name": "group-name", "Values": ["default"]}])["SecurityGroups"][0]
change(Groups=[default["GroupId"], group])
assert [g["GroupId"] for g in attribute("groupSet")["Groups"]] == [default["GroupId"], group]
change(Attachment={"AttachmentId": link, "DeleteOnTermination": True})
assert attribute("attachment")["Attachment"]["DeleteOnTermination"] is True
change(Attachment={"AttachmentId": link, "DeleteOnTermination": False})
attribute("associatePublicIpAddress")
refused("InvalidParameterCombination", change, Description={"Value": "x"}, SourceDestCheck={"Value": True})
refused("InvalidParameterValue", ec2.delete_network_interface, NetworkInterfaceId=eni, contains="currently in use")
primary = instance(first)["NetworkInterfaces"][0]["Attachment"]["AttachmentId"]
refused("OperationNotPermitted", ec2.detach_network_interface, AttachmentId=primary)

# Flow logs: of several resources at once, each for itself.
local = lambda **more: ec2.create_flow_logs(**{
    "ResourceIds": [vpc["VpcId"]], "ResourceType": "VPC", "TrafficType": "ALL", **more})
made = local(
    ClientToken="flow-token", MaxAggregationInterval=60, LogGroupName="local/all",
    DeliverLogsPermissionArn="arn:aws:iam::123456789012:role/flow", LogFormat="${srcaddr} ${dstaddr} ${action}",
    TagSpecifications=[{"ResourceType": "vpc-flow-log", "Tags": [{"Key": "Name", "Value": "all"}]}])
assert made["ClientToken"] == "flow-token" and made["Unsuccessful"] == [] and len(made["FlowLogIds"]) == 1, made
log = made["FlowLogIds"][0]
flow_log = ec2.describe_flow_logs(FlowLogIds=[log])["FlowLogs"][0]
assert flow_log["FlowLogStatus"] == "ACTIVE" and flow_log["DeliverLogsStatus"] == "SUCCESS", flow_log
assert flow_log["ResourceId"] == vpc["VpcId"] and flow_log["TrafficType"] == "ALL" and flow_log["LogGroupName"] == "local/all"
assert flow_log["LogFormat"] == "${srcaddr} ${dstaddr} ${action}" and flow_log["MaxAggregationInterval"] == 60, flow_log
assert flow_log["Tags"] == [{"Key": "Name", "Value": "all"}] and "DeliverLogsErrorMessage" not in flow_log
both = ec2.create_flow_logs(
    ResourceIds=[subnets[0]["SubnetId"], "subnet-00000000000000000"], ResourceType="Subnet", TrafficType="REJECT")
assert len(both["FlowLogIds"]) == 1 and both["Unsuccessful"][0]["ResourceId"] == "subnet-00000000000000000", both
assert both["Unsuccessful"][0]["Error"]["Code"] == "InvalidSubnetID.NotFound", both
again = ec2.create_flow_logs(ResourceIds=[subnets[0]["SubnetId"]], ResourceType="Subnet", TrafficType="REJECT")
assert again["FlowLogIds"] == [] and again["Unsuccessful"][0]["Error"]["Code"] == "FlowLogAlreadyExists", again
of_eni = ec2.create_flow_logs(ResourceIds=[eni], ResourceType="NetworkInterface", TrafficType="ACCEPT")["FlowLogIds"][0]
usual = ec2.describe_flow_logs(FlowLogIds=[of_eni])["FlowLogs"][0]
assert usual["LogFormat"].startswith("${version} ${account-id} ${interface-id} ${srcaddr}"), usual
assert usual["MaxAggregationInterval"] == 600 and usual["LogDestinationType"] == "cloud-watch-logs", usual
pages = list(ec2.get_paginator("describe_flow_logs").paginate(PaginationConfig={"PageSize": 5}))
assert sum(len(page["FlowLogs"]) for page in pages) == 3
rejects = ec2.describe_flow_logs(Filter=[{"Name": "traffic-type", "Values": ["REJECT"]}])["FlowLogs"]
assert [r["FlowLogId"] for r in rejects] == both["FlowLogIds"]
ec2.create_tags(Resources=[log], Tags=[{"Key": "k", "Value": "v"}])
tagged = ec2.describe_tags(Filters=[{"Name": "resource-type", "Values": ["vpc-flow-log"]}])["Tags"]
assert {tag["Key"] for tag in tagged} == {"Name", "k"} and tagged[0]["ResourceId"] == log, tagged
refused("InvalidParameter", local, LogFormat="${srcaddr} ${colour}", contains="colour")
refused("InvalidParameter", local, LogFormat="srcaddr", contains="invalid format")
refused("InvalidParameter", local, MaxAggregationInterval=61, contains="61")
for elsewhere in [{"LogDestinationType": "s3", "LogDestination": "arn:aws:s3:::bucket"}, {"LogGroupName": "other"},
                  {"LogDestination": "arn:aws:logs:us-east-1:123456789012:log-group:x"}]:
    refused("InvalidParameterValue", local, contains="local", **elsewhere)
refused("MissingParameter", ec2.create_flow_logs, ResourceIds=[eni], ResourceType="NetworkInterface", contains="TrafficType")
refused("IdempotentParameterMismatch", local, ClientToken="flow-token", MaxAggregationInterval=600)
deleted = ec2.delete_flow_logs(FlowLogIds=[log, "fl-00000000000000000"])["Unsuccessful"]
assert [(d["ResourceId"], d["Error"]["Code"]) for d in deleted] == [
    ("fl-00000000000000000", "InvalidFlowLogId.NotFound")], deleted
refused("InvalidFlowLogId.NotFound", ec2.describe_flow_logs, FlowLogIds=[log])

ec2.detach_network_interface(AttachmentId=link)
ec2.get_waiter("network_interface_available").wait(NetworkInterfaceIds=[eni], WaiterConfig={"Delay": 1})
ec2.delete_network_interface(NetworkInterfaceId=eni)
refused("InvalidNetworkInterfaceID.NotFound", ec2.describe_network_interfaces, NetworkInterfaceIds=[eni])
assert [f["FlowLogId"] for f in ec2.describe_flow_logs()["FlowLogs"]] == both["FlowLogIds"], "a log goes with its interface"
ec2.delete_flow_logs(FlowLogIds=both["FlowLogIds"])

# Attributes.
data = ec2.describe_instance_attribute(InstanceId=first, Attribute="userData")["UserData"]["Value"]
assert base64.b64decode(data).decode() == USER_DATA
for attribute in ["instanceType", "kernel", "ramdisk", "disableApiTermination", "disableApiStop", "rootDeviceName",
                  "instanceInitiatedShutdownBehavior", "blockDeviceMapping", "productCodes", "sourceDestCheck",
                  "groupSet", "ebsOptimized", "sriovNetSupport", "enaSupport", "enclaveOptions"]:
    ec2.describe_instance_attribute(InstanceId=first, Attribute=attribute)
ec2.modify_instance_attribute(InstanceId=first, DisableApiTermination={"Value": True})
refused("OperationNotPermitted", ec2.terminate_instances, InstanceIds=[first])
ec2.modify_instance_attribute(InstanceId=first, Attribute="disableApiTermination", Value="false")
ec2.modify_instance_attribute(InstanceId=first, InstanceInitiatedShutdownBehavior={"Value": "terminate"})
behaviour = ec2.describe_instance_attribute(InstanceId=first, Attribute="instanceInitiatedShutdownBehavior")
assert behaviour["InstanceInitiatedShutdownBehavior"]["Value"] == "terminate"
ec2.modify_instance_attribute(InstanceId=first, SourceDestCheck={"Value": False})
assert instance(first)["SourceDestCheck"] is False
options = ec2.modify_instance_metadata_options(InstanceId=first, HttpEndpoint="disabled")["InstanceMetadataOptions"]
assert options["HttpEndpoint"] == "disabled" and options["HttpTokens"] == "required", options
refused("IncorrectInstanceState", ec2.modify_instance_attribute, InstanceId=first, InstanceType={"Value": "t3.small"})

# Life.
ec2.reboot_instances(InstanceIds=[second])
changes = ec2.stop_instances(InstanceIds=[first])["StoppingInstances"]
assert changes[0]["PreviousState"]["Name"] == "running" and changes[0]["CurrentState"]["Name"] == "stopping", changes
state(first, "stopped")
stopped = instance(first)
assert "PublicIpAddress" not in stopped and stopped["PrivateIpAddress"] == shown["PrivateIpAddress"]
assert stopped["StateReason"]["Code"] == "Client.UserInitiatedShutdown" and "User initiated" in stopped["StateTransitionReason"]
assert ec2.describe_instance_status(InstanceIds=[first])["InstanceStatuses"] == []
all_of_it = ec2.describe_instance_status(InstanceIds=[first], IncludeAllInstances=True)["InstanceStatuses"]
assert all_of_it[0]["InstanceStatus"]["Status"] == "not-applicable"
ec2.modify_instance_attribute(InstanceId=first, InstanceType={"Value": "t3.small"})
ec2.modify_instance_attribute(InstanceId=first, UserData={"Value": b"other"})
assert ec2.start_instances(InstanceIds=[first])["StartingInstances"][0]["CurrentState"]["Name"] == "pending"
state(first, "running")
assert instance(first)["InstanceType"] == "t3.small"

# Hibernation.
made = ec2.run_instances(ImageId=IMAGE, MinCount=1, MaxCount=1, HibernationOptions={"Configured": True})["Instances"][0]
third = made["InstanceId"]
assert made["HibernationOptions"]["Configured"] is True and instance(first)["HibernationOptions"]["Configured"] is False
wanted = [{"Name": "hibernation-options.configured", "Values": ["true"]}]
found = [i["InstanceId"] for r in ec2.describe_instances(Filters=wanted)["Reservations"] for i in r["Instances"]]
assert found == [third], found
types = ec2.describe_instance_types(Filters=[{"Name": "hibernation-supported", "Values": ["true"]}])["InstanceTypes"]
assert types and all(each["HibernationSupported"] for each in types)
state(third, "running")
changes = ec2.stop_instances(InstanceIds=[third], Hibernate=True)["StoppingInstances"]
assert changes[0]["CurrentState"]["Name"] == "stopping", changes
state(third, "stopped")
stopped = instance(third)
assert stopped["StateReason"] == {"Code": "Client.UserInitiatedHibernate",
                                  "Message": "Client.UserInitiatedHibernate: User initiated hibernate"}, stopped
assert "User initiated" in stopped["StateTransitionReason"]
refused("IncorrectState", ec2.modify_instance_attribute, InstanceId=third, InstanceType={"Value": "t3.large"})
ec2.start_instances(InstanceIds=[third])
state(third, "running")
ec2.terminate_instances(InstanceIds=[third])
state(third, "terminated")

# Tags.
ec2.create_tags(Resources=[first, group, vpc["VpcId"]], Tags=[{"Key": "team", "Value": "a"}, {"Key": "empty", "Value": ""}])
tags = ec2.describe_tags(Filters=[{"Name": "key", "Values": ["team"]}])["Tags"]
assert {tag["ResourceType"] for tag in tags} == {"instance", "security-group", "vpc"}, tags
ec2.delete_tags(Resources=[first], Tags=[{"Key": "team", "Value": "b"}])
assert len(ec2.describe_tags(Filters=[{"Name": "key", "Values": ["team"]}])["Tags"]) == 3, "another value stays"
ec2.delete_tags(Resources=[first, group, vpc["VpcId"]], Tags=[{"Key": "team"}, {"Key": "empty"}])
assert ec2.describe_tags(Filters=[{"Name": "key", "Values": ["team", "empty"]}])["Tags"] == []

# The end.
refused("DependencyViolation", ec2.delete_security_group, GroupId=group)
changes = ec2.terminate_instances(InstanceIds=[first, second])["TerminatingInstances"]
assert len(changes) == 2
for each in (first, second):
    state(each, "terminated")
gone = instance(first)
assert gone["NetworkInterfaces"] == [] and gone["BlockDeviceMappings"] == [] and "VpcId" not in gone
ec2.delete_security_group(GroupId=group)
assert ec2.describe_volumes()["Volumes"] == [] and ec2.describe_network_interfaces()["NetworkInterfaces"] == []

# Pages of instances, with launches in between.
for _ in range(7):
    ec2.run_instances(ImageId=IMAGE, InstanceType="t3.nano", MinCount=1, MaxCount=1)
everyone = {i["InstanceId"] for r in ec2.describe_instances()["Reservations"] for i in r["Instances"]}
paged = []
for page in ec2.get_paginator("describe_instances").paginate(PaginationConfig={"PageSize": 5}):
    paged += [i["InstanceId"] for r in page["Reservations"] for i in r["Instances"]]
assert len(paged) == len(set(paged)) and set(paged) == everyone and len(everyone) == 10

# VPCs and what is in them.
topology.every_action(ec2, IMAGE)

print(f"{len(cloud.called)} actions answered as botocore's model says")
assert len(cloud.called) == 107, sorted(cloud.called)
cloud.finish()
