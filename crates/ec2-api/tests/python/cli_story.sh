#!/bin/bash
# The unmodified aws CLI from a key pair to a terminated instance, in the commands that the documentation shows.
set -euo pipefail
image=$1
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
aws() { command aws "$@"; }

account=$(aws sts get-caller-identity --query Account --output text)
[[ $account =~ ^[0-9]{12}$ ]]

aws ec2 create-key-pair --key-name demo --key-type ed25519 --query KeyMaterial --output text > "$work/demo.pem"
grep -q 'BEGIN OPENSSH PRIVATE KEY' "$work/demo.pem"
chmod 600 "$work/demo.pem"
ssh-keygen -y -f "$work/demo.pem" > "$work/demo.pub"
aws ec2 import-key-pair --key-name imported --public-key-material "fileb://$work/demo.pub" --output text > /dev/null
prints=$(aws ec2 describe-key-pairs --query 'KeyPairs[].KeyFingerprint' --output text | tr '\t' '\n' | sort -u | wc -l)
[[ $prints == 1 ]]

group=$(aws ec2 create-security-group --group-name web --description 'ssh and http' --query GroupId --output text)
aws ec2 authorize-security-group-ingress --group-id "$group" --protocol tcp --port 22 --cidr 0.0.0.0/0 > /dev/null
aws ec2 authorize-security-group-ingress --group-name web \
    --ip-permissions 'IpProtocol=tcp,FromPort=80,ToPort=80,IpRanges=[{CidrIp=0.0.0.0/0,Description=http}]' > /dev/null
ports=$(aws ec2 describe-security-groups --group-ids "$group" \
    --query 'SecurityGroups[0].IpPermissions[].FromPort' --output text)
[[ $ports == $'22\t80' ]]

printf '#!/bin/sh\necho hello\n' > "$work/user-data"
subnet=$(aws ec2 describe-subnets --filters Name=default-for-az,Values=true Name=availability-zone,Values=us-east-1b \
    --query 'Subnets[0].SubnetId' --output text)
instance=$(aws ec2 run-instances --image-id "$image" --instance-type t3.micro --key-name demo \
    --security-group-ids "$group" --subnet-id "$subnet" --associate-public-ip-address \
    --user-data "file://$work/user-data" \
    --block-device-mappings 'DeviceName=/dev/sdf,Ebs={VolumeSize=2,DeleteOnTermination=true}' \
    --tag-specifications 'ResourceType=instance,Tags=[{Key=Name,Value=web-1}]' \
    --query 'Instances[0].InstanceId' --output text)
aws ec2 wait instance-running --instance-ids "$instance"
listed=$(aws ec2 describe-instances \
    --filters Name=instance-state-name,Values=running Name=tag:Name,Values='web*' \
    --query 'Reservations[].Instances[].[InstanceId,PublicIpAddress]' --output text)
[[ $listed =~ ^$instance$'\t'[0-9.]+$ ]]
echo "$listed"
aws ec2 describe-instances --output table | grep -q "$instance"
data=$(aws ec2 describe-instance-attribute --instance-id "$instance" --attribute userData --query UserData.Value --output text)
[[ $(base64 -d <<< "$data") == "$(cat "$work/user-data")" ]]
aws ec2 get-console-output --instance-id "$instance" --latest > /dev/null

aws ec2 stop-instances --instance-ids "$instance" --query 'StoppingInstances[0].CurrentState.Name' --output text
aws ec2 wait instance-stopped --instance-ids "$instance"
aws ec2 modify-instance-attribute --instance-id "$instance" --instance-type Value=t3.small
aws ec2 start-instances --instance-ids "$instance" > /dev/null
aws ec2 wait instance-running --instance-ids "$instance"
kind=$(aws ec2 describe-instances --instance-ids "$instance" --query 'Reservations[0].Instances[0].InstanceType' --output text)
[[ $kind == t3.small ]]
aws ec2 create-tags --resources "$instance" --tags Key=stage,Value=test
[[ $(aws ec2 describe-tags --filters Name=key,Values=stage --query 'Tags[0].ResourceId' --output text) == "$instance" ]]
aws ec2 delete-tags --resources "$instance" --tags Key=stage

message=$(aws ec2 run-instances --image-id "$image" --dry-run 2>&1 || true)
[[ $message == *DryRunOperation* ]]
message=$(aws ec2 describe-instances --instance-ids i-0123456789abcdef0 2>&1 || true)
[[ $message == *'(InvalidInstanceID.NotFound)'*"The instance ID 'i-0123456789abcdef0' does not exist"* ]]

aws ec2 terminate-instances --instance-ids "$instance" > /dev/null
aws ec2 wait instance-terminated --instance-ids "$instance"
aws ec2 revoke-security-group-ingress --group-id "$group" --protocol tcp --port 22 --cidr 0.0.0.0/0 > /dev/null
aws ec2 delete-security-group --group-id "$group" > /dev/null
aws ec2 delete-key-pair --key-name demo > /dev/null
echo 'the CLI did its day'
