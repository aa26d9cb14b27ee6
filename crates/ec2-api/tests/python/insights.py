"""Network insights: paths and their analyses."""


def codes(analysis):
    return [explanation["ExplanationCode"] for explanation in analysis["Explanations"]]


def every_action(ec2, refused, first, second, group, vpc):
    gateways = ec2.describe_internet_gateways(Filters=[{"Name": "attachment.vpc-id", "Values": [vpc]}])
    gateway = gateways["InternetGateways"][0]["InternetGatewayId"]
    refused("InvalidInstanceID.NotFound", ec2.create_network_insights_path,
            Source="i-00000000000000000", Destination=first, Protocol="tcp")
    refused("InvalidParameterCombination", ec2.create_network_insights_path, Source=gateway, Destination=first,
            Protocol="tcp", DestinationPort=80, FilterAtSource={"DestinationAddress": "10.0.0.1"})
    path = ec2.create_network_insights_path(
        Source=gateway, Destination=first, Protocol="tcp", DestinationPort=8443, ClientToken="path",
        TagSpecifications=[{"ResourceType": "network-insights-path", "Tags": [{"Key": "Name", "Value": "in"}]}],
    )["NetworkInsightsPath"]
    path_id = path["NetworkInsightsPathId"]
    assert path["Protocol"] == "tcp" and path["DestinationPort"] == 8443 and path["Tags"], path
    assert path["SourceArn"].endswith(f":internet-gateway/{gateway}"), path
    listed = ec2.describe_network_insights_paths(Filters=[{"Name": "source", "Values": [gateway]}])
    assert [found["NetworkInsightsPathId"] for found in listed["NetworkInsightsPaths"]] == [path_id]

    # Before the fix.
    analyse = lambda **more: ec2.start_network_insights_analysis(
        NetworkInsightsPathId=path_id, **more)["NetworkInsightsAnalysis"]
    blocked = analyse(ClientToken="analysis")
    assert blocked["Status"] == "succeeded" and blocked["NetworkPathFound"] is False, blocked
    assert codes(blocked) == ["ENI_SG_RULES_MISMATCH"], blocked
    explanation = blocked["Explanations"][0]
    assert explanation["Direction"] == "ingress" and explanation["SecurityGroups"][0]["Id"] == group, explanation
    assert analyse(ClientToken="analysis")["NetworkInsightsAnalysisId"] == blocked["NetworkInsightsAnalysisId"]

    # And after it.
    ec2.authorize_security_group_ingress(GroupId=group, IpProtocol="tcp", FromPort=8443, ToPort=8443, CidrIp="0.0.0.0/0")
    through = analyse()
    assert through["NetworkPathFound"] and codes(through) == [], through
    hops = [hop["Component"]["Id"] for hop in through["ForwardPathComponents"]]
    assert gateway in hops and group in hops and hops[-1] == first, hops
    rule = [hop["SecurityGroupRule"] for hop in through["ForwardPathComponents"] if "SecurityGroupRule" in hop][0]
    assert rule["PortRange"] == {"From": 8443, "To": 8443} and rule["Cidr"] == "0.0.0.0/0", rule
    back = through["ReturnPathComponents"]
    routes = [hop["RouteTableRoute"] for hop in back if "RouteTableRoute" in hop]
    assert routes[0]["GatewayId"] == gateway and routes[0]["State"] == "active", routes
    arn = f"arn:aws:ec2:us-east-1:000000000000:instance/{second}"
    assert codes(analyse(FilterInArns=[arn])) == ["COMPONENT_FILTER_RESTRICTION"]

    found = ec2.describe_network_insights_analyses(
        NetworkInsightsPathId=path_id, Filters=[{"Name": "path-found", "Values": ["true"]}])["NetworkInsightsAnalyses"]
    assert [one["NetworkInsightsAnalysisId"] for one in found] == [through["NetworkInsightsAnalysisId"]]
    refused("DependencyViolation", ec2.delete_network_insights_path, NetworkInsightsPathId=path_id)
    for analysis in ec2.describe_network_insights_analyses()["NetworkInsightsAnalyses"]:
        gone = ec2.delete_network_insights_analysis(NetworkInsightsAnalysisId=analysis["NetworkInsightsAnalysisId"])
        assert gone["NetworkInsightsAnalysisId"] == analysis["NetworkInsightsAnalysisId"]
    ec2.delete_network_insights_path(NetworkInsightsPathId=path_id)
    refused("InvalidNetworkInsightsPathId.NotFound", ec2.delete_network_insights_path, NetworkInsightsPathId=path_id)
    ec2.revoke_security_group_ingress(GroupId=group, IpProtocol="tcp", FromPort=8443, ToPort=8443, CidrIp="0.0.0.0/0")
