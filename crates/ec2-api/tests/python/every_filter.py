"""Every filter that EC2 documents is known, and no filter that it does not."""

import html
import re

from common import Cloud, refused

cloud = Cloud()
ec2 = cloud.ec2
# Documented as "tag" and the like: `tag:KEY`.
ACTIONS = {
    "DescribeAvailabilityZones": {}, "DescribeImages": {}, "DescribeInstanceStatus": {}, "DescribeInstanceTypes": {},
    "DescribeInstanceTypeOfferings": {}, "DescribeInstances": {}, "DescribeKeyPairs": {}, "DescribeRegions": {},
    "DescribeNetworkInterfaces": {}, "DescribeSecurityGroupRules": {}, "DescribeSecurityGroups": {},
    "DescribeSubnets": {}, "DescribeTags": {}, "DescribeVolumes": {}, "DescribeVpcs": {}, "DescribeAddresses": {},
    "DescribeInstanceCreditSpecifications": {}, "DescribeVolumesModifications": {}, "DescribeVolumeStatus": {}, "DescribeSnapshots": {},
    "DescribeDhcpOptions": {}, "DescribeEgressOnlyInternetGateways": {}, "DescribeInternetGateways": {},
    "DescribeRouteTables": {}, "DescribeNatGateways": {}, "DescribeFlowLogs": {},
    "DescribeNetworkAcls": {}, "DescribeManagedPrefixLists": {},
}
count = 0
for action in ACTIONS:
    model = ec2.meta.service_model.operation_model(action)
    named = next(name for name in ("Filters", "Filter") if name in model.input_shape.members)
    text = model.input_shape.members[named].documentation
    call = getattr(ec2, re.sub(r"(?<!^)(?=[A-Z])", "_", action).lower())
    items = re.findall(r"<li>\s*<p>(.*?)(?=<li>|</ul>)", text, re.S)
    names = [html.unescape(found.group(1)) for item in items if (found := re.match(r"\s*<code>([^<]+)</code>", item))]
    assert names, action
    for name in names:
        # "tag" in the documentation stands for `tag:KEY`, but for DescribeTags, and so does "tag :<key>".
        is_tag = name.startswith("tag") and name not in ("tag-key", "tag-value")
        if is_tag and action == "DescribeTags":
            continue
        call(**{named: [{"Name": "tag:Name" if is_tag else name.strip(), "Values": ["nothing like it"]}]})
        count += 1
    refused("InvalidParameterValue", call, **{named: [{"Name": "colour", "Values": ["red"]}]},
            contains="The filter 'colour' is invalid")
print(f"{count} filters of {len(ACTIONS)} actions are known")
cloud.finish()
