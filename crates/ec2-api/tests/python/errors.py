"""What is refused, by the codes that waiters and tools match on."""

import os

import boto3
import botocore.config

from common import IMAGE, Cloud, refused

cloud = Cloud()
ec2 = cloud.ec2
NONE = "0123456789abcdef0"
OTHER = "0123456789abcdef1"

refused("InvalidInstanceID.NotFound", ec2.describe_instances, InstanceIds=[f"i-{NONE}"],
        contains=f"The instance ID 'i-{NONE}' does not exist")
refused("InvalidInstanceID.NotFound", ec2.describe_instances, InstanceIds=[f"i-{NONE}", f"i-{OTHER}"],
        contains=f"The instance IDs 'i-{NONE}, i-{OTHER}' do not exist")
refused("InvalidInstanceID.Malformed", ec2.describe_instances, InstanceIds=["web-1"], contains='"web-1"')
for action in (ec2.start_instances, ec2.stop_instances, ec2.reboot_instances, ec2.terminate_instances):
    refused("InvalidInstanceID.NotFound", action, InstanceIds=[f"i-{NONE}"])
    refused("InvalidInstanceID.NotFound", action, InstanceIds=[f"i-{NONE}"], DryRun=True)
refused("InvalidAMIID.NotFound", ec2.describe_images, ImageIds=[f"ami-{NONE}"])
refused("InvalidAMIID.Malformed", ec2.describe_images, ImageIds=["debian"])
refused("InvalidAMIID.NotFound", ec2.deregister_image, ImageId=f"ami-{NONE}")
refused("InvalidGroup.NotFound", ec2.describe_security_groups, GroupIds=[f"sg-{NONE}"])
refused("InvalidGroup.NotFound", ec2.delete_security_group, GroupId=f"sg-{NONE}")
refused("InvalidVpcID.NotFound", ec2.describe_vpcs, VpcIds=[f"vpc-{NONE}"])
refused("InvalidSubnetID.NotFound", ec2.describe_subnets, SubnetIds=[f"subnet-{NONE}"])
refused("InvalidVolume.NotFound", ec2.describe_volumes, VolumeIds=[f"vol-{NONE}"])
refused("InvalidNetworkInterfaceID.NotFound", ec2.describe_network_interfaces, NetworkInterfaceIds=[f"eni-{NONE}"])
refused("InvalidKeyPair.NotFound", ec2.describe_key_pairs, KeyNames=["none"], contains="'none'")
refused("InvalidSecurityGroupRuleId.NotFound", ec2.describe_security_group_rules, SecurityGroupRuleIds=[f"sgr-{NONE}"])
refused("InvalidInstanceType", ec2.describe_instance_types, InstanceTypes=["z9.huge"])
refused("InvalidParameterCombination", ec2.describe_instances, InstanceIds=[f"i-{NONE}"], MaxResults=10)
refused("InvalidParameterValue", ec2.describe_instances, MaxResults=4, contains="greater than or equal to 5")
refused("InvalidParameterValue", ec2.describe_instances, MaxResults=2000, contains="less than or equal to 1000")
refused("InvalidPaginationToken", ec2.describe_instances, NextToken="nonsense")

# Groups and keys.
group = ec2.create_security_group(GroupName="web", Description="a web server")["GroupId"]
refused("InvalidGroup.Duplicate", ec2.create_security_group, GroupName="web", Description="again")
rule = dict(GroupId=group, IpPermissions=[{"IpProtocol": "tcp", "FromPort": 22, "ToPort": 22,
                                          "IpRanges": [{"CidrIp": "0.0.0.0/0"}]}])
refused("DryRunOperation", ec2.authorize_security_group_ingress, **rule, DryRun=True)
unknown = ec2.revoke_security_group_ingress(**rule)
assert [p["FromPort"] for p in unknown["UnknownIpPermissions"]] == [22], "in the default VPC it is no error"
ec2.authorize_security_group_ingress(**rule)
refused("InvalidPermission.Duplicate", ec2.authorize_security_group_ingress, **rule)
sixth = [{"IpProtocol": "-1", "Ipv6Ranges": [{"CidrIpv6": "::/0"}]}]
refused("MissingParameter", ec2.revoke_security_group_egress, GroupId=group)
refused("InvalidSecurityGroupRuleId.NotFound", ec2.revoke_security_group_egress, GroupId=group,
        SecurityGroupRuleIds=[f"sgr-{NONE}"])
refused("InvalidParameterValue", ec2.authorize_security_group_ingress, GroupId=group, IpProtocol="tcp", FromPort=1,
        ToPort=2, CidrIp="10.0.0.0/33", contains="10.0.0.0/33")
ec2.create_key_pair(KeyName="mine", KeyType="ed25519")
refused("InvalidKeyPair.Duplicate", ec2.create_key_pair, KeyName="mine")

# Launches.
one = dict(ImageId=IMAGE, MinCount=1, MaxCount=1)
refused("DryRunOperation", ec2.run_instances, **one, DryRun=True)
assert ec2.describe_instances()["Reservations"] == [], "a dry run launches nothing"
refused("InvalidAMIID.NotFound", ec2.run_instances, **{**one, "ImageId": f"ami-{NONE}"})
refused("InvalidKeyPair.NotFound", ec2.run_instances, **one, KeyName="none")
refused("InvalidParameterValue", ec2.run_instances, ImageId=IMAGE, MinCount=2, MaxCount=1, contains="MaxCount")
refused("InvalidParameterCombination", ec2.run_instances, **one, SubnetId=f"subnet-{NONE}",
        NetworkInterfaces=[{"DeviceIndex": 0, "SubnetId": f"subnet-{NONE}"}])
refused("InvalidSubnetID.NotFound", ec2.run_instances, **one, SubnetId=f"subnet-{NONE}")
for name, value in {
    "IamInstanceProfile": {"Name": "role"},
    "LaunchTemplate": {"LaunchTemplateName": "t"},
    "InstanceMarketOptions": {"MarketType": "spot"},
    "CpuOptions": {"CoreCount": 1, "ThreadsPerCore": 1},
    "Ipv6AddressCount": 1,
    "Placement": {"Tenancy": "dedicated"},
}.items():
    refused("UnsupportedOperation", ec2.run_instances, **one, **{name: value}, contains=name)
made = ec2.run_instances(**one, ClientToken="once")
refused("IdempotentParameterMismatch", ec2.run_instances, **{**one, "MaxCount": 2}, ClientToken="once")
instance = made["Instances"][0]["InstanceId"]
refused("UnsupportedHibernationConfiguration", ec2.stop_instances, InstanceIds=[instance], Hibernate=True, contains=instance)
refused("InvalidParameterCombination", ec2.stop_instances, InstanceIds=[instance], Hibernate=True, Force=True)
refused("InvalidParameterCombination", ec2.modify_instance_attribute, InstanceId=instance,
        DisableApiStop={"Value": True}, SourceDestCheck={"Value": True})
refused("InvalidParameterCombination", ec2.modify_instance_attribute, InstanceId=instance)

# Volumes and interfaces.
place = dict(AvailabilityZone="us-east-1a", Size=1)
refused("DryRunOperation", ec2.create_volume, **place, DryRun=True)
refused("MissingParameter", ec2.create_volume, AvailabilityZone="us-east-1a")
refused("MissingParameter", ec2.create_volume, Size=1, contains="AvailabilityZone")
refused("InvalidZone.NotFound", ec2.create_volume, **{**place, "AvailabilityZone": "eu-west-1a"})
refused("UnsupportedOperation", ec2.create_volume, **place, Encrypted=True, contains="Encrypted")
refused("UnsupportedOperation", ec2.create_volume, **place, MultiAttachEnabled=True, contains="MultiAttach")
mapping = [{"DeviceName": "/dev/sdf", "Ebs": {"SnapshotId": f"snap-{NONE}"}}]
refused("InvalidSnapshot.NotFound", ec2.run_instances, **one, BlockDeviceMappings=mapping)
refused("InvalidSnapshot.NotFound", ec2.delete_snapshot, SnapshotId=f"snap-{NONE}")
refused("InvalidVolume.NotFound", ec2.create_snapshot, VolumeId=f"vol-{NONE}")
refused("InvalidSnapshot.NotFound", ec2.create_volume, **place, SnapshotId=f"snap-{NONE}")
refused("InvalidParameterValue", ec2.create_volume, **place, VolumeType="gp9", contains="gp3")
refused("InvalidParameterCombination", ec2.create_volume, **place, VolumeType="gp2", Iops=3000)
refused("InvalidParameterValue", ec2.create_volume, **{**place, "Size": 20000}, contains="16384GiB")
refused("InvalidParameterValue", ec2.create_volume, **place, VolumeType="st1", contains="125GiB")
refused("InvalidVolume.NotFound", ec2.attach_volume, VolumeId=f"vol-{NONE}", InstanceId=instance, Device="/dev/sdf")
refused("InvalidVolume.NotFound", ec2.detach_volume, VolumeId=f"vol-{NONE}")
refused("InvalidVolume.NotFound", ec2.delete_volume, VolumeId=f"vol-{NONE}")
refused("InvalidVolume.NotFound", ec2.modify_volume, VolumeId=f"vol-{NONE}", Size=2)
refused("InvalidVolumeModification.NotFound", ec2.describe_volumes_modifications, VolumeIds=[f"vol-{NONE}"])
volume = ec2.create_volume(**place, ClientToken="disk")["VolumeId"]
assert ec2.create_volume(**place, ClientToken="disk")["VolumeId"] == volume
refused("IdempotentParameterMismatch", ec2.create_volume, **{**place, "Size": 2}, ClientToken="disk")
ec2.get_waiter("volume_available").wait(VolumeIds=[volume], WaiterConfig={"Delay": 1})
refused("InvalidInstanceID.NotFound", ec2.attach_volume, VolumeId=volume, InstanceId=f"i-{NONE}", Device="/dev/sdf")
ec2.get_waiter("instance_running").wait(InstanceIds=[instance], WaiterConfig={"Delay": 1})
refused("InvalidParameterValue", ec2.attach_volume, VolumeId=volume, InstanceId=instance, Device="/dev/vda")
root = ec2.describe_instances(InstanceIds=[instance])["Reservations"][0]["Instances"][0]
taken = root["RootDeviceName"]
refused("InvalidParameterValue", ec2.attach_volume, VolumeId=volume, InstanceId=instance, Device=taken,
        contains="already in use")
held = [d["Ebs"]["VolumeId"] for d in root["BlockDeviceMappings"]][0]
refused("OperationNotPermitted", ec2.detach_volume, VolumeId=held)
refused("IncorrectState", ec2.detach_volume, VolumeId=volume, contains="'available'")
refused("InvalidParameterValue", ec2.modify_volume, VolumeId=held, Size=1, VolumeType="io2", Iops=100)
abroad = ec2.create_volume(**{**place, "AvailabilityZone": "us-east-1b"})["VolumeId"]
ec2.get_waiter("volume_available").wait(VolumeIds=[abroad], WaiterConfig={"Delay": 1})
refused("InvalidVolume.ZoneMismatch", ec2.attach_volume, VolumeId=abroad, InstanceId=instance, Device="/dev/sdf")
refused("InvalidSubnetID.NotFound", ec2.create_network_interface, SubnetId=f"subnet-{NONE}")
subnet = root["SubnetId"]
refused("InvalidGroup.NotFound", ec2.create_network_interface, SubnetId=subnet, Groups=[f"sg-{NONE}"])
refused("UnsupportedOperation", ec2.create_network_interface, SubnetId=subnet, SecondaryPrivateIpAddressCount=1)
refused("InvalidNetworkInterfaceID.NotFound", ec2.delete_network_interface, NetworkInterfaceId=f"eni-{NONE}")
refused("InvalidAttachmentID.NotFound", ec2.detach_network_interface, AttachmentId=f"eni-attach-{NONE}")
eni = ec2.create_network_interface(SubnetId=subnet)["NetworkInterface"]["NetworkInterfaceId"]
ip = root["PrivateIpAddress"]
refused("InvalidIPAddress.InUse", ec2.create_network_interface, SubnetId=subnet, PrivateIpAddress=ip)
refused("InvalidParameterValue", ec2.attach_network_interface, NetworkInterfaceId=eni, InstanceId=instance,
        DeviceIndex=0)
refused("InvalidNetworkInterface.InUse", ec2.attach_network_interface, InstanceId=instance, DeviceIndex=1,
        NetworkInterfaceId=root["NetworkInterfaces"][0]["NetworkInterfaceId"])

# Actions that are not there.
refused("UnsupportedOperation", ec2.describe_transit_gateways, contains="DescribeTransitGateways")
ghost = {"Action": "DescribeGhosts"}
ec2.meta.events.register("before-call.ec2.DescribeRegions", lambda params, **_: params["body"].update(ghost))
refused("InvalidAction", ec2.describe_regions, contains="DescribeGhosts")
refused("UnsupportedOperation", cloud.sts.get_session_token, contains="GetSessionToken")

# Elsewhere, and others.
abroad = boto3.client("ec2", region_name="eu-west-1")
refused("AuthFailure", abroad.describe_regions, contains="this cloud's region is 'us-east-1', not 'eu-west-1'")
stranger = boto3.client("ec2", aws_secret_access_key="wrong", aws_access_key_id="AKIAIOSFODNN7EXAMPLE")
refused("AuthFailure", stranger.describe_regions, contains="not able to validate")
stranger = boto3.client("sts", aws_secret_access_key="wrong", aws_access_key_id="AKIAIOSFODNN7EXAMPLE")
refused("InvalidClientTokenId", stranger.get_caller_identity)
ours = dict(aws_access_key_id=os.environ["AWS_ACCESS_KEY_ID"], aws_secret_access_key=os.environ["AWS_SECRET_ACCESS_KEY"])
temporary = boto3.client("ec2", aws_session_token="temporary", **ours)
refused("AuthFailure", temporary.describe_regions, contains="temporary credentials")
unsigned = boto3.client("ec2", config=botocore.config.Config(signature_version=botocore.UNSIGNED))
refused("MissingAuthenticationToken", unsigned.describe_regions)
refused("AuthFailure", boto3.client("iam").list_users, contains="'iam'")
print("every refusal has its code")
cloud.finish()
