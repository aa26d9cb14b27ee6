-- VPCs in full: ranges, attributes, DHCP options, route tables and gateways. What was there keeps on as it was: the
-- default VPC gets the internet gateway, the main route table and the DHCP options set that it has always worked as if
-- it had.

-- dhcp_options_id is 'default' where a VPC has no set.
ALTER TABLE vpcs ADD COLUMN dns_support INTEGER NOT NULL DEFAULT 1;
ALTER TABLE vpcs ADD COLUMN dns_hostnames INTEGER NOT NULL DEFAULT 0;
ALTER TABLE vpcs ADD COLUMN address_metrics INTEGER NOT NULL DEFAULT 0;
UPDATE vpcs SET dns_hostnames = 1;

-- A VPC's ranges beyond the one that it was made with, IPv4 and IPv6.
CREATE TABLE vpc_ranges (
    seq    INTEGER PRIMARY KEY,
    id     TEXT NOT NULL UNIQUE,
    vpc_id TEXT NOT NULL REFERENCES vpcs (id) ON DELETE CASCADE,
    family INTEGER NOT NULL CHECK (family IN (4, 6)),
    cidr   TEXT NOT NULL
) STRICT;
CREATE UNIQUE INDEX one_vpc_for_an_ipv6_range ON vpc_ranges (cidr) WHERE family = 6;

ALTER TABLE subnets ADD COLUMN ipv6_id TEXT;
ALTER TABLE subnets ADD COLUMN ipv6_cidr TEXT;
ALTER TABLE subnets ADD COLUMN assign_ipv6 INTEGER NOT NULL DEFAULT 0;
CREATE UNIQUE INDEX one_subnet_for_an_ipv6_range ON subnets (ipv6_cidr) WHERE ipv6_cidr IS NOT NULL;

-- The default set's options are the region's, which are computed; its column says nothing.
CREATE TABLE dhcp_options (
    seq        INTEGER PRIMARY KEY,
    id         TEXT NOT NULL UNIQUE,
    is_default INTEGER NOT NULL,
    options    TEXT NOT NULL
) STRICT;
CREATE UNIQUE INDEX one_default_dhcp_options ON dhcp_options (is_default) WHERE is_default = 1;
INSERT INTO dhcp_options (id, is_default, options) SELECT dhcp_options_id, 1, '{}' FROM vpcs WHERE is_default = 1;

CREATE TABLE route_tables (
    seq     INTEGER PRIMARY KEY,
    id      TEXT NOT NULL UNIQUE,
    vpc_id  TEXT NOT NULL REFERENCES vpcs (id) ON DELETE CASCADE,
    -- The association that makes it its VPC's main one.
    main_id TEXT UNIQUE
) STRICT;
CREATE UNIQUE INDEX one_main_route_table ON route_tables (vpc_id) WHERE main_id IS NOT NULL;

CREATE TABLE route_table_associations (
    seq            INTEGER PRIMARY KEY,
    id             TEXT NOT NULL UNIQUE,
    route_table_id TEXT NOT NULL REFERENCES route_tables (id),
    subnet_id      TEXT NOT NULL UNIQUE REFERENCES subnets (id) ON DELETE CASCADE
) STRICT;

-- Routes beside the local ones. What a target names may be gone.
CREATE TABLE routes (
    seq            INTEGER PRIMARY KEY,
    route_table_id TEXT NOT NULL REFERENCES route_tables (id) ON DELETE CASCADE,
    destination    TEXT NOT NULL,
    target         TEXT NOT NULL,
    UNIQUE (route_table_id, destination)
) STRICT;

CREATE TABLE internet_gateways (
    seq    INTEGER PRIMARY KEY,
    id     TEXT NOT NULL UNIQUE,
    vpc_id TEXT UNIQUE REFERENCES vpcs (id)
) STRICT;

CREATE TABLE egress_only_gateways (
    seq    INTEGER PRIMARY KEY,
    id     TEXT NOT NULL UNIQUE,
    vpc_id TEXT NOT NULL UNIQUE REFERENCES vpcs (id)
) STRICT;

INSERT INTO route_tables (id, vpc_id, main_id)
    SELECT 'rtb-' || substr(lower(hex(randomblob(9))), 1, 17), id,
           'rtbassoc-' || substr(lower(hex(randomblob(9))), 1, 17) FROM vpcs;
INSERT INTO internet_gateways (id, vpc_id)
    SELECT 'igw-' || substr(lower(hex(randomblob(9))), 1, 17), id FROM vpcs;
INSERT INTO routes (route_table_id, destination, target)
    SELECT t.id, '0.0.0.0/0', g.id FROM route_tables t JOIN internet_gateways g ON g.vpc_id = t.vpc_id;

-- A terminated instance stays listed for a while and must not hold its subnet and VPC: the columns without their
-- references.
ALTER TABLE instances ADD COLUMN was_in_vpc TEXT NOT NULL DEFAULT '';
ALTER TABLE instances ADD COLUMN was_in_subnet TEXT NOT NULL DEFAULT '';
UPDATE instances SET was_in_vpc = vpc_id, was_in_subnet = subnet_id;
ALTER TABLE instances DROP COLUMN vpc_id;
ALTER TABLE instances DROP COLUMN subnet_id;
ALTER TABLE instances RENAME COLUMN was_in_vpc TO vpc_id;
ALTER TABLE instances RENAME COLUMN was_in_subnet TO subnet_id;
