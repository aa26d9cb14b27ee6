"""VPCs, subnets, route tables, gateways and DHCP options: each action, what it answers, and what is refused."""

from ipaddress import ip_network
from itertools import islice

from common import eventually, refused


def tagged(kind, name):
    return [{"ResourceType": kind, "Tags": [{"Key": "Name", "Value": name}]}]


def every_action(ec2, image):
    vpc = vpcs(ec2)
    public, private = subnets(ec2, vpc)
    options(ec2, vpc)
    table = route_tables(ec2, vpc, public, private)
    gateway = internet_gateways(ec2, vpc, table)
    egress_only = egress_only_gateways(ec2, vpc, table)
    nat_gateways(ec2, vpc, public, gateway, table)
    to_interfaces(ec2, image, public, private, table)
    the_end(ec2, vpc, [public, private], table, gateway, egress_only)
    defaults(ec2)


def vpcs(ec2):
    refused("InvalidVpc.Range", ec2.create_vpc, CidrBlock="10.0.0.0/8")
    refused("InvalidVpc.Range", ec2.create_vpc, CidrBlock="10.0.0.0/29", DryRun=True)
    refused("InvalidParameterValue", ec2.create_vpc, CidrBlock="10.0.0/16", contains="not a valid CIDR block")
    refused("DryRunOperation", ec2.create_vpc, CidrBlock="10.0.0.0/16", DryRun=True)
    made = ec2.create_vpc(CidrBlock="10.0.3.0/16", TagSpecifications=tagged("vpc", "exercise"))["Vpc"]
    vpc = made["VpcId"]
    assert made["CidrBlock"] == "10.0.0.0/16", "host bits are taken away"
    assert made["Tags"] == [{"Key": "Name", "Value": "exercise"}] and made["IsDefault"] is False, made
    shown = ec2.describe_vpcs(VpcIds=[vpc])["Vpcs"][0]
    assert shown == made and shown["State"] == "available", shown
    twin = ec2.create_vpc(CidrBlock="10.0.0.0/16", AmazonProvidedIpv6CidrBlock=True)["Vpc"]
    assert twin["Ipv6CidrBlockAssociationSet"][0]["Ipv6CidrBlock"].endswith("/56"), twin
    groups = ec2.describe_security_groups(Filters=[{"Name": "vpc-id", "Values": [twin["VpcId"]]}])["SecurityGroups"]
    assert [g["GroupName"] for g in groups] == ["default"]
    ec2.delete_vpc(VpcId=twin["VpcId"])
    refused("InvalidVpcID.NotFound", ec2.describe_vpcs, VpcIds=[twin["VpcId"]])
    for name, on in [("EnableDnsSupport", True), ("EnableDnsHostnames", False),
                     ("EnableNetworkAddressUsageMetrics", False)]:
        read = lambda: ec2.describe_vpc_attribute(VpcId=vpc, Attribute=name[0].lower() + name[1:])[name]["Value"]
        assert read() is on, name
        ec2.modify_vpc_attribute(VpcId=vpc, **{name: {"Value": not on}})
        assert read() is not on, name
        ec2.modify_vpc_attribute(VpcId=vpc, **{name: {"Value": on}})
    both = {"EnableDnsSupport": {"Value": True}, "EnableDnsHostnames": {"Value": True}}
    refused("InvalidParameterCombination", ec2.modify_vpc_attribute, VpcId=vpc, **both)
    ranges(ec2, vpc)
    return vpc


def ranges(ec2, vpc):
    refused("CidrConflict", ec2.associate_vpc_cidr_block, VpcId=vpc, CidrBlock="10.0.128.0/24")
    refused("InvalidVpc.Range", ec2.associate_vpc_cidr_block, VpcId=vpc, CidrBlock="192.168.0.0/24")
    given = ec2.associate_vpc_cidr_block(VpcId=vpc, CidrBlock="10.9.0.0/24")
    assert given["CidrBlockAssociation"]["CidrBlockState"]["State"] == "associating", given
    six = ec2.associate_vpc_cidr_block(VpcId=vpc, AmazonProvidedIpv6CidrBlock=True)["Ipv6CidrBlockAssociation"]
    shown = ec2.describe_vpcs(Filters=[{"Name": "cidr-block-association.cidr-block", "Values": ["10.9.0.0/24"]}])["Vpcs"]
    assert [s["VpcId"] for s in shown] == [vpc]
    blocks = [(b["CidrBlock"], b["CidrBlockState"]["State"]) for b in shown[0]["CidrBlockAssociationSet"]]
    assert blocks == [("10.0.0.0/16", "associated"), ("10.9.0.0/24", "associated")], blocks
    assert [b["Ipv6CidrBlock"] for b in shown[0]["Ipv6CidrBlockAssociationSet"]] == [six["Ipv6CidrBlock"]]
    table = ec2.describe_route_tables(Filters=[{"Name": "vpc-id", "Values": [vpc]}])["RouteTables"][0]
    local = [r.get("DestinationCidrBlock") or r["DestinationIpv6CidrBlock"] for r in table["Routes"]]
    assert local == ["10.0.0.0/16", "10.9.0.0/24", six["Ipv6CidrBlock"]], local
    assert {r["GatewayId"] for r in table["Routes"]} == {"local"}
    first = shown[0]["CidrBlockAssociationSet"][0]["AssociationId"]
    refused("OperationNotPermitted", ec2.disassociate_vpc_cidr_block, AssociationId=first)
    taken = ec2.disassociate_vpc_cidr_block(AssociationId=given["CidrBlockAssociation"]["AssociationId"])
    assert taken["CidrBlockAssociation"]["CidrBlockState"]["State"] == "disassociating" and taken["VpcId"] == vpc
    refused("InvalidVpcCidrBlockAssociationID.NotFound", ec2.disassociate_vpc_cidr_block,
            AssociationId=given["CidrBlockAssociation"]["AssociationId"])


def subnets(ec2, vpc):
    refused("InvalidSubnet.Range", ec2.create_subnet, VpcId=vpc, CidrBlock="10.1.0.0/24")
    refused("InvalidParameterValue", ec2.create_subnet, VpcId=vpc, CidrBlock="10.0.0.0/24", AvailabilityZone="us-east-1z")
    public = ec2.create_subnet(VpcId=vpc, CidrBlock="10.0.0.0/24", AvailabilityZone="us-east-1b",
                               TagSpecifications=tagged("subnet", "public"))["Subnet"]
    assert public["AvailableIpAddressCount"] == 251 and public["State"] == "available", public
    assert public["MapPublicIpOnLaunch"] is False and public["DefaultForAz"] is False, public
    refused("InvalidSubnet.Conflict", ec2.create_subnet, VpcId=vpc, CidrBlock="10.0.0.128/25")
    six = ec2.describe_vpcs(VpcIds=[vpc])["Vpcs"][0]["Ipv6CidrBlockAssociationSet"][0]["Ipv6CidrBlock"]
    first, second = [str(part) for part in islice(ip_network(six).subnets(new_prefix=64), 2)]
    private = ec2.create_subnet(VpcId=vpc, CidrBlock="10.0.1.0/24", AvailabilityZoneId="use1-az2",
                                Ipv6CidrBlock=first)["Subnet"]
    assert private["Ipv6CidrBlockAssociationSet"][0]["Ipv6CidrBlock"] == first, private
    public, private = public["SubnetId"], private["SubnetId"]
    refused("InvalidSubnet.Conflict", ec2.associate_subnet_cidr_block, SubnetId=public, Ipv6CidrBlock=first)
    assign = {"SubnetId": public, "AssignIpv6AddressOnCreation": {"Value": True}}
    refused("InvalidParameterValue", ec2.modify_subnet_attribute, **assign)
    given = ec2.associate_subnet_cidr_block(SubnetId=public, Ipv6CidrBlock=second)
    assert given["Ipv6CidrBlockAssociation"]["Ipv6CidrBlockState"]["State"] == "associating", given
    ec2.modify_subnet_attribute(**assign)
    ec2.modify_subnet_attribute(SubnetId=public, MapPublicIpOnLaunch={"Value": True})
    shown = ec2.describe_subnets(Filters=[{"Name": "map-public-ip-on-launch", "Values": ["true"]},
                                          {"Name": "vpc-id", "Values": [vpc]}])["Subnets"]
    assert [s["SubnetId"] for s in shown] == [public] and shown[0]["AssignIpv6AddressOnCreation"] is True, shown
    taken = ec2.disassociate_subnet_cidr_block(AssociationId=given["Ipv6CidrBlockAssociation"]["AssociationId"])
    assert taken["SubnetId"] == public, taken
    shown = ec2.describe_subnets(SubnetIds=[public])["Subnets"][0]
    assert shown["Ipv6CidrBlockAssociationSet"] == [] and shown["AssignIpv6AddressOnCreation"] is False, shown
    refused("UnsupportedOperation", ec2.modify_subnet_attribute, SubnetId=public, EnableDns64={"Value": True})
    refused("DependencyViolation", ec2.delete_vpc, VpcId=vpc)
    return public, private


def options(ec2, vpc):
    refused("InvalidParameterValue", ec2.create_dhcp_options, DhcpConfigurations=[{"Key": "colour", "Values": ["red"]}])
    configuration = [{"Key": "domain-name", "Values": ["example.org"]},
                     {"Key": "domain-name-servers", "Values": ["10.0.0.9", "AmazonProvidedDNS"]}]
    made = ec2.create_dhcp_options(DhcpConfigurations=configuration, TagSpecifications=tagged("dhcp-options", "mine"))
    made = made["DhcpOptions"]
    shown = {c["Key"]: [v["Value"] for v in c["Values"]] for c in made["DhcpConfigurations"]}
    assert shown == {c["Key"]: c["Values"] for c in configuration}, shown
    mine = made["DhcpOptionsId"]
    found = ec2.describe_dhcp_options(Filters=[{"Name": "key", "Values": ["domain-name"]},
                                               {"Name": "value", "Values": ["example.*"]}])["DhcpOptions"]
    assert found == [made], found
    used = ec2.describe_vpcs(VpcIds=[vpc])["Vpcs"][0]["DhcpOptionsId"]
    default = ec2.describe_dhcp_options(DhcpOptionsIds=[used])["DhcpOptions"][0]["DhcpConfigurations"]
    assert {c["Key"]: c["Values"][0]["Value"] for c in default} == {
        "domain-name": "ec2.internal", "domain-name-servers": "AmazonProvidedDNS"}, default
    ec2.associate_dhcp_options(DhcpOptionsId=mine, VpcId=vpc)
    refused("DependencyViolation", ec2.delete_dhcp_options, DhcpOptionsId=mine)
    ec2.associate_dhcp_options(DhcpOptionsId="default", VpcId=vpc)
    assert ec2.describe_vpcs(VpcIds=[vpc])["Vpcs"][0]["DhcpOptionsId"] == "default"
    ec2.delete_dhcp_options(DhcpOptionsId=mine)
    refused("InvalidDhcpOptionID.NotFound", ec2.associate_dhcp_options, DhcpOptionsId=mine, VpcId=vpc)
    ec2.associate_dhcp_options(DhcpOptionsId=used, VpcId=vpc)


def route_tables(ec2, vpc, public, private):
    main = ec2.describe_route_tables(Filters=[{"Name": "association.main", "Values": ["true"]},
                                              {"Name": "vpc-id", "Values": [vpc]}])["RouteTables"][0]
    made = ec2.create_route_table(VpcId=vpc, ClientToken="t", TagSpecifications=tagged("route-table", "public"))
    assert made["ClientToken"] == "t"
    made = made["RouteTable"]
    again = ec2.create_route_table(VpcId=vpc, ClientToken="t", TagSpecifications=tagged("route-table", "public"))
    assert again["RouteTable"] == made and made["Associations"] == [], again
    refused("IdempotentParameterMismatch", ec2.create_route_table, VpcId=vpc, ClientToken="t")
    table = made["RouteTableId"]
    answer = ec2.associate_route_table(RouteTableId=table, SubnetId=public)
    assert answer["AssociationState"]["State"] == "associated", answer
    refused("Resource.AlreadyAssociated", ec2.associate_route_table, RouteTableId=table, SubnetId=public)
    held = ec2.associate_route_table(RouteTableId=table, SubnetId=private)["AssociationId"]
    moved = ec2.replace_route_table_association(AssociationId=held, RouteTableId=main["RouteTableId"])
    assert moved["NewAssociationId"] != held, moved
    refused("InvalidAssociationID.NotFound", ec2.disassociate_route_table, AssociationId=held)
    ec2.disassociate_route_table(AssociationId=moved["NewAssociationId"])
    association = main["Associations"][0]["RouteTableAssociationId"]
    refused("InvalidParameterValue", ec2.disassociate_route_table, AssociationId=association)
    new = ec2.replace_route_table_association(AssociationId=association, RouteTableId=table)["NewAssociationId"]
    refused("DependencyViolation", ec2.delete_route_table, RouteTableId=table)
    ec2.replace_route_table_association(AssociationId=new, RouteTableId=main["RouteTableId"])
    refused("DependencyViolation", ec2.delete_route_table, RouteTableId=table)
    refused("InvalidRouteTableID.NotFound", ec2.delete_route_table, RouteTableId="rtb-00000000000000000")
    return table


def routes_of(ec2, table):
    shown = ec2.describe_route_tables(RouteTableIds=[table])["RouteTables"][0]["Routes"]
    return {r.get("DestinationCidrBlock") or r.get("DestinationIpv6CidrBlock"): r for r in shown}


def internet_gateways(ec2, vpc, table):
    made = ec2.create_internet_gateway(TagSpecifications=tagged("internet-gateway", "out"))["InternetGateway"]
    gateway = made["InternetGatewayId"]
    assert made["Attachments"] == [], made
    everywhere = {"RouteTableId": table, "DestinationCidrBlock": "0.0.0.0/0"}
    refused("InvalidParameterValue", ec2.create_route, GatewayId=gateway, **everywhere, contains="different networks")
    refused("Gateway.NotAttached", ec2.detach_internet_gateway, InternetGatewayId=gateway, VpcId=vpc)
    ec2.attach_internet_gateway(InternetGatewayId=gateway, VpcId=vpc)
    refused("Resource.AlreadyAssociated", ec2.attach_internet_gateway, InternetGatewayId=gateway, VpcId=vpc)
    another = ec2.create_internet_gateway()["InternetGateway"]["InternetGatewayId"]
    refused("InvalidParameterValue", ec2.attach_internet_gateway, InternetGatewayId=another, VpcId=vpc)
    ec2.delete_internet_gateway(InternetGatewayId=another)
    refused("InvalidInternetGatewayID.NotFound", ec2.delete_internet_gateway, InternetGatewayId=another)
    refused("InvalidGatewayID.NotFound", ec2.create_route, GatewayId=another, **everywhere)
    refused("DependencyViolation", ec2.delete_internet_gateway, InternetGatewayId=gateway)
    shown = ec2.describe_internet_gateways(Filters=[{"Name": "attachment.vpc-id", "Values": [vpc]}])["InternetGateways"]
    assert [g["Attachments"] for g in shown] == [[{"State": "available", "VpcId": vpc}]], shown
    refused("DryRunOperation", ec2.create_route, GatewayId=gateway, **everywhere, DryRun=True)
    assert ec2.create_route(GatewayId=gateway, **everywhere)["Return"] is True
    refused("RouteAlreadyExists", ec2.create_route, GatewayId=gateway, **everywhere)
    refused("RouteAlreadyExists", ec2.create_route, RouteTableId=table, DestinationCidrBlock="10.0.0.0/16", GatewayId=gateway)
    refused("InvalidParameterValue", ec2.create_route, RouteTableId=table, DestinationCidrBlock="10.0.0.0/24", GatewayId=gateway)
    refused("InvalidParameterValue", ec2.delete_route, RouteTableId=table, DestinationCidrBlock="10.0.0.0/16")
    refused("InvalidRoute.NotFound", ec2.delete_route, RouteTableId=table, DestinationCidrBlock="192.0.2.0/24")
    refused("InvalidRoute.NotFound", ec2.replace_route, RouteTableId=table, DestinationCidrBlock="192.0.2.0/24", GatewayId=gateway)
    refused("InvalidParameterCombination", ec2.create_route, RouteTableId=table, DestinationCidrBlock="192.0.2.0/24",
            GatewayId=gateway, NetworkInterfaceId="eni-00000000000000000")
    route = routes_of(ec2, table)["0.0.0.0/0"]
    assert route == {"DestinationCidrBlock": "0.0.0.0/0", "GatewayId": gateway, "Origin": "CreateRoute",
                     "State": "active"}, route
    ec2.detach_internet_gateway(InternetGatewayId=gateway, VpcId=vpc)
    assert routes_of(ec2, table)["0.0.0.0/0"]["State"] == "blackhole"
    ec2.attach_internet_gateway(InternetGatewayId=gateway, VpcId=vpc)
    assert routes_of(ec2, table)["0.0.0.0/0"]["State"] == "active"
    return gateway


def egress_only_gateways(ec2, vpc, table):
    ask = lambda: ec2.create_egress_only_internet_gateway(
        VpcId=vpc, ClientToken="e", TagSpecifications=tagged("egress-only-internet-gateway", "six"))
    made = ask()["EgressOnlyInternetGateway"]
    assert made == ask()["EgressOnlyInternetGateway"] and made["Attachments"] == [{"State": "attached", "VpcId": vpc}]
    gateway = made["EgressOnlyInternetGatewayId"]
    shown = ec2.describe_egress_only_internet_gateways(EgressOnlyInternetGatewayIds=[gateway])
    assert shown["EgressOnlyInternetGateways"] == [made], shown
    refused("InvalidParameterValue", ec2.create_route, RouteTableId=table, DestinationCidrBlock="192.0.2.0/24",
            EgressOnlyInternetGatewayId=gateway)
    ec2.create_route(RouteTableId=table, DestinationIpv6CidrBlock="::/0", EgressOnlyInternetGatewayId=gateway)
    assert routes_of(ec2, table)["::/0"]["EgressOnlyInternetGatewayId"] == gateway
    found = ec2.describe_route_tables(Filters=[{"Name": "route.egress-only-internet-gateway-id", "Values": [gateway]}])
    assert [t["RouteTableId"] for t in found["RouteTables"]] == [table]
    return gateway


def nat_gateways(ec2, vpc, public, internet, table):
    shown = lambda gateway: ec2.describe_nat_gateways(NatGatewayIds=[gateway])["NatGateways"][0]
    refused("InvalidSubnetID.NotFound", ec2.create_nat_gateway, SubnetId="subnet-00000000000000000",
            AllocationId="eipalloc-00000000000000000", DryRun=True)
    refused("UnsupportedOperation", ec2.create_nat_gateway, SubnetId=public, ConnectivityType="private")
    lost = ec2.create_nat_gateway(SubnetId=public, AllocationId="eipalloc-00000000000000000")["NatGateway"]
    assert (lost["State"], lost["FailureCode"]) == ("failed", "InvalidAllocationID.NotFound"), lost
    elastic = ec2.allocate_address(Domain="vpc")
    ask = lambda: ec2.create_nat_gateway(SubnetId=public, AllocationId=elastic["AllocationId"], ClientToken="n",
                                         TagSpecifications=tagged("natgateway", "nat"))["NatGateway"]
    made = ask()
    gateway = made["NatGatewayId"]
    assert made["State"] == "pending" and made["ConnectivityType"] == "public" and made["VpcId"] == vpc, made
    ec2.get_waiter("nat_gateway_available").wait(NatGatewayIds=[gateway], WaiterConfig={"Delay": 1})
    assert ask()["NatGatewayId"] == gateway, "the same token gives the same gateway"
    address, = shown(gateway)["NatGatewayAddresses"]
    assert address["PublicIp"] == elastic["PublicIp"] and address["Status"] == "succeeded", address
    interface = ec2.describe_network_interfaces(NetworkInterfaceIds=[address["NetworkInterfaceId"]])["NetworkInterfaces"]
    assert interface[0]["InterfaceType"] == "nat_gateway" and interface[0]["RequesterManaged"] is True, interface
    assert interface[0]["PrivateIpAddress"] == address["PrivateIp"] and interface[0]["Groups"] == [], interface
    again = ec2.create_nat_gateway(SubnetId=public, AllocationId=elastic["AllocationId"])["NatGateway"]
    assert again["FailureCode"] == "Resource.AlreadyAssociated", again
    refused("InvalidIPAddress.InUse", ec2.release_address,
            AllocationId=elastic["AllocationId"])
    to = {"RouteTableId": table, "DestinationCidrBlock": "198.51.100.0/24"}
    ec2.create_route(NatGatewayId=gateway, **to)
    route = routes_of(ec2, table)["198.51.100.0/24"]
    assert (route["NatGatewayId"], route["State"]) == (gateway, "active"), route
    refused("InvalidParameterValue", ec2.create_route, RouteTableId=table, DestinationIpv6CidrBlock="2001:db8::/32",
            NatGatewayId=gateway)
    refused("DependencyViolation", ec2.detach_internet_gateway, InternetGatewayId=internet, VpcId=vpc)
    refused("DependencyViolation", ec2.delete_subnet, SubnetId=public)
    assert ec2.delete_nat_gateway(NatGatewayId=gateway)["NatGatewayId"] == gateway
    assert routes_of(ec2, table)["198.51.100.0/24"]["State"] == "blackhole"
    ec2.get_waiter("nat_gateway_deleted").wait(NatGatewayIds=[gateway], WaiterConfig={"Delay": 1})
    assert "DeleteTime" in shown(gateway)
    refused("NatGatewayNotFound", ec2.delete_nat_gateway, NatGatewayId=gateway)
    refused("InvalidNatGatewayID.NotFound", ec2.replace_route, NatGatewayId=gateway, **to)
    found = ec2.describe_nat_gateways(Filter=[{"Name": "state", "Values": ["deleted"]}])["NatGateways"]
    assert [g["NatGatewayId"] for g in found] == [gateway], found
    assert "AssociationId" not in ec2.describe_addresses(AllocationIds=[elastic["AllocationId"]])["Addresses"][0]
    ec2.release_address(AllocationId=elastic["AllocationId"])
    ec2.delete_route(**to)
    ec2.delete_nat_gateway(NatGatewayId=lost["NatGatewayId"])


def to_interfaces(ec2, image, public, private, table):
    """A route to an instance is one to its interface, and a blackhole while the instance does not run."""
    made = ec2.run_instances(ImageId=image, MinCount=1, MaxCount=1, SubnetId=private)["Instances"][0]
    instance, eni = made["InstanceId"], made["NetworkInterfaces"][0]["NetworkInterfaceId"]
    assert "PublicIpAddress" not in made and made["SubnetId"] == private, made
    status = lambda: ec2.describe_instances(InstanceIds=[instance])["Reservations"][0]["Instances"][0]["State"]["Name"]
    eventually("it runs", lambda: status() == "running")
    to = {"RouteTableId": table, "DestinationCidrBlock": "192.0.2.0/24"}
    ec2.create_route(InstanceId=instance, **to)
    route = routes_of(ec2, table)["192.0.2.0/24"]
    assert (route["NetworkInterfaceId"], route["InstanceId"], route["State"]) == (eni, instance, "active"), route
    subnet = ec2.create_route(RouteTableId=table, DestinationCidrBlock="10.0.1.0/24", NetworkInterfaceId=eni)
    assert subnet["Return"] is True, "a route for a whole subnet may lead to an interface"
    ec2.delete_route(RouteTableId=table, DestinationCidrBlock="10.0.1.0/24")
    ec2.stop_instances(InstanceIds=[instance])
    eventually("it is stopped", lambda: status() == "stopped")
    assert routes_of(ec2, table)["192.0.2.0/24"]["State"] == "blackhole"
    refused("DependencyViolation", ec2.delete_subnet, SubnetId=private)
    ec2.terminate_instances(InstanceIds=[instance])
    eventually("it is terminated", lambda: status() == "terminated")
    route = routes_of(ec2, table)["192.0.2.0/24"]
    assert route["State"] == "blackhole" and "InstanceId" not in route, route
    ec2.replace_route(NetworkInterfaceId=ec2.create_network_interface(SubnetId=public)["NetworkInterface"]["NetworkInterfaceId"], **to)
    moved = routes_of(ec2, table)["192.0.2.0/24"]["NetworkInterfaceId"]
    assert moved != eni
    mapped = ec2.run_instances(ImageId=image, MinCount=1, MaxCount=1, SubnetId=public)["Instances"][0]["InstanceId"]
    shown = lambda: ec2.describe_instances(InstanceIds=[mapped])["Reservations"][0]["Instances"][0]
    eventually("the subnet gives a public address", lambda: "PublicIpAddress" in shown())
    attached = ec2.describe_internet_gateways(Filters=[{"Name": "tag:Name", "Values": ["out"]}])["InternetGateways"][0]
    refused("DependencyViolation", ec2.detach_internet_gateway, InternetGatewayId=attached["InternetGatewayId"],
            VpcId=attached["Attachments"][0]["VpcId"], contains="mapped public address")
    ec2.terminate_instances(InstanceIds=[mapped])
    eventually("it is terminated", lambda: shown()["State"]["Name"] == "terminated")
    ec2.delete_network_interface(NetworkInterfaceId=moved)


def the_end(ec2, vpc, subnets, table, gateway, egress_only):
    refused("DependencyViolation", ec2.delete_vpc, VpcId=vpc)
    ec2.create_tags(Resources=[vpc, table, gateway, egress_only], Tags=[{"Key": "end", "Value": "near"}])
    tags = ec2.describe_tags(Filters=[{"Name": "key", "Values": ["end"]}])["Tags"]
    assert {t["ResourceType"] for t in tags} == {"vpc", "route-table", "internet-gateway",
                                                 "egress-only-internet-gateway"}, tags
    for subnet in subnets:
        ec2.delete_subnet(SubnetId=subnet)
        refused("InvalidSubnetID.NotFound", ec2.delete_subnet, SubnetId=subnet)
    assert ec2.delete_egress_only_internet_gateway(EgressOnlyInternetGatewayId=egress_only)["ReturnCode"] is True
    assert routes_of(ec2, table)["::/0"]["State"] == "blackhole"
    ec2.delete_route_table(RouteTableId=table)
    ec2.detach_internet_gateway(InternetGatewayId=gateway, VpcId=vpc)
    ec2.delete_internet_gateway(InternetGatewayId=gateway)
    refused("DryRunOperation", ec2.delete_vpc, VpcId=vpc, DryRun=True)
    ec2.delete_vpc(VpcId=vpc)
    refused("InvalidVpcID.NotFound", ec2.delete_vpc, VpcId=vpc)
    assert ec2.describe_tags(Filters=[{"Name": "key", "Values": ["end"]}])["Tags"] == []


def defaults(ec2):
    """The default VPC goes piece by piece and comes back."""
    refused("DefaultVpcAlreadyExists", ec2.create_default_vpc)
    refused("DefaultSubnetAlreadyExistsInAvailabilityZone", ec2.create_default_subnet, AvailabilityZone="us-east-1a")
    running = [i["InstanceId"] for r in ec2.describe_instances()["Reservations"] for i in r["Instances"]]
    ec2.terminate_instances(InstanceIds=running)
    eventually("nothing is left in the default VPC", lambda: ec2.describe_network_interfaces()["NetworkInterfaces"] == [])
    vpc = ec2.describe_vpcs(Filters=[{"Name": "is-default", "Values": ["true"]}])["Vpcs"][0]["VpcId"]
    subnets = ec2.describe_subnets(Filters=[{"Name": "vpc-id", "Values": [vpc]}])["Subnets"]
    first = next(s for s in subnets if s["AvailabilityZone"] == "us-east-1a")
    ec2.delete_subnet(SubnetId=first["SubnetId"])
    back = ec2.create_default_subnet(AvailabilityZone="us-east-1a")["Subnet"]
    assert back["CidrBlock"] == first["CidrBlock"] and back["DefaultForAz"] and back["MapPublicIpOnLaunch"], back
    for subnet in ec2.describe_subnets(Filters=[{"Name": "vpc-id", "Values": [vpc]}])["Subnets"]:
        ec2.delete_subnet(SubnetId=subnet["SubnetId"])
    gateway = ec2.describe_internet_gateways(Filters=[{"Name": "attachment.vpc-id", "Values": [vpc]}])
    gateway = gateway["InternetGateways"][0]["InternetGatewayId"]
    ec2.detach_internet_gateway(InternetGatewayId=gateway, VpcId=vpc)
    ec2.delete_internet_gateway(InternetGatewayId=gateway)
    ec2.delete_vpc(VpcId=vpc)
    attributes = {a["AttributeName"]: a["AttributeValues"] for a in ec2.describe_account_attributes()["AccountAttributes"]}
    assert attributes["default-vpc"][0]["AttributeValue"] == "none"
    made = ec2.create_default_vpc()["Vpc"]
    assert made["IsDefault"] and made["CidrBlock"] == "172.31.0.0/16", made
    assert len(ec2.describe_subnets(Filters=[{"Name": "default-for-az", "Values": ["true"]}])["Subnets"]) == 2
    table = ec2.describe_route_tables(Filters=[{"Name": "vpc-id", "Values": [made["VpcId"]]}])["RouteTables"][0]
    assert [r["DestinationCidrBlock"] for r in table["Routes"]] == ["172.31.0.0/16", "0.0.0.0/0"], table
    assert table["Routes"][1]["GatewayId"].startswith("igw-") and table["Routes"][1]["State"] == "active"
