-- Managed prefix lists and network ACLs.

CREATE TABLE prefix_lists (
    id          TEXT PRIMARY KEY,
    name        TEXT NOT NULL,
    family      TEXT NOT NULL,
    max_entries INTEGER NOT NULL,
    version     INTEGER NOT NULL,
    state       TEXT NOT NULL,
    created     INTEGER NOT NULL
) STRICT;

-- An entry is in the versions from `since` on, up to but without `until`.
CREATE TABLE prefix_list_entries (
    list_id     TEXT NOT NULL REFERENCES prefix_lists (id) ON DELETE CASCADE,
    cidr        TEXT NOT NULL,
    description TEXT,
    since       INTEGER NOT NULL,
    until       INTEGER,
    PRIMARY KEY (list_id, cidr, since)
) STRICT;

CREATE TABLE network_acls (
    seq        INTEGER PRIMARY KEY,
    id         TEXT NOT NULL UNIQUE,
    vpc_id     TEXT NOT NULL REFERENCES vpcs (id) ON DELETE CASCADE,
    is_default INTEGER NOT NULL
) STRICT;
CREATE UNIQUE INDEX one_default_acl ON network_acls (vpc_id) WHERE is_default = 1;

CREATE TABLE network_acl_entries (
    acl_id    TEXT NOT NULL REFERENCES network_acls (id) ON DELETE CASCADE,
    direction TEXT NOT NULL,
    number    INTEGER NOT NULL,
    allow     INTEGER NOT NULL,
    traffic   TEXT NOT NULL,
    cidr      TEXT NOT NULL,
    PRIMARY KEY (acl_id, direction, number)
) STRICT;

CREATE TABLE network_acl_associations (
    id        TEXT PRIMARY KEY,
    acl_id    TEXT NOT NULL REFERENCES network_acls (id) ON DELETE CASCADE,
    subnet_id TEXT NOT NULL UNIQUE REFERENCES subnets (id) ON DELETE CASCADE
) STRICT;

-- A VPC has its default ACL from its first moment on, and a subnet is associated with it, whoever makes them.
CREATE TRIGGER default_acl_of_vpc AFTER INSERT ON vpcs BEGIN
    INSERT INTO network_acls (id, vpc_id, is_default)
        VALUES ('acl-' || substr(lower(hex(randomblob(9))), 1, 17), NEW.id, 1);
    INSERT INTO network_acl_entries (acl_id, direction, number, allow, traffic, cidr)
        SELECT a.id, d.column1, 100, 1, '"all"', '0.0.0.0/0'
        FROM network_acls a JOIN (VALUES ('ingress'), ('egress')) d WHERE a.vpc_id = NEW.id AND a.is_default = 1;
END;
CREATE TRIGGER default_acl_of_subnet AFTER INSERT ON subnets BEGIN
    INSERT INTO network_acl_associations (id, acl_id, subnet_id)
        SELECT 'aclassoc-' || substr(lower(hex(randomblob(9))), 1, 17), id, NEW.id
        FROM network_acls WHERE vpc_id = NEW.vpc_id AND is_default = 1;
END;
CREATE TRIGGER tags_of_deleted_acl AFTER DELETE ON network_acls BEGIN
    DELETE FROM tags WHERE resource_id = OLD.id;
END;

INSERT INTO network_acls (id, vpc_id, is_default)
    SELECT 'acl-' || substr(lower(hex(randomblob(9))), 1, 17), id, 1 FROM vpcs;
INSERT INTO network_acl_entries (acl_id, direction, number, allow, traffic, cidr)
    SELECT a.id, d.column1, 100, 1, '"all"', '0.0.0.0/0'
    FROM network_acls a JOIN (VALUES ('ingress'), ('egress')) d;
INSERT INTO network_acl_associations (id, acl_id, subnet_id)
    SELECT 'aclassoc-' || substr(lower(hex(randomblob(9))), 1, 17), a.id, s.id
    FROM subnets s JOIN network_acls a ON a.vpc_id = s.vpc_id;
-- With a VPC's first IPv6 range its default ACL lets IPv6 pass too, in the directions in which nobody has changed it
-- (VPC guide, "Default network ACL").
CREATE TRIGGER default_acl_for_ipv6 AFTER INSERT ON vpc_ranges WHEN NEW.family = 6 BEGIN
    INSERT OR IGNORE INTO network_acl_entries (acl_id, direction, number, allow, traffic, cidr)
        SELECT a.id, e.direction, 101, 1, '"all"', '::/0'
        FROM network_acls a JOIN network_acl_entries e ON e.acl_id = a.id
        WHERE a.vpc_id = NEW.vpc_id AND a.is_default = 1
        GROUP BY a.id, e.direction
        HAVING count(*) = 1 AND max(e.number) = 100 AND max(e.allow) = 1 AND max(e.traffic) = '"all"'
           AND max(e.cidr) = '0.0.0.0/0';
END;
INSERT INTO network_acl_entries (acl_id, direction, number, allow, traffic, cidr)
    SELECT a.id, d.column1, 101, 1, '"all"', '::/0'
    FROM network_acls a JOIN (VALUES ('ingress'), ('egress')) d
    WHERE a.is_default = 1 AND a.vpc_id IN (SELECT vpc_id FROM vpc_ranges WHERE family = 6);
